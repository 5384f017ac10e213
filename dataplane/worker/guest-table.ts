/** Which guest of a network has an address: the longest prefix decides. */
import { Lpm } from '../route/lpm.ts';
import { addressBits, formatPrefix, type Prefix } from '../route/prefix.ts';

/** What the table knows of a guest. */
export interface PrefixOwner {
  readonly prefixes: readonly Prefix[];
}

/** Guests are compared by identity. Owned by one worker. */
export class GuestTable<T extends PrefixOwner> {
  readonly #by4 = new Lpm<T>(4);
  readonly #by6 = new Lpm<T>(6);

  /** @throws {RangeError} when another guest, or it itself, has one of the prefixes; nothing changed then. */
  add(guest: T): void {
    const added: Prefix[] = [];
    for (const prefix of guest.prefixes) {
      if (this.#of(prefix.family).get(prefix) !== undefined) {
        for (const own of added) this.#of(own.family).remove(own);
        throw new RangeError(`Cannot give a guest ${formatPrefix(prefix)}: one has it`);
      }
      this.#of(prefix.family).insert(prefix, guest);
      added.push(prefix);
    }
  }

  /** A guest that was added. */
  remove(guest: T): void {
    for (const prefix of guest.prefixes) this.#of(prefix.family).remove(prefix);
  }

  /** Allocates nothing. @param ipAt Offset of 4 bytes for family 4, of 16 for family 6. */
  lookup(view: DataView, family: 4 | 6, ipAt: number): T | undefined {
    return this.#of(family).lookup(view, ipAt, addressBits(family));
  }

  #of(family: 4 | 6): Lpm<T> {
    return family === 4 ? this.#by4 : this.#by6;
  }
}
