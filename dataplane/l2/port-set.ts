/** The ports of a switch: which there are, and which of them lead to remote peers. */

const ABSENT = 0;
const LOCAL = 1;
const REMOTE = 2;
const MIN_LEN = 16;

/** Ids are small numbers. Owned by the thread of its switch. */
export class PortSet {
  #kinds = new Uint8Array(MIN_LEN);
  /** In the order in which they came; not to be changed from outside. */
  readonly locals: number[] = [];
  readonly remotes: number[] = [];

  /** Adds a port that is not there. */
  add(id: number, isRemote: boolean): void {
    if (id >= this.#kinds.length) {
      const grown = new Uint8Array(Math.max(this.#kinds.length * 2, id + 1));
      grown.set(this.#kinds);
      this.#kinds = grown;
    }
    this.#kinds[id] = isRemote ? REMOTE : LOCAL;
    (isRemote ? this.remotes : this.locals).push(id);
  }

  /** @returns whether there was such a port. */
  remove(id: number): boolean {
    if (!this.has(id)) return false;
    const list = this.isRemote(id) ? this.remotes : this.locals;
    list.splice(list.indexOf(id), 1);
    this.#kinds[id] = ABSENT;
    return true;
  }

  get size(): number {
    return this.locals.length + this.remotes.length;
  }

  has(id: number): boolean {
    return (this.#kinds[id] ?? ABSENT) !== ABSENT;
  }

  isRemote(id: number): boolean {
    return this.#kinds[id] === REMOTE;
  }

  /** Whether frames may go from one to the other: a remote port's peer reaches the others itself. */
  mayPass(from: number, to: number): boolean {
    return from !== to && !(this.isRemote(from) && this.isRemote(to));
  }
}
