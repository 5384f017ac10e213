/**
 * The data plane of one queue without its I/O: networks, peers, SAs and the two pipelines.
 *
 * It works on one memory by offsets, is told the time, and neither opens nor waits for
 * anything. It belongs to one thread and is one send lane: each peer has one send SA here and
 * any number of receive SAs. Times are ms on one clock of the caller's that does not go back.
 */
import type { PeerSpec, RouteSpec, SaProgress, SaSpec } from '../contract.ts';
import type { RouteTable } from '../route/route-table.ts';
import type { AeadProvider, PacketMemory } from '../sa/aead.ts';
import { BASE_LEN, vni } from '../wire/geneve.ts';
import type { CounterBlock } from './counters.ts';
import { Decap } from './decap.ts';
import { DropCode } from './drop.ts';
import { Encap } from './encap.ts';
import { FlowHash } from './flow-hash.ts';
import { sealKeepalive } from './keepalive.ts';
import type { Peer } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { type ManualKeys, SaTable } from './sa-table.ts';
import { SEALED_OVERHEAD } from './seal-frame.ts';

export interface EngineOptions {
  readonly memory: PacketMemory;
  /** Bound to the same memory. */
  readonly aead: AeadProvider;
  /** Written by this engine alone; has a slot for every peer's. */
  readonly counters: CounterBlock;
  /** 16 random bytes, the same in all queues of a host. */
  readonly flowHashKey: Uint8Array;
  /** UDP port of our control plane; 0 switches the loop guard off. */
  readonly controlPort: number;
  /** An authenticated frame came from a new outer address; `peer.endpointWords` has it. */
  readonly onEndpoint?: (peer: Peer) => void;
}

export class Engine {
  /** Peer of the last encap, decap or keepalive: where a frame goes, whose a drop was; or null. */
  lastPeer: Peer | null = null;
  readonly #memory: PacketMemory;
  readonly #counters: CounterBlock;
  readonly #peers: PeerTable;
  readonly #sas: SaTable;
  readonly #encap: Encap;
  readonly #decap: Decap;
  /** Spreads flows; keyed alike in all queues of a host. */
  readonly flowHash: FlowHash;

  constructor(options: EngineOptions) {
    const { memory, counters, onEndpoint = () => {} } = options;
    this.#memory = memory;
    this.#counters = counters;
    this.#peers = new PeerTable(counters.capacity);
    this.#sas = new SaTable(options);
    this.#encap = new Encap(memory, options.controlPort);
    this.#decap = new Decap({ memory, counters, peers: this.#peers, sas: this.#sas, onEndpoint });
    this.flowHash = new FlowHash(options.flowHashKey);
  }

  /**
   * @param isEthernet Whether it carries Ethernet frames: `selectFrame` instead of `select`.
   * @throws {RangeError} for a VNI outside 1 to 2^24 − 1 or one that exists.
   */
  addNetwork(vni: number, isEthernet = false): void {
    this.#peers.addNetwork(vni, isEthernet);
  }

