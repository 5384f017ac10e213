/** What systemd is to a service of Type=notify: a datagram socket that hears its states. */
import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, bind, close, recvfrom, SystemCallError, socket } from '../../dataplane/io/libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;

export class ServiceManager {
  /** Value of NOTIFY_SOCKET. */
  readonly path: string;
  readonly #fd: number;
  readonly #states: string[] = [];

  constructor(path: string) {
    this.path = path;
    this.#fd = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${path}\0`)]);
    if (bind(this.#fd, addressOf(address), address.length) < 0) throw new SystemCallError(`bind ${path}`);
  }

  /** Lines received until now, in order. */
  states(): readonly string[] {
    const bytes = Buffer.alloc(4_096);
    for (;;) {
      const len = recvfrom(this.#fd, addressOf(bytes), bytes.length, 0, 0, 0);
      if (len < 0) return this.#states;
      this.#states.push(...bytes.toString('utf8', 0, len).split('\n'));
    }
  }

  /** @throws {Error} when the state does not come in time. */
  async until(state: string, timeoutMs: number): Promise<void> {
    const endAtMs = performance.now() + timeoutMs;
    while (!this.states().includes(state)) {
      if (performance.now() > endAtMs)
        throw new Error(`no ${state} within ${timeoutMs} ms: ${this.states()}`);
      await sleep(10);
    }
  }

  close(): void {
    close(this.#fd);
  }
}
