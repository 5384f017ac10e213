/**
 * One block of memory for everything a worker touches per packet.
 *
 * Packets, message headers and scratch live in one fixed WebAssembly memory, so that every
 * address is `base + offset`, nothing moves, and nothing is allocated after the start.
 */
import { addressOf } from './libc.ts';
import { mapLow, unmapLow } from './low-alias.ts';

const PAGE_LEN = 65_536;

export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Machine address of offset 0. */
  readonly base: number;
  /** Whether that is below 2 GiB: see low-alias.ts. */
  readonly isLow: boolean;
  #next = 64;

  /**
   * @param len Size in bytes, rounded up to 64 KiB pages; fixed from then on.
   * @param low Whether to have it below 2 GiB, if that can be; `close` is to be called then.
   */
  constructor(len: number, low = false) {
    const pages = Math.ceil(len / PAGE_LEN);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    const address = addressOf(this.bytes);
    const alias = low ? mapLow(address, this.bytes.length) : 0;
    this.isLow = alias > 0;
    this.base = alias > 0 ? alias : address;
  }

  /** Ends the use of machine addresses: none that was made from `base` is valid any more. */
  close(): void {
    if (this.isLow) unmapLow(this.base, this.bytes.length);
  }

  /**
   * Takes `len` bytes for good.
   *
   * @returns Offset of the zeroed block, a multiple of 64 (a cache line); never 0.
   * @throws {RangeError} when the arena was sized too small for its users.
   */
  take(len: number): number {
    const at = this.#next;
    const next = at + Math.ceil(len / 64) * 64;
    if (next > this.bytes.length) {
      throw new RangeError(`arena of ${this.bytes.length} bytes has no room for ${len} more at ${at}`);
    }
    this.#next = next;
    return at;
  }

  /** Lets `use` take what it likes, which is given back, zeroed, when it ends. */
  borrow<T>(use: () => T): T {
    const at = this.#next;
    try {
      return use();
    } finally {
      this.bytes.fill(0, at, this.#next);
      this.#next = at;
    }
  }

  /** Writes the machine address of offset `at` as a pointer to offset `pointerAt`. */
  setPointer(pointerAt: number, at: number): void {
    const address = this.base + at;
    // As two halves: no BigInt. Addresses are below 2^53.
    this.view.setUint32(pointerAt, address >>> 0, true);
    this.view.setUint32(pointerAt + 4, Math.floor(address / 0x1_0000_0000), true);
  }
}
