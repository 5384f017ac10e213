/** A local port of a switched network as a source of its loop. */
import { type Source, TURN_FRAMES } from './link.ts';
import type { LocalPort } from './local-port.ts';
import type { SwitchedLink } from './switched-link.ts';

export class PortSource implements Source {
  readonly fd: number;
  readonly #local: LocalPort;
  readonly #link: SwitchedLink;
  readonly #onLost: () => void;
  #isLost = false;

  /** @param onLost Nothing will ever come from the port again. */
  constructor(local: LocalPort, link: SwitchedLink, onLost: () => void) {
    this.fd = local.port.fd;
    this.#local = local;
    this.#link = link;
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
      frames += this.#link.take(local, port.frameAt, len, nowMs);
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
