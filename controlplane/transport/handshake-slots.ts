/**
 * Bounds how many strangers may be in the middle of a transport handshake.
 */
import { HANDSHAKES_BURST, HANDSHAKES_PER_S, MAX_HANDSHAKES, MAX_HANDSHAKES_PER_SOURCE } from './limits.ts';
import { sourceOf } from './socket-address.ts';
import { SourceRate } from './source-rate.ts';

export class HandshakeSlots {
  readonly #rate = new SourceRate(HANDSHAKES_PER_S, HANDSHAKES_BURST);
  readonly #perSource = new Map<string, number>();
  #taken = 0;

  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes a slot for one handshake.
   *
   * @param address IP address the handshake comes from: one source cannot take every slot.
   * @returns       Gives the slot back, once; null when none is free or the source comes too often.
   */
  take(address: string, nowMs = performance.now()): (() => void) | null {
    if (!this.#rate.take(address, nowMs)) return null;
    const source = sourceOf(address);
    const held = this.#perSource.get(source) ?? 0;
    if (this.#taken >= MAX_HANDSHAKES || held >= MAX_HANDSHAKES_PER_SOURCE) return null;
    this.#taken += 1;
    this.#perSource.set(source, held + 1);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      this.#giveBack(source);
    };
  }

  #giveBack(source: string): void {
    this.#taken -= 1;
    const held = (this.#perSource.get(source) ?? 1) - 1;
    if (held === 0) this.#perSource.delete(source);
    else this.#perSource.set(source, held);
  }
}
