/**
 * The tunnels of one VXLAN socket: takes what comes in apart by VNI, and sends what its ports
 * were given.
 *
 *     RX   socket ─▶ header ─▶ VNI ─▶ outer source, learning ─▶ copy ─▶ checksum ─▶ switch
 *     TX   switch ─▶ VxlanPort.transmit ─▶ header, copy ─▶ VTEPs ─▶ UdpSender … flush
 *
 * Sockets come and go while the worker's memory is fixed, so a socket has memory of its own, and
 * frames are copied between the two.
 */
import { randomFillSync } from 'node:crypto';
import { Arena } from '../io/arena.ts';
import { memcpy } from '../io/libc.ts';
import { HEADER_LEN as ETHERNET_LEN } from '../wire/ethernet.ts';
import { createUpperLayer } from '../wire/upper-layer.ts';
import * as vxlan from '../wire/vxlan.ts';
import { KEYED_HASH_SEED_WORDS } from './keyed-hash.ts';
import { UdpReceiver } from './udp-receiver.ts';
import { type SendEvents, type SendResult, UdpSender } from './udp-sender.ts';
import { VxlanError } from './vxlan-error.ts';
import { prepareFrame } from './vxlan-frame.ts';
import { MAX_FRAME_LEN, Refusal, type VxlanOutput, VxlanPort, type VxlanPortSpec } from './vxlan-port.ts';
import type { VxlanSocket } from './vxlan-socket.ts';

/** What receiver and sender take: buffers of 1,245 KiB and their headers. */
const ARENA_LEN = 20 * 65_536;
/** Frames dropped in a row before others have their turn. */
const MAX_DROPS = 128;
/** Bytes that the caller's memory has at `frameAt`. */
export const VXLAN_FRAME_SPACE = 65_557;

/** Why a datagram carried no frame for a port. */
export const VxlanDrop = {
  /** Too short for a header, or for an Ethernet header behind it. */
  truncated: 0,
  /** No I flag. @see RFC 7348 §5 */
  badFlags: 1,
  unknownVni: 2,
  unknownRemote: 3,
  /** From a VTEP that could be learned, were there room. */
  tooManyRemotes: 4,
} as const;
export type VxlanDrop = (typeof VxlanDrop)[keyof typeof VxlanDrop];
const DROP_COUNT = 5;

/** Owned by one worker. The socket's descriptor stays its opener's, who closes it after `close`. */
export class VxlanTunnels implements SendEvents {
  readonly fd: number;
  /** Offset in the worker's memory of the frame that `receive` gave. */
  readonly frameAt: number;
  /** Port of the frame that `receive` gave. */
  lastPort: VxlanPort | null = null;
  /** Dropped datagrams, by VxlanDrop. */
  readonly drops = new Float64Array(DROP_COUNT);
  readonly #frames: Arena;
  readonly #arena: Arena;
  readonly #receiver: UdpReceiver;
  readonly #output: VxlanOutput;
  readonly #byVni = new Map<number, VxlanPort>();
  /** By the number that the sender gives back. */
  readonly #ports: (VxlanPort | null)[] = [];
  /** The oldest port counts what is dropped before it is known to be of one: somebody has to show it. */
  #first: VxlanPort | null = null;
  readonly #upper = createUpperLayer();
  /** What the receiver gave and nobody took yet: offset of the next datagram, and the end. */
  #offset = 0;
  #batchLen = 0;
  #isClosed = false;

  /**
   * @param frames Memory of the worker: frames to send lie in it, received ones are copied to it.
   * @param frameAt Multiple of 8, with room for a virtio_net_hdr before it and VXLAN_FRAME_SPACE bytes behind.
   * @param seed KEYED_HASH_SEED_WORDS words, random but in tests.
   */
  constructor(
    socket: VxlanSocket,
    frames: Arena,
    frameAt: number,
    seed: Uint32Array = randomFillSync(new Uint32Array(KEYED_HASH_SEED_WORDS)),
  ) {
    if (frameAt % 8 !== 0) throw new RangeError(`frames at offset ${frameAt} are not aligned to 8 bytes`);
    this.fd = socket.fd;
    this.frameAt = frameAt;
    this.#frames = frames;
    const arena = new Arena(ARENA_LEN, true);
    this.#arena = arena;
    this.#receiver = new UdpReceiver(socket.fd, arena);
    const frameCapacity = vxlan.HEADER_LEN + MAX_FRAME_LEN;
    const sender = new UdpSender(socket.fd, socket.family, arena, frameCapacity, this);
    this.#output = { socket, frames, frameAt, arena, sender, seed };
  }