  /** Removes a network with its peers, routes and SAs; one that does not exist is fine. */
  removeNetwork(vni: number): void {
    for (const peer of this.#peers.network(vni)?.peers ?? []) this.removePeer(peer.slot);
    this.#peers.removeNetwork(vni);
  }

  /** VNIs in rising order. */
  networks(): readonly number[] {
    return this.#peers.vnis();
  }

  /**
   * Adds a peer, or changes the settings of the one in this slot. Its SAs stay, and so does a
   * learned endpoint while the configured one is the same.
   *
   * @throws {RangeError} for settings out of range.
   * @throws {RouteCollisionError} when another peer has one of the routes. Nothing changed then.
   */
  setPeer(spec: PeerSpec): void {
    this.#peers.set(spec);
  }

  /** Removes a peer with routes and SAs; its counts become those of no known peer. An unknown slot is fine. */
  removePeer(slot: number): void {
    const peer = this.#peers.peer(slot);
    if (peer === undefined) return;
    this.#sas.removeAll(peer);
    this.#peers.remove(peer);
    this.#counters.clearSlot(slot);
    if (this.lastPeer === peer) this.lastPeer = null;
  }

  /** A network's routes; undefined for one that does not exist. Not to be changed. */
  routes(vni: number): RouteTable<Peer> | undefined {
    return this.#peers.network(vni)?.routes;
  }

  peer(slot: number): Peer | undefined {
    return this.#peers.peer(slot);
  }

  /** All peers, live: finish or copy before adding or removing one. */
  peers(): Iterable<Peer> {
    return this.#peers.peers();
  }

  /** Makes `routes` the peer's only ones, at once. @throws {RangeError | RouteCollisionError} as `setPeer`. */
  replaceRoutes(slot: number, routes: readonly RouteSpec[]): void {
    this.#peers.replaceRoutes(slot, routes);
  }

  /** Adds a route to the peer's. @returns Whether it is new. @throws as `replaceRoutes`. */
  addRoute(slot: number, route: RouteSpec): boolean {
    return this.#peers.addRoute(slot, route);
  }

  /** Removes one of the peer's routes. @returns Whether it was there. @throws {RangeError} as `setPeer`. */
  removeRoute(slot: number, route: RouteSpec): boolean {
    return this.#peers.removeRoute(slot, route);
  }

  /**
   * Accepts packets under an SPI of ours from now on. The key is overwritten in any case, here and below.
   *
   * @throws {SaError} when a guard refuses: SPI 0 or in use, key length, the send SA's key.
   * @throws {RangeError} for an unknown slot or a lifetime out of range. Nothing changed then.
   */
  installRx(sa: SaSpec, nowMs: number): void {
    try {
      this.#sas.installRx(this.#peers.ownerOf(sa), sa, nowMs);
    } finally {
      sa.key.fill(0);
    }
  }

  /**
   * Seals under this SA from now on; the one before is destroyed.
   *
   * @throws {SaError} when a guard refuses: SPI 0, key length, a receive SA's key, the SPI and
   *   key that were installed last.
   * @throws {RangeError} for an unknown slot or a lifetime out of range. Nothing changed then.
   */
  installTx(sa: SaSpec, nowMs: number): void {
    try {
      this.#sas.installTx(this.#peers.ownerOf(sa), sa, nowMs);
    } finally {
      sa.key.fill(0);
    }
  }

  /** Installs both directions; receive SAs of before live for 30 s. @throws as above, and for an old epoch. */
  installManual(keys: ManualKeys, nowMs: number): void {
    try {
      this.#sas.installManual(this.#peers.require(keys.slot), keys, nowMs);
    } finally {
      keys.rxKey.fill(0);
      keys.txKey.fill(0);
    }
  }

  /** Brings the expiry of a receive SA forward to `graceMs` from now; never extends it. */
  retireRx(spi: number, graceMs: number, nowMs: number): void {
    this.#sas.retireRx(spi, graceMs, nowMs);
  }

  /** Destroys a receive SA; an unknown SPI is fine. */
  removeRx(spi: number): void {
    this.#sas.removeRx(spi);
  }

  /** Destroys the peer's send SA; without one, or without the peer, that is fine. */
  removeTx(slot: number): void {
    this.#sas.removeTx(this.#peers.peer(slot));
  }

  /**
   * Seals a packet from a port into a frame for `lastPeer.endpointWords`.
   *
   * The packet may lie at `frameAt` + 32 or anywhere beyond the frame's 32 bytes of header.
   *
   * @param network VNI of the port's network; may be left out while there is one network.
   * @returns Frame length, or the negated drop code, which has been counted.
   */
  encap(packetAt: number, packetLen: number, frameAt: number, nowMs: number, network = 0): number {
    return (
      this.select(packetAt, packetLen, 1, nowMs, network) || this.seal(packetAt, packetLen, frameAt, nowMs)
    );
  }

  /**
   * Decides for packets of one super-packet whether and to whom `seal` may send them.
   *
   * @param packetAt The first of `packets`, none of the others is longer or of another flow.
   * @param network  As in `encap`.
   * @returns 0, or the negated drop code, which has been counted for each of them.
   */
  select(packetAt: number, packetLen: number, packets: number, nowMs: number, network = 0): number {
    const own = network === 0 ? this.#peers.onlyNetwork : this.#peers.network(network);
    const fault = this.#encap.select(own, packetAt, packetLen, nowMs);
    this.lastPeer = this.#encap.peer;
    if (fault !== 0) this.#counters.txDropped(this.lastPeer?.slot ?? 0, -fault, packets);
    return fault;
  }

  /** As `select`, for `frames` that a switch sends to a peer; see Encap. An unknown slot has no route. */
  selectFrame(
    slot: number,
    at: number,
    len: number,
    frames: number,
    packetAt: number,
    nowMs: number,
  ): number {
    const peer = this.#peers.peer(slot);
    this.lastPeer = peer ?? null;
    const fault = peer ? this.#encap.selectFrame(peer, at, len, packetAt, nowMs) : -DropCode.txNoRoute;
    if (fault !== 0) this.#counters.txDropped(peer?.slot ?? 0, -fault, frames);
    return fault;
  }

  /** One of the packets that were selected last is dropped, for its sender to notice. */
  countCongestion(): void {
    this.#counters.txDropped(this.lastPeer?.slot ?? 0, DropCode.txCongestion);
  }

  /** Seals one of the packets that were selected last. Parameters and result are those of `encap`. */
  seal(packetAt: number, packetLen: number, frameAt: number, nowMs: number): number {
    const result = this.#encap.seal(packetAt, packetLen, frameAt, nowMs);
    const slot = this.#encap.peer?.slot ?? 0;
    if (result > 0) this.#counters.txDelivered(slot, packetLen);
    else this.#counters.txDropped(slot, -result);
    return result;
  }

  /** The port gave a packet that is none, or a super-packet that can't be cut. */
  countMalformed(): void {
    this.#counters.txDropped(0, DropCode.txMalformed);
  }

  /**
   * Opens a frame from the underlay to `packetAt`, where `frameLen` − SEALED_OVERHEAD bytes are free.
   *
   * @param sourceAt 20-byte endpoint record of the outer source (wire/endpoint.ts).
   * @returns Inner length, 0 for a keepalive, or the negated drop code; counted in each case.
   */
  decap(frameAt: number, frameLen: number, sourceAt: number, packetAt: number, nowMs: number): number {
    const result = this.#decap.open(frameAt, frameLen, sourceAt, packetAt, nowMs);
    this.lastPeer = this.#decap.peer;
    const slot = this.lastPeer?.slot ?? 0;
    if (result > 0) this.#counters.rxDelivered(slot, result);
    else if (result === 0) this.#counters.rxKeepalive(slot);
    else this.#counters.rxDropped(slot, -result);
    return result;
  }

  /** VNI that a frame from the underlay names, 0 for what is too short; nothing is checked. */
  vniOf(frameAt: number, frameLen: number): number {
    return frameLen < BASE_LEN ? 0 : vni(this.#memory.view, frameAt);
  }

  /** Seals a keepalive. @returns As `encap`, but a drop is not counted: no packet was lost. */
  keepalive(slot: number, frameAt: number, nowMs: number): number {
    const peer = this.#peers.peer(slot) ?? null;
    this.lastPeer = peer;
    if (peer === null) return -DropCode.txNoRoute;
    const result = sealKeepalive(this.#memory.view, peer, frameAt, nowMs);
    if (result > 0) this.#counters.txKeepalive(slot);
    return result;
  }

  /** Packets of a peer's that `decap` gave were not delivered. @param bytes Their length together. */
  countRefused(slot: number, packets: number, bytes: number, code: DropCode = DropCode.rxPortWrite): void {
    this.#counters.rxRefused(slot, packets, bytes, code);
  }

  /**
   * The underlay refused frames that were sealed for a peer: a batch of packets or of keepalives.
   *
   * @param bytes    Length of all frames together.
   * @param tooLarge Whether they are larger than the path takes.
   */
  countSendFailure(slot: number, frames: number, bytes: number, tooLarge = false): void {
    const innerBytes = bytes - frames * SEALED_OVERHEAD;
    const code = tooLarge ? DropCode.txTooLarge : DropCode.txSendFailed;
    if (innerBytes === 0) this.#counters.txKeepaliveFailed(slot, frames);
    else this.#counters.txSendFailed(slot, frames, innerBytes, code);
  }

  /** Frames that went out to a peer, keepalives among them. */
  sentFrames(slot: number): number {
    return this.#counters.framesSent(slot);
  }

  /** Destroys expired SAs and shows the use of the others; to be called about once a second. */
  sweep(nowMs: number): void {
    this.#sas.sweep(this.#peers.peers(), nowMs);
  }

  /** Receive SAs of a peer in order of installation; none for an unknown slot. */
  rxProgress(slot: number): SaProgress[] {
    return this.#sas.rxProgress(this.#peers.peer(slot));
  }

  /** The send SA of a peer, null when there is none. */
  txProgress(slot: number): SaProgress | null {
    return this.#sas.txProgress(this.#peers.peer(slot));
  }
}
