/**
 * Two engines on one memory, without a kernel: a host, and one that stands for all its peers.
 *
 * Route r leads to one address, which is the only one in use of its prefix; the peers have the
 * routes in turn. What one engine seals for a peer the other opens.
 */
import type { RouteSpec } from '../dataplane/contract.ts';
import { Arena } from '../dataplane/io/arena.ts';
import { opensslAead } from '../dataplane/io/openssl-aead.ts';
import { CounterBlock } from '../dataplane/path/counters.ts';
import { Engine } from '../dataplane/path/engine.ts';
import { ENDPOINT_LEN, parseEndpoint, writeEndpoint } from '../dataplane/wire/endpoint.ts';

/** The engines' clock; it stands still. */
export const NOW_MS = 1_000_000;
/** Overlay address of the host. */
export const HOST_ADDRESS = 0xac10_0001;

const VNI = 1;
const CONTROL_PORT = 6_082;
const LIFETIME_MS = 3_600_000;
const UNDERLAY = { address: '192.0.2.2', port: 6_081 } as const;
const FIRST_ADDRESS = 0x0a00_0000;
/** Between the addresses of two routes: room for prefixes from /24 on. */
const ADDRESS_STEP = 256;
const HOST_BIT = 0x4000_0000;
const KEY_LEN = 16;
const PREFIX_LENGTHS = [32, 31, 30, 29, 28, 27, 26, 24] as const;

export interface Topology {
  readonly peers: number;
  readonly routes: number;
  /** How many prefix lengths the routes have, 1 to 8; 1 is host routes only. */
  readonly lengths?: number;
}

export class EngineKit {
  readonly arena: Arena;
  readonly host: Engine;
  readonly peers: Engine;
  /** Endpoint record of where the peers' frames come from. */
  readonly sourceAt: number;
  readonly #topology: Topology;

  /** @param arenaLen Bytes for the caller's packets. */
  constructor(topology: Topology, arenaLen: number) {
    this.#topology = topology;
    this.arena = new Arena(arenaLen + 65_536, true);
    this.sourceAt = this.arena.take(ENDPOINT_LEN);
    writeEndpoint(this.arena.view, this.sourceAt, parseEndpoint(UNDERLAY));
    this.host = makeHost(this.arena, topology);
    this.peers = makeEngine(this.arena, topology.peers);
    const dst = `${dotted(HOST_ADDRESS)}/32`;
    for (let slot = 1; slot <= topology.peers; slot++) {
      const routes = routesOf(topology, slot).map((route) => ({ dst, src: route.dst }));
      this.peers.setPeer({ ...peerSettings(slot), routes });
    }
  }

  /** Lets the host send, and its peers receive. */
  installOutbound(): void {
    this.#install(this.host, this.peers, 0);
  }

  /** Lets the peers send, and the host receive. */
  installInbound(): void {
    this.#install(this.peers, this.host, HOST_BIT);
  }

  /** Lets the host seal a packet; parameters and result are those of Engine.encap, here and below. */
  encapAtHost(packetAt: number, packetLen: number, frameAt: number): number {
    return this.host.encap(packetAt, packetLen, frameAt, NOW_MS);
  }

  /** Lets the host open a frame of a peer's. */
  decapAtHost(frameAt: number, frameLen: number, packetAt: number): number {
    return this.host.decap(frameAt, frameLen, this.sourceAt, packetAt, NOW_MS);
  }

  encapAtPeers(packetAt: number, packetLen: number, frameAt: number): number {
    return this.peers.encap(packetAt, packetLen, frameAt, NOW_MS);
  }

  decapAtPeers(frameAt: number, frameLen: number, packetAt: number): number {
    return this.peers.decap(frameAt, frameLen, this.sourceAt, packetAt, NOW_MS);
  }

  #install(sender: Engine, receiver: Engine, direction: number): void {
    for (let slot = 1; slot <= this.#topology.peers; slot++) {
      const sa = {
        slot,
        vni: VNI,
        lane: 0,
        spi: direction | slot,
        suite: 0,
        lifetimeMs: LIFETIME_MS,
      } as const;
      receiver.installRx({ ...sa, key: keyOf(sa.spi) }, NOW_MS);
      sender.installTx({ ...sa, key: keyOf(sa.spi) }, NOW_MS);
    }
  }
}

/** A host that knows its peers and their routes, and has no SAs. */
export function makeHost(arena: Arena, topology: Topology): Engine {
  const engine = makeEngine(arena, topology.peers);
  for (let slot = 1; slot <= topology.peers; slot++) {
    engine.setPeer({ ...peerSettings(slot), routes: routesOf(topology, slot) });
  }
  return engine;
}

/** The routes of one peer of the host's, in order. */
export function routesOf({ peers, routes, lengths = 1 }: Topology, slot: number): RouteSpec[] {
  const own: RouteSpec[] = [];
  for (let route = slot - 1; route < routes; route += peers) {
    const length = PREFIX_LENGTHS[route % lengths] ?? 32;
    own.push({ dst: `${dotted(addressOf(route))}/${length}`, src: '0.0.0.0/0' });
  }
  return own;
}

function makeEngine(arena: Arena, peers: number): Engine {
  const slots = peers + 1;
  const engine = new Engine({
    memory: arena,
    aead: opensslAead(arena, arena.base),
    counters: new CounterBlock(CounterBlock.allocate(slots), slots),
    flowHashKey: new Uint8Array(KEY_LEN),
    controlPort: CONTROL_PORT,
  });
  engine.addNetwork(VNI);
  return engine;
}

/** All of a peer that is set but its routes. */
export function peerSettings(slot: number) {
  return {
    slot,
    vni: VNI,
    endpoint: UNDERLAY,
    rxRateLimitPps: 0,
    validateSource: false,
    exit: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    controlPort: CONTROL_PORT,
  } as const;
}

/** The address in use of route number `route`, which counts from 0. */
export function addressOf(route: number): number {
  return FIRST_ADDRESS + route * ADDRESS_STEP;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

function keyOf(spi: number): Uint8Array {
  const key = new Uint8Array(KEY_LEN);
  new DataView(key.buffer).setUint32(0, spi);
  return key;
}
