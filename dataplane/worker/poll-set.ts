/** The descriptors that a queue's thread sleeps on. @see poll(2) */
import type { Arena } from '../io/arena.ts';
import { poll } from '../io/libc.ts';

/** struct pollfd */
const POLLFD_LEN = 8;
const EVENTS_AT = 4;
const RESULT_AT = 6;
const POLLIN = 1;
/** An error, a hang-up, or a descriptor that is none: it would be ready for ever. */
const BROKEN = 0x8 | 0x10 | 0x20;
/** poll(2) passes over negative descriptors. */
const NONE = -1;

/** Owned by one worker. Places are numbered in the order they were added; those behind one that goes move up. */
export class PollSet {
  readonly capacity: number;
  readonly #arena: Arena;
  readonly #at: number;
  #count = 0;

  constructor(arena: Arena, capacity: number) {
    this.capacity = capacity;
    this.#arena = arena;
    this.#at = arena.take(capacity * POLLFD_LEN);
  }

  get count(): number {
    return this.#count;
  }

  /** @returns Its place. @throws {RangeError} when the set is full. */
  add(fd: number): number {
    if (this.#count === this.capacity)
      throw new RangeError(`Cannot poll more than ${this.capacity} descriptors`);
    const place = this.#count++;
    this.#write(place, fd);
    return place;
  }

  remove(place: number): void {
    const { view } = this.#arena;
    this.#count--;
    for (let i = place; i < this.#count; i++) {
      const nextAt = this.#at + (i + 1) * POLLFD_LEN;
      this.#write(i, view.getInt32(nextAt, true));
    }
  }

  /** Asks no more for what is there. */
  mute(place: number): void {
    this.#write(place, NONE);
  }

  /** Waits until one is ready. @returns How many are; 0 when the time is up. */
  wait(timeoutMs: number): number {
    return poll(this.#arena.base + this.#at, this.#count, timeoutMs);
  }

  /** Whether the last `wait` found something there, be it an error. */
  isReady(place: number): boolean {
    return this.#result(place) !== 0;
  }

  isBroken(place: number): boolean {
    return (this.#result(place) & BROKEN) !== 0;
  }

  #result(place: number): number {
    return this.#arena.view.getInt16(this.#at + place * POLLFD_LEN + RESULT_AT, true);
  }

  #write(place: number, fd: number): void {
    const at = this.#at + place * POLLFD_LEN;
    const { view } = this.#arena;
    view.setInt32(at, fd, true);
    view.setInt16(at + EVENTS_AT, POLLIN, true);
    view.setInt16(at + RESULT_AT, 0, true);
  }
}
