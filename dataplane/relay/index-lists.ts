/** Doubly linked lists of small integers in typed arrays: adding and removing cost the same wherever. */

/** No item, where a list is empty or ends. */
export const NONE = -1;

/** Items and lists are numbered from 0; an item is in one list at most. */
export class IndexLists {
  readonly #previous: Int32Array;
  readonly #next: Int32Array;
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  constructor(items: number, lists: number) {
    this.#previous = new Int32Array(items).fill(NONE);
    this.#next = new Int32Array(items).fill(NONE);
    this.#first = new Int32Array(lists).fill(NONE);
    this.#last = new Int32Array(lists).fill(NONE);
  }

  first(list: number): number {
    return this.#first[list] ?? NONE;
  }

  next(item: number): number {
    return this.#next[item] ?? NONE;
  }

  /** Adds an item that is in no list, as the last. */
  append(list: number, item: number): void {
    const last = this.#last[list] ?? NONE;
    this.#previous[item] = last;
    this.#next[item] = NONE;
    if (last === NONE) this.#first[list] = item;
    else this.#next[last] = item;
    this.#last[list] = item;
  }

  /** Takes an item out of the list that it is in. */
  remove(list: number, item: number): void {
    const previous = this.#previous[item] ?? NONE;
    const next = this.#next[item] ?? NONE;
    if (previous === NONE) this.#first[list] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last[list] = previous;
    else this.#previous[next] = previous;
  }

  /** Makes an item the last of the list that it is in. */
  renew(list: number, item: number): void {
    if (this.#last[list] === item) return;
    this.remove(list, item);
    this.append(list, item);
  }
}