  /**
   * Adds a tunnel.
   *
   * @throws {VxlanError} ERR_ICX_VXLAN_VNI_LIVE, ERR_ICX_VXLAN_REMOTE, ERR_ICX_VXLAN_GROUP,
   *   ERR_ICX_VXLAN_CLOSED; nothing was added then.
   * @throws {RangeError} for what is no VNI.
   */
  add(spec: VxlanPortSpec): VxlanPort {
    const { vni } = spec;
    if (this.#isClosed) {
      throw new VxlanError(
        'ERR_ICX_VXLAN_CLOSED',
        `Cannot add VNI ${vni} to a closed socket`,
        'open another',
      );
    }
    if (!Number.isInteger(vni) || vni < 0 || vni > vxlan.MAX_VNI) {
      throw new RangeError(`Cannot use VXLAN VNI ${vni}: expected 0 to ${vxlan.MAX_VNI}`);
    }
    if (this.#byVni.has(vni)) {
      throw new VxlanError(
        'ERR_ICX_VXLAN_VNI_LIVE',
        `Cannot add VNI ${vni} twice to the VXLAN socket on port ${this.#output.socket.port}`,
        'use another VNI, listen address or port',
      );
    }
    const free = this.#ports.indexOf(null);
    const context = free < 0 ? this.#ports.length : free;
    const port = new VxlanPort(spec, context, this.#output);
    this.#ports[context] = port;
    this.#byVni.set(vni, port);
    this.#first ??= port;
    return port;
  }

  /** Ends a tunnel; what it was given is sent before. @returns Whether there was one. */
  remove(vni: number): boolean {
    const port = this.#byVni.get(vni);
    if (port === undefined) return false;
    this.flush();
    port.close();
    this.#byVni.delete(vni);
    if (this.#first === port) this.#first = this.#byVni.values().next().value ?? null;
    this.#ports[this.#ports.indexOf(port)] = null;
    if (this.lastPort === port) this.lastPort = null;
    return true;
  }

  /** Whether datagrams were read that `receive` has not given yet: no poll(2) tells of them. */
  get hasMore(): boolean {
    return this.#offset < this.#batchLen || this.#receiver.hasMore;
  }

  /** @returns Length of the frame at `frameAt`, which is `lastPort`'s; 0 when there is none for now. */
  receive(nowMs: number): number {
    if (this.#isClosed) return 0;
    const receiver = this.#receiver;
    for (let drops = 0; drops < MAX_DROPS || this.hasMore; drops++) {
      if (this.#offset >= this.#batchLen) {
        const len = receiver.receive();
        if (len < 0) return 0;
        this.#offset = 0;
        this.#batchLen = len;
      }
      const { batchAt, segmentLen } = receiver;
      const at = batchAt + this.#offset;
      const len = Math.min(segmentLen, this.#batchLen - this.#offset);
      this.#offset += segmentLen;
      const frameLen = this.#open(at, len, nowMs);
      if (frameLen > 0) return frameLen;
    }
    return 0;
  }

  /** Sends what the ports were given; for the end of a turn. */
  flush(): void {
    if (!this.#isClosed) this.#output.sender.flush();
  }

  /** Forgets what is old; for about once a second. */
  sweep(nowMs: number): void {
    for (const port of this.#byVni.values()) port.sweep(nowMs);
  }

  /** Ends all tunnels and gives the memory back; nothing is received or sent after. */
  close(): void {
    if (this.#isClosed) return;
    for (const vni of [...this.#byVni.keys()]) this.remove(vni);
    this.#isClosed = true;
    this.#arena.close();
  }

  onSent(result: SendResult, frames: number, bytes: number, context: number): void {
    this.#ports[context]?.settle(result, frames, bytes);
  }

  /** @returns Length of the frame of a datagram, 0 where it is dropped. */
  #open(at: number, len: number, nowMs: number): number {
    const { view } = this.#arena;
    const frameLen = len - vxlan.HEADER_LEN;
    if (frameLen < 0) return this.#drop(VxlanDrop.truncated, this.#first);
    if (!vxlan.hasVni(view, at)) return this.#drop(VxlanDrop.badFlags, this.#first);
    const port = this.#byVni.get(vxlan.vni(view, at));
    if (port === undefined) return this.#drop(VxlanDrop.unknownVni, this.#first);
    if (frameLen < ETHERNET_LEN) return this.#drop(VxlanDrop.truncated, port);
    const frameAt = at + vxlan.HEADER_LEN;
    const refusal = port.accept(view, this.#receiver.sourceAt, frameAt, nowMs);
    if (refusal !== Refusal.none) {
      const isUnknown = refusal === Refusal.unknownRemote;
      return this.#drop(isUnknown ? VxlanDrop.unknownRemote : VxlanDrop.tooManyRemotes, port);
    }
    this.lastPort = port;
    memcpy(this.#frames.base + this.frameAt, this.#arena.base + frameAt, frameLen);
    prepareFrame(this.#frames.view, this.frameAt, frameLen, port.mtuBytes, this.#upper);
    port.counts.rxFrames++;
    port.counts.rxBytes += frameLen;
    return frameLen;
  }

  /** @param port Whose it was, or the one that counts what is nobody's. */
  #drop(reason: VxlanDrop, port: VxlanPort | null): 0 {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
    if (port !== null) port.counts.rxDropped++;
    return 0;
  }
}
