/** Applies what the main thread asks to a worker's engine, between two batches. */
import type { PeerSpec, RouteSpec, SaProgress, SaSpec } from '../contract.ts';
import type { Engine } from '../path/engine.ts';
import { listGuestNeighbours, readGuests } from './guest-commands.ts';
import type { WorkerAnswer, WorkerCommand, WorkerProgress } from './messages.ts';
import type { QueueLoop } from './queue-loop.ts';
import type { QueueNetworks } from './queue-networks.ts';
import { applyToSwitch } from './switch-commands.ts';

type GuestCommand = Extract<
  WorkerCommand,
  { kind: 'readGuests' | 'listGuestNeighbours' | 'setRelay' | 'readRelay' | 'listRelay' }
>;

export class Commands {
  readonly #engine: Engine;
  readonly #loop: QueueLoop;
  readonly #networks: QueueNetworks;
  /** By peer slot: the last send SA that another replaced, with its final count. */
  readonly #replacedTx = new Map<number, SaProgress>();

  constructor(engine: Engine, loop: QueueLoop, networks: QueueNetworks) {
    this.#engine = engine;
    this.#loop = loop;
    this.#networks = networks;
  }

  /**
   * @returns The answer of a query, null for a change.
   * @throws {Error} with a stable `code` when the engine's guards refuse; nothing changed then.
   */
  apply(command: WorkerCommand, nowMs: number): WorkerAnswer {
    const engine = this.#engine;
    switch (command.kind) {
      case 'addNetwork':
        this.#networks.add(command.network);
        return null;
      case 'removeNetwork':
        this.#networks.remove(command.vni);
        return null;
      case 'addPort':
        this.#networks.addPort(command.vni, command.port);
        return null;
      case 'removePort':
        this.#networks.removePort(command.vni, command.id);
        return null;
      case 'setPeers':
        for (const peer of command.peers) this.#setPeer(peer);
        return null;
      case 'removePeer':
        this.#removePeer(command.slot);
        return null;
      case 'addRoutes':
        this.#addRoutes(command.slot, command.routes);
        return null;
      case 'removeRoutes':
        for (const route of command.routes) engine.removeRoute(command.slot, route);
        return null;
      case 'learnEndpoint':
        this.#learnEndpoint(command.slot, command.words);
        return null;
      case 'installRx':
        this.#install(command.sas, (sa) => engine.installRx(sa, nowMs));
        return null;
      case 'installTx':
        this.#install(command.sas, (sa) => this.#installTx(sa, nowMs));
        return null;
      case 'retireRx':
        for (const spi of command.spis) engine.retireRx(spi, command.graceMs, nowMs);
        return null;
      case 'removeRx':
        for (const spi of command.spis) engine.removeRx(spi);
        return null;
      case 'removeTx':
        engine.removeTx(command.slot);
        return null;
      case 'sendKeepalive':
        this.#loop.sendKeepalive(command.slot, nowMs);
        return null;
      case 'progress':
        return this.#progress(command.slot);
      case 'readGuests':
      case 'listGuestNeighbours':
      case 'setRelay':
      case 'readRelay':
      case 'listRelay':
        return this.#applyToGuests(command, nowMs);
      case 'stop':
        throw new TypeError('stop is handled by the loop');
      default:
        return applyToSwitch(this.#networks.switched(command.vni), command, nowMs);
    }
  }

  #applyToGuests(command: GuestCommand, nowMs: number): WorkerAnswer {
    const networks = this.#networks;
    switch (command.kind) {
      case 'readGuests':
        return readGuests(networks.routed(command.vni).guests);
      case 'listGuestNeighbours':
        return listGuestNeighbours(networks.routed(command.vni).guests, nowMs);
      case 'setRelay':
        networks.setRelay(command.vni, command.relay);
        return null;
      case 'readRelay':
        return networks.relays.read(command.vni);
      case 'listRelay':
        return networks.relays.list(command.vni, nowMs);
    }
  }

  #setPeer(peer: PeerSpec): void {
    this.#engine.setPeer(peer);
    this.#networks.setPeer(peer);
  }

  #removePeer(slot: number): void {
    this.#networks.removePeer(slot);
    this.#engine.removePeer(slot);
    this.#replacedTx.delete(slot);
  }

  /** All of them or none. */
  #addRoutes(slot: number, routes: readonly RouteSpec[]): void {
    const added: RouteSpec[] = [];
    try {
      for (const route of routes) if (this.#engine.addRoute(slot, route)) added.push(route);
    } catch (error) {
      for (const route of added) this.#engine.removeRoute(slot, route);
      throw error;
    }
  }

  /** The keys behind one that is refused are overwritten too. */
  #install(sas: readonly SaSpec[], install: (sa: SaSpec) => void): void {
    try {
      for (const sa of sas) install(sa);
    } finally {
      for (const sa of sas) sa.key.fill(0);
    }
  }

  /** No packet is sealed in between, so the count of the SA that goes is its last. */
  #installTx(sa: SaSpec, nowMs: number): void {
    const replaced = this.#engine.txProgress(sa.slot);
    this.#engine.installTx(sa, nowMs);
    if (replaced !== null) this.#replacedTx.set(sa.slot, replaced);
  }

  /** Another queue learned where the peer is, maybe before it was told to validate sources. */
  #learnEndpoint(slot: number, words: Uint32Array): void {
    const peer = this.#engine.peer(slot);
    if (peer === undefined || peer.validateSource) return;
    peer.endpointWords.set(words);
    peer.hasEndpoint = true;
  }

  #progress(slot: number): WorkerProgress {
    const peer = this.#engine.peer(slot);
    const tx = [this.#engine.txProgress(slot), this.#replacedTx.get(slot) ?? null];
    return {
      endpointWords: peer?.hasEndpoint ? peer.endpointWords.slice() : null,
      rx: this.#engine.rxProgress(slot),
      tx: tx.filter((sa) => sa !== null),
    };
  }
}
