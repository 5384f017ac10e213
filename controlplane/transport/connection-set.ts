/**
 * The connections of one transport that are alive, by the key that was authorized for them.
 */
import { settledWithin } from './deadline.ts';
import { GOODBYE_MS, MAX_CONNECTIONS_PER_KEY } from './limits.ts';
import type { ControlConnection } from './transport.ts';

export class ConnectionSet<C extends ControlConnection> {
  /** Strong references on purpose: a connection nobody refers to is closed by the QUIC library. */
  readonly #connections = new Map<C, string>();

  /** By key, how many there ever were. */
  readonly #added = new Map<string, number>();

  get size(): number {
    return this.#connections.size;
  }

  /** Keeps the connection until it is closed. */
  add(connection: C, key: Uint8Array): void {
    const owner = hex(key);
    this.#connections.set(connection, owner);
    this.#added.set(owner, (this.#added.get(owner) ?? 0) + 1);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  of(key: Uint8Array): C[] {
    const wanted = hex(key);
    return [...this.#connections].filter(([, owner]) => owner === wanted).map(([connection]) => connection);
  }

  /** Connections of the key that ever came about, in either direction. */
  countOf(key: Uint8Array): number {
    return this.#added.get(hex(key)) ?? 0;
  }

  isFull(key: Uint8Array): boolean {
    return this.of(key).length >= MAX_CONNECTIONS_PER_KEY;
  }

  /** Closes all; resolves when every peer was told or the time for goodbyes is over. */
  async closeAll(reason: string): Promise<void> {
    const all = [...this.#connections.keys()];
    for (const connection of all) connection.close(reason);
    await settledWithin(Promise.all(all.map((connection) => connection.closed)), GOODBYE_MS);
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
