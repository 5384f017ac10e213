/** Which data-plane slot each peer has, for the agent's life. */
import { Buffer } from 'node:buffer';
import type { PeerConfig } from '../config/types.ts';

export interface PeerEntry {
  readonly slot: number;
  readonly config: PeerConfig;
}

/** Room for peers that a reload adds; each costs one row of counters a queue. */
const SPARE_SLOTS = 256;

/** More peers were added by reloads than the counters have room for. */
export class PeerTableFullError extends Error {
  readonly code = 'ERR_ICX_PEER_SLOTS';
  readonly hint = 'restart the agent, which sizes its counters by the config';
}

export class PeerTable {
  /** Slots run from 1 to this number. */
  readonly capacity: number;
  readonly #byKey = new Map<string, PeerEntry>();
  readonly #free: number[];

  constructor(peers: readonly PeerConfig[]) {
    this.capacity = peers.length + SPARE_SLOTS;
    this.#free = Array.from({ length: this.capacity }, (_, i) => this.capacity - i);
    for (const peer of peers) this.add(peer);
  }

  /** Gives a new peer a slot, or a known one its changed config. @throws {PeerTableFullError} */
  add(config: PeerConfig): PeerEntry {
    const key = keyOf(config.publicKey);
    const slot = this.#byKey.get(key)?.slot ?? this.#free.pop();
    if (slot === undefined) throw new PeerTableFullError(`Cannot add peer ${config.name}: no slot is free`);
    const entry = { slot, config };
    this.#byKey.set(key, entry);
    return entry;
  }

  /** Frees the slot; the data plane has cleared its row of counters by then. */
  removeSlot(slot: number): void {
    for (const [key, entry] of this.#byKey) if (entry.slot === slot) this.#byKey.delete(key);
    // Reused last, so that a scrape sees the old peer's counters end before another's begin.
    this.#free.unshift(slot);
  }

  findKey(publicKey: Uint8Array): PeerEntry | undefined {
    return this.#byKey.get(keyOf(publicKey));
  }

  entries(): readonly PeerEntry[] {
    return [...this.#byKey.values()];
  }

  nameOf(slot: number): string {
    return this.entries().find((entry) => entry.slot === slot)?.config.name ?? `slot ${slot}`;
  }

  /** @returns The name of the peer with this public key; any other text stays as it is. */
  nameFor(nameOrKey: string): string {
    return this.#byKey.get(nameOrKey)?.config.name ?? nameOrKey;
  }
}

function keyOf(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('base64');
}
