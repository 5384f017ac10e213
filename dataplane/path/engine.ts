/**
 * The data plane of one queue without its I/O: networks, peers, SAs and the two pipelines.
 *
 * It works on one memory by offsets, is told the time, and neither opens nor waits for
 * anything. It belongs to one thread and is one send lane: each peer has one send SA here and
 * any number of receive SAs. Times are ms on one clock of the caller's that does not go back.
 */
import type { PeerSpec, RouteSpec, SaProgress, SaSpec } from '../contract.ts';
import type { AeadProvider, PacketMemory } from '../sa/aead.ts';
import { checkPacket } from '../wire/ip.ts';
import type { CounterBlock } from './counters.ts';
import { Decap } from './decap.ts';
import { DropCode } from './drop.ts';
import { Encap } from './encap.ts';
import { FlowHash, sourcePort } from './flow-hash.ts';
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
  readonly #flowHash: FlowHash;

  constructor(options: EngineOptions) {
    const { memory, counters, onEndpoint = () => {} } = options;
    this.#memory = memory;
    this.#counters = counters;
    this.#peers = new PeerTable(counters.capacity);
    this.#sas = new SaTable(options);
    this.#encap = new Encap(memory, options.controlPort);
    this.#decap = new Decap({ memory, counters, peers: this.#peers, sas: this.#sas, onEndpoint });
    this.#flowHash = new FlowHash(options.flowHashKey);
  }

  /** @throws {RangeError} for a VNI outside 1 to 2^24 − 1 or one that exists. */
  addNetwork(vni: number): void {
    this.#peers.addNetwork(vni);
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

  /** All peers, live: finish or copy before adding or removing one. */
  peers(): Iterable<Peer> {
    return this.#peers.peers();
  }

  peer(slot: number): Peer | undefined {
    return this.#peers.peer(slot);
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
   * @param vni Network of the port; may be left out while there is one network.
   * @returns Frame length, or the negated drop code, which has been counted.
   */
  encap(packetAt: number, packetLen: number, frameAt: number, nowMs: number, vni = 0): number {
    return this.select(packetAt, packetLen, 1, nowMs, vni) || this.seal(packetAt, packetLen, frameAt, nowMs);
  }

  /**
   * Decides for packets of one super-packet whether and to whom `seal` may send them.
   *
   * @param packetAt The first of them, none of the others is longer or of another flow.
   * @param packets  How many they are.
   * @param vni      As in `encap`.
   * @returns 0, or the negated drop code, which has been counted for each of them.
   */
  select(packetAt: number, packetLen: number, packets: number, nowMs: number, vni = 0): number {
    const network = vni === 0 ? this.#peers.onlyNetwork : this.#peers.network(vni);
    const fault = this.#encap.select(network, packetAt, packetLen, nowMs);
    this.lastPeer = this.#encap.peer;
    if (fault !== 0) this.#counters.txDropped(this.lastPeer?.slot ?? 0, -fault, packets);
    return fault;
  }

  /** One of the packets that were selected last is dropped, for its sender to notice. */
  countCongestion(): void {
    this.#counters.txDropped(this.lastPeer?.slot ?? 0, DropCode.txCongestion);
  }

  /** Seals one of the packets that were selected last. Parameters and result are those of `encap`. */
  seal(packetAt: number, packetLen: number, frameAt: number, nowMs: number): number {
    const result = this.#encap.seal(packetAt, packetLen, frameAt, nowMs);
    const peer = this.#encap.peer;
    const slot = peer === null ? 0 : peer.slot;
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
    const peer = this.#decap.peer;
    this.lastPeer = peer;
    const slot = peer === null ? 0 : peer.slot;
    if (result > 0) this.#counters.rxDelivered(slot, result);
    else if (result === 0) this.#counters.rxKeepalive(slot);
    else this.#counters.rxDropped(slot, -result);
    return result;
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

  /** The port refused packets of a peer's that `decap` gave. @param bytes Their length together. */
  countWriteFailure(slot: number, packets: number, bytes: number): void {
    this.#counters.rxWriteFailed(slot, packets, bytes);
  }

  /**
   * The underlay refused frames that were sealed for a peer.
   *
   * @param bytes   Length of all frames together; a batch is of packets or of keepalives.
   * @param tooLarge Whether they are larger than the path takes.
   */
  countSendFailure(slot: number, frames: number, bytes: number, tooLarge = false): void {
    const innerBytes = bytes - frames * SEALED_OVERHEAD;
    if (innerBytes === 0) this.#counters.txKeepaliveFailed(slot, frames);
    else {
      const code = tooLarge ? DropCode.txTooLarge : DropCode.txSendFailed;
      this.#counters.txSendFailed(slot, frames, innerBytes, code);
    }
  }

  /** Frames that went out to a peer, keepalives among them. */
  sentFrames(slot: number): number {
    return this.#counters.framesSent(slot);
  }

  /** Keyed symmetric hash of a packet's flow, 0 to 2^32 − 1; 0 for what is no IP packet. */
  flowHash(packetAt: number, packetLen: number): number {
    const { view } = this.#memory;
    return checkPacket(view, packetAt, packetLen) ? this.#flowHash.hash(view, packetAt) : 0;
  }

  /** Outer UDP source port that spreads flows over the underlay's paths, 49152 to 65535. */
  flowSourcePort(packetAt: number, packetLen: number): number {
    return sourcePort(this.flowHash(packetAt, packetLen));
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
