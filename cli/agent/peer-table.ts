/** Which data-plane slot each peer has in each network, for the agent's life. */
import { Buffer } from 'node:buffer';
import type { PeerConfig } from '../config/types.ts';

/** A peer in one of its networks. */
export interface PeerEntry {
  readonly slot: number;
  readonly vni: number;
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
  readonly #bySlot = new Map<number, PeerEntry>();
  readonly #free: number[];

  /** @param networks Each with its members. */
  constructor(networks: readonly { readonly vni: number; readonly peers: readonly PeerConfig[] }[]) {
    this.capacity = networks.reduce((count, { peers }) => count + peers.length, SPARE_SLOTS);
    this.#free = Array.from({ length: this.capacity }, (_, i) => this.capacity - i);
    for (const { vni, peers } of networks) for (const peer of peers) this.add(vni, peer);
  }

  /** Gives a new peer a slot, or a known one its changed config. @throws {PeerTableFullError} */
  add(vni: number, config: PeerConfig): PeerEntry {
    const key = keyOf(vni, config.publicKey);
    const slot = this.#byKey.get(key)?.slot ?? this.#free.pop();
    if (slot === undefined) throw new PeerTableFullError(`Cannot add peer ${config.name}: no slot is free`);
    const entry = { slot, vni, config };
    this.#byKey.set(key, entry);
    this.#bySlot.set(slot, entry);
    return entry;
  }

  /** Frees the slot; the data plane has cleared its row of counters by then. */
  removeSlot(slot: number): void {
    const entry = this.#bySlot.get(slot);
    if (entry === undefined) return;
    this.#bySlot.delete(slot);
    this.#byKey.delete(keyOf(entry.vni, entry.config.publicKey));
    // Reused last, so that a scrape sees the old peer's counters end before another's begin.
    this.#free.unshift(slot);
  }

  find(vni: number, publicKey: Uint8Array): PeerEntry | undefined {
    return this.#byKey.get(keyOf(vni, publicKey));
  }

  entries(): readonly PeerEntry[] {
    return [...this.#byKey.values()];
  }

  /** Peers of one network. */
  of(vni: number): readonly PeerEntry[] {
    return this.entries().filter((entry) => entry.vni === vni);
  }

  bySlot(slot: number): PeerEntry | undefined {
    return this.#bySlot.get(slot);
  }

  nameOf(slot: number): string {
    return this.#bySlot.get(slot)?.config.name ?? `slot ${slot}`;
  }

  /** @returns The name of the peer with this public key; any other text stays as it is. */
  nameFor(nameOrKey: string): string {
    const isNamed = ({ config }: PeerEntry) => Buffer.from(config.publicKey).toString('base64') === nameOrKey;
    return this.entries().find(isNamed)?.config.name ?? nameOrKey;
  }
}

function keyOf(vni: number, publicKey: Uint8Array): string {
  return `${vni} ${Buffer.from(publicKey).toString('base64')}`;
}
