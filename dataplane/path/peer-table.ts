/** Networks by VNI and peers by slot, with every change checked before anything is touched. */
import type { PeerSpec, RouteSpec, SaSpec } from '../contract.ts';
import { type Prefix, parsePrefix } from '../route/prefix.ts';
import type { Route } from '../route/route-table.ts';
import { parseEndpoint } from '../wire/endpoint.ts';
import { Network } from './network.ts';
import { Peer } from './peer.ts';

const MAX_PORT = 65_535;
const MAX_PACKET_LEN = 65_535;

/** Owned by the queue's worker. */
export class PeerTable {
  readonly #capacity: number;
  readonly #networks = new Map<number, Network>();
  readonly #peers = new Map<number, Peer>();
  #only: Network | undefined;
  #version = 0;

  /** @param capacity Counter slots, slot 0 included. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @throws {RangeError} for a VNI out of range or one that exists. */
  addNetwork(vni: number, isEthernet = false): void {
    if (this.#networks.has(vni)) throw new RangeError(`Cannot add network ${vni}: it exists`);
    this.#networks.set(vni, new Network(vni, isEthernet));
    this.#changed();
  }

  /** Forgets a network; its peers are to be removed before. @returns Whether it existed. */
  removeNetwork(vni: number): boolean {
    const removed = this.#networks.delete(vni);
    this.#changed();
    return removed;
  }

  /** Rises with every change of networks and peers, from 0. */
  get version(): number {
    return this.#version;
  }

  /** VNIs in rising order. */
  vnis(): number[] {
    return [...this.#networks.keys()].sort((a, b) => a - b);
  }

  network(vni: number): Network | undefined {
    return this.#networks.get(vni);
  }

  /** The network while there is exactly one. */
  get onlyNetwork(): Network | undefined {
    return this.#only;
  }

  peers(): IterableIterator<Peer> {
    return this.#peers.values();
  }

  peer(slot: number): Peer | undefined {
    return this.#peers.get(slot);
  }

  /** @throws {RangeError} when no peer has the slot. */
  require(slot: number): Peer {
    const peer = this.#peers.get(slot);
    if (peer === undefined) throw new RangeError(`No peer has slot ${slot}`);
    return peer;
  }

  /** @throws {RangeError} when no peer has the SA's slot, or one of another network. */
  ownerOf(sa: SaSpec): Peer {
    const peer = this.require(sa.slot);
    if (peer.vni === sa.vni) return peer;
    throw new RangeError(`Cannot install an SA of network ${sa.vni}: peer slot ${sa.slot} is in ${peer.vni}`);
  }

  /**
   * Adds a peer or changes one; its SAs are not touched.
   *
   * @throws {RangeError} for settings out of range, an unknown network or a slot in another one.
   * @throws {RouteCollisionError} when another peer of the network has one of the routes.
   *   Nothing changed then.
   */
  set(spec: PeerSpec): void {
    checkSpec(spec, this.#capacity);
    const network = this.#networks.get(spec.vni);
    if (network === undefined) {
      throw new RangeError(`Cannot add peer slot ${spec.slot}: network ${spec.vni} does not exist`);
    }
    const known = this.#peers.get(spec.slot);
    if (known !== undefined && known.network !== network) {
      throw new RangeError(
        `Cannot move peer slot ${spec.slot} from network ${known.vni} to ${spec.vni}: remove it first`,
      );
    }
    const configured = spec.endpoint === null ? null : parseEndpoint(spec.endpoint);
    const peer = known ?? new Peer(spec.slot, network);
    network.routes.replaceOwned(peer, parsed(spec.routes));
    network.leave(peer);
    peer.configure(spec, configured);
    network.join(peer);
    this.#peers.set(peer.slot, peer);
    this.#version++;
  }

  /** @throws {RangeError | RouteCollisionError} as `set`, with nothing changed. */
  replaceRoutes(slot: number, routes: readonly RouteSpec[]): void {
    const peer = this.require(slot);
    peer.network.routes.replaceOwned(peer, parsed(routes));
  }

  /** Adds one route to a peer's. @returns Whether it is new. @throws as `replaceRoutes`. */
  addRoute(slot: number, route: RouteSpec): boolean {
    const peer = this.require(slot);
    return peer.network.routes.add(parsePrefix(route.dst), parsePrefix(route.src), peer);
  }

  /** Removes one of a peer's routes. @returns Whether it was there. @throws {RangeError} as `set`. */
  removeRoute(slot: number, route: RouteSpec): boolean {
    const peer = this.require(slot);
    return peer.network.routes.remove(parsePrefix(route.dst), parsePrefix(route.src), peer);
  }

  /** Forgets a peer and its routes. */
  remove(peer: Peer): void {
    peer.network.routes.replaceOwned(peer, []);
    peer.network.leave(peer);
    this.#peers.delete(peer.slot);
    this.#version++;
  }

  #changed(): void {
    this.#version++;
    this.#only = this.#networks.size === 1 ? [...this.#networks.values()][0] : undefined;
  }
}

/** One by one, so that 100,000 of them are never there at once; most share their source's text. */
function* parsed(routes: readonly RouteSpec[]): Generator<Route> {
  let srcText = '';
  let src: Prefix | undefined;
  for (const route of routes) {
    if (src === undefined || route.src !== srcText) src = parsePrefix(route.src);
    srcText = route.src;
    yield { dst: parsePrefix(route.dst), src };
  }
}

function checkSpec(spec: PeerSpec, capacity: number): void {
  checkInteger('slot', spec.slot, 1, capacity - 1);
  checkInteger('mtuBytes', spec.mtuBytes, 1, MAX_PACKET_LEN);
  checkInteger('controlPort', spec.controlPort, 0, MAX_PORT);
  if (!(spec.keepaliveMs >= 0))
    throw new RangeError(`Cannot use keepaliveMs ${spec.keepaliveMs}: expected 0 or more`);
  if (!(spec.rxRateLimitPps >= 0 && spec.rxRateLimitPps < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`Cannot use rxRateLimitPps ${spec.rxRateLimitPps}: expected 0 or more`);
  }
}

function checkInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`Cannot use ${name} ${value}: expected ${min} to ${max}`);
}
