/** What the main thread knows of peers, to tell it to a thread that takes another's place. */
import { isDeepStrictEqual } from 'node:util';
import type { PeerSpec, RouteSpec } from '../contract.ts';
import type { WorkerCommand } from './messages.ts';

export class KnownPeers {
  readonly #peers = new Map<number, PeerSpec>();
  /** By slot: where authenticated packets last came from, while that counts. */
  readonly #learned = new Map<number, Uint32Array>();

  /** Takes what all queues have been told. */
  set(peers: readonly PeerSpec[]): void {
    for (const peer of peers) {
      const before = this.#peers.get(peer.slot);
      // As the engines do: another configured endpoint is where the peer is.
      if (peer.validateSource || !isDeepStrictEqual(before?.endpoint, peer.endpoint)) {
        this.#learned.delete(peer.slot);
      }
      this.#peers.set(peer.slot, peer);
    }
  }

  /** Takes routes that all queues have been told of; an unknown slot is fine, here and below. */
  addRoutes(slot: number, routes: readonly RouteSpec[]): void {
    const peer = this.#peers.get(slot);
    if (peer === undefined) return;
    const known = new Set(peer.routes.map(routeName));
    const added = routes.filter((route) => !known.has(routeName(route)));
    this.#peers.set(slot, { ...peer, routes: [...peer.routes, ...added] });
  }

  removeRoutes(slot: number, routes: readonly RouteSpec[]): void {
    const peer = this.#peers.get(slot);
    if (peer === undefined) return;
    const gone = new Set(routes.map(routeName));
    const left = peer.routes.filter((route) => !gone.has(routeName(route)));
    this.#peers.set(slot, { ...peer, routes: left });
  }

  /** @returns VNI of the peer's network, undefined for an unknown slot. */
  vniOf(slot: number): number | undefined {
    return this.#peers.get(slot)?.vni;
  }

  learn(slot: number, words: Uint32Array): void {
    this.#learned.set(slot, words);
  }

  forget(slot: number): void {
    this.#peers.delete(slot);
    this.#learned.delete(slot);
  }

  forgetNetwork(vni: number): void {
    for (const [slot, peer] of this.#peers) if (peer.vni === vni) this.forget(slot);
  }

  /** What makes the peers of some networks known to a queue. */
  commands(isOwn: (vni: number) => boolean): WorkerCommand[] {
    const peers = [...this.#peers.values()].filter(({ vni }) => isOwn(vni));
    const endpoints = peers.flatMap(({ slot }) => {
      const words = this.#learned.get(slot);
      return words === undefined ? [] : [{ kind: 'learnEndpoint' as const, slot, words }];
    });
    return [{ kind: 'setPeers', peers }, ...endpoints];
  }
}

function routeName({ dst, src }: RouteSpec): string {
  return `${dst} ${src}`;
}
