/**
 * Many descriptors behind one: which of them are ready. @see epoll(7)
 *
 * Level-triggered: what was not read is told again, behind the others that are ready, so that a
 * caller may stop after its turn. A descriptor that is closed leaves the set by itself.
 */
import type { Arena } from './arena.ts';
import { close, epollControl, epollCreate, epollWait, SystemCallError } from './libc.ts';

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 0x1;
const EPOLLERR = 0x8;
/** struct epoll_event is packed on x86-64 alone. */
const IS_PACKED = process.arch === 'x64';
const EVENT_LEN = IS_PACKED ? 12 : 16;
const DATA_AT = IS_PACKED ? 4 : 8;

/** Owned by one worker. */
export class Epoll {
  /** Readable while anything in the set is ready. */
  readonly fd: number;
  readonly #arena: Arena;
  readonly #eventsAt: number;
  readonly #capacity: number;

  /**
   * @param capacity Events that one `wait` gives at most.
   * @throws {SystemCallError}
   */
  constructor(arena: Arena, capacity: number) {
    this.fd = epollCreate(EPOLL_CLOEXEC);
    if (this.fd < 0) throw new SystemCallError('make an epoll descriptor');
    this.#arena = arena;
    this.#capacity = capacity;
    // One more, for what `add` says.
    this.#eventsAt = arena.take((capacity + 1) * EVENT_LEN);
  }

  /**
   * Waits for something to read, or an error, from now on.
   *
   * @param data Given back with each event, 0 to 2^31 − 1.
   * @returns Whether the kernel took it; if not, `errno` says why.
   */
  add(fd: number, data: number): boolean {
    const { view, base } = this.#arena;
    const at = this.#eventsAt + this.#capacity * EVENT_LEN;
    view.setUint32(at, EPOLLIN, true);
    view.setInt32(at + DATA_AT, data, true);
    return epollControl(this.fd, EPOLL_CTL_ADD, fd, base + at) === 0;
  }

  /** For descriptors that stay open; an unknown one is fine. */
  remove(fd: number): void {
    epollControl(this.fd, EPOLL_CTL_DEL, fd, this.#arena.base + this.#eventsAt);
  }

  /** @returns How many events there are, 0 when the time is up. */
  wait(timeoutMs: number): number {
    const eventsAt = this.#arena.base + this.#eventsAt;
    return Math.max(0, epollWait(this.fd, eventsAt, this.#capacity, timeoutMs));
  }

  /** What the descriptor of event `index` was added with. */
  data(index: number): number {
    return this.#arena.view.getInt32(this.#eventsAt + index * EVENT_LEN + DATA_AT, true);
  }

  isError(index: number): boolean {
    return (this.#arena.view.getUint32(this.#eventsAt + index * EVENT_LEN, true) & EPOLLERR) !== 0;
  }

  close(): void {
    close(this.fd);
  }
}
