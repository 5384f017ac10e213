/** A local port of a network as a source of its loop. */
import { type Source, TURN_FRAMES } from './link.ts';
import type { LocalPort } from './local-port.ts';

/** Who forwards what a port gives: a switch or a router. */
export interface Forwarder<P extends LocalPort> {
  /** Forwards a frame. @returns How many frames that was. */
  take(from: P, frameAt: number, len: number, nowMs: number): number;
}

export class PortSource<P extends LocalPort> implements Source {
  readonly fd: number;
  readonly #local: P;
  readonly #forwarder: Forwarder<P>;
  readonly #onLost: () => void;
  #isLost = false;

  /** @param onLost Nothing will ever come from the port again. */
  constructor(local: P, forwarder: Forwarder<P>, onLost: () => void) {
    this.fd = local.port.fd;
    this.#local = local;
    this.#forwarder = forwarder;
    this.#onLost = onLost;
  }

  take(nowMs: number): number {
    const local = this.#local;
    const { port } = local;
    let frames = 0;
    while (frames < TURN_FRAMES) {
      const len = port.receive();
      if (len === 0) {
        local.standing.empty();
        break;
      }
      frames += this.#forwarder.take(local, port.frameAt, len, nowMs);
    }
    return frames;
  }

  idle(): void {
    this.#local.standing.empty();
  }

  /** A socket may report an error and go on: its port finds out. */
  fail(nowMs: number): boolean {
    this.take(nowMs);
    return this.check();
  }

  check(): boolean {
    if (!this.#local.port.isClosed) return false;
    if (!this.#isLost) this.#onLost();
    this.#isLost = true;
    return true;
  }
}
