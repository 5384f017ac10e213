/**
 * One VNI of a VXLAN socket: a port of the switch, with the VTEPs at its other end.
 *
 * A frame for a station that was heard from goes to its VTEP, every other one to the multicast
 * group, if there is one, and to each VTEP (head-end replication). Frames are taken from configured
 * VTEPs; from others where there is a group or `learnRemotes` says so, and those are remembered for
 * as long as they are heard from. VXLAN authenticates nothing: whoever can forge an outer source
 * address can speak for its VTEP.
 *
 * @see RFC 7348 §4
 */
import type { Arena } from '../io/arena.ts';
import { memcpy } from '../io/libc.ts';
import { type EndpointText, formatEndpoint } from '../wire/endpoint.ts';
import { DESTINATION_AT, HEADER_LEN as ETHERNET_LEN, SOURCE_AT } from '../wire/ethernet.ts';
import { HEADER_LEN as VXLAN_LEN, writeHeader } from '../wire/vxlan.ts';
import { FrameCounts, type FramePort } from './frame-port.ts';
import { SendResult, type UdpSender } from './udp-sender.ts';
import { MAX_VTEPS, VtepKind, VtepSet } from './vtep-set.ts';
import { STATION_AGEING_MS, VtepTable } from './vtep-table.ts';
import { type AddressedSocket, parseGroup, parseVtep } from './vxlan-address.ts';
import { VxlanError } from './vxlan-error.ts';

/** Longest frame that a UDP datagram over IPv4 takes behind the header. */
export const MAX_FRAME_LEN = 65_507 - VXLAN_LEN;

/** Plain data; survives structured cloning. */
export interface VxlanPortSpec {
  /** The switch's number for the port. */
  readonly id: number;
  /** 0 to 2^24 − 1. */
  readonly vni: number;
  /** VTEPs: unicast addresses and the UDP ports that they listen on. */
  readonly remotes: readonly EndpointText[];
  /** Where frames for all go, joined by who opened the socket; null for none. */
  readonly group: EndpointText | null;
  /** Whether to take frames from VTEPs that are not configured, and to send to them. */
  readonly learnRemotes: boolean;
  /** VTEPs in all, at most MAX_VTEPS. */
  readonly maxRemotes: number;
  /** Stations whose VTEP is remembered. */
  readonly maxStations: number;
  /** Longest packet that the network takes whole; TCP in longer ones is given as super-frames. */
  readonly mtuBytes: number;
}

/** What the ports of one socket share. */
export interface VxlanOutput {
  readonly socket: AddressedSocket & { readonly fd: number; readonly port: number };
  /** Where frames to send lie. */
  readonly frames: Arena;
  readonly frameAt: number;
  /** The sender's own memory. */
  readonly arena: Arena;
  readonly sender: UdpSender;
  readonly seed: Uint32Array;
}

/** Why a port does not take a frame. */
export const Refusal = { none: 0, unknownRemote: 1, tooManyRemotes: 2 } as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

export interface Vtep extends EndpointText {
  readonly isLearned: boolean;
}

export interface VxlanStation {
  readonly mac: string;
  readonly vtep: EndpointText;
  readonly ageMs: number;
}

/** Made by VxlanTunnels, which gives it what comes in. Owned by one worker. */
export class VxlanPort implements FramePort {
  readonly id: number;
  readonly vni: number;
  /** The socket, which ports share: its owner polls it. */
  readonly fd: number;
  readonly givesSupers = true;
  readonly takesSupers = false;
  readonly frameAt: number;
  /** Sent frames count once for each VTEP or group that they went to. */
  readonly counts = new FrameCounts();
  /** Whether its tunnel was removed. */
  isClosed = false;
  /** Comes back with what became of a frame. */
  readonly #context: number;
  readonly #output: VxlanOutput;
  readonly #vteps: VtepSet;
  readonly #stations: VtepTable;
  readonly #group: Uint32Array | null;
  readonly #learns: boolean;
  readonly #maxRemotes: number;
  readonly mtuBytes: number;
  /** Places of the VTEPs that frames for all go to. */
  #flood: readonly number[] = [];

  /** @throws {VxlanError} As `setRemotes`, and ERR_ICX_VXLAN_GROUP. */
  constructor(spec: VxlanPortSpec, context: number, output: VxlanOutput) {
    this.id = spec.id;
    this.vni = spec.vni;
    this.fd = output.socket.fd;
    this.frameAt = output.frameAt;
    this.mtuBytes = spec.mtuBytes;
    this.#context = context;
    this.#output = output;
    this.#learns = spec.learnRemotes || spec.group !== null;
    this.#group = spec.group === null ? null : parseGroup(spec.group, output.socket);
    this.#maxRemotes = Math.min(spec.maxRemotes, MAX_VTEPS);
    this.#vteps = new VtepSet(this.#maxRemotes, output.seed);
    this.#stations = new VtepTable(spec.maxStations, output.seed);
    this.setRemotes(spec.remotes);
  }

  /** None, ever: VxlanTunnels.receive() gives the frames of all ports. */
  receive(): number {
    return 0;
  }

  /** @returns Whether a copy of the frame waits to be sent to at least one VTEP. */
  transmit(at: number, len: number): boolean {
    if (len < ETHERNET_LEN || len > MAX_FRAME_LEN || this.isClosed) return this.#refuse();
    const place = this.#stations.lookup(this.#output.frames.view, at + DESTINATION_AT);
    if (place >= 0) {
      this.#place(at, len);
      this.#send(len, this.#vteps.endpoint(place));
      return true;
    }
    return this.#sendToAll(at, len);
  }

  /** Ports without offloads get none. */
  transmitSuper(_at: number, _len: number): boolean {
    return this.#refuse();
  }

  /**
   * Judges where a frame came from, and learns.
   *
   * @param view  The socket's memory.
   * @param sourceAt Endpoint record of the outer source.
   * @param frameAt Ethernet header, complete.
   */
  accept(view: DataView, sourceAt: number, frameAt: number, nowMs: number): Refusal {
    let place = this.#vteps.find(view, sourceAt);
    if (place < 0) {
      if (!this.#learns) return Refusal.unknownRemote;
      place = this.#vteps.add(view, sourceAt, this.#output.socket.port, VtepKind.learned, nowMs);
      if (place < 0) return Refusal.tooManyRemotes;
      this.#listFlood();
    }
    this.#vteps.seen(place, nowMs);
    this.#stations.learn(view, frameAt + SOURCE_AT, place, nowMs);
    return Refusal.none;
  }

  /** Takes what became of frames. @param bytes Of frames and VXLAN headers. */
  settle(result: SendResult, frames: number, bytes: number): void {
    if (result === SendResult.sent) {
      this.counts.txFrames += frames;
      this.counts.txBytes += bytes - frames * VXLAN_LEN;
    } else {
      this.counts.txDropped += frames;
    }
  }

  /**
   * Replaces the configured VTEPs; those that stay keep their stations.
   *
   * @throws {VxlanError} ERR_ICX_VXLAN_REMOTE for an address that can't be used and for more than
   *   fit; nothing has changed then.
   */
  setRemotes(remotes: readonly EndpointText[]): void {
    const { socket } = this.#output;
    if (remotes.length > this.#maxRemotes) {
      throw new VxlanError(
        'ERR_ICX_VXLAN_REMOTE',
        `Cannot use ${remotes.length} remotes for VNI ${this.vni}`,
        `at most ${this.#maxRemotes} fit`,
      );
    }
    const endpoints = remotes.map((remote) => parseVtep(remote, socket));
    this.#vteps.retain(endpoints);
    // Before their places are taken by others. Nobody is aged at this time.
    this.#stations.sweep(Number.NEGATIVE_INFINITY, this.#vteps.kinds);
    this.#vteps.configure(endpoints);
    this.#listFlood();
  }

  /** Forgets stations and learned VTEPs that were silent for long; for about once a second. */
  sweep(nowMs: number): void {
    if (this.#vteps.sweep(nowMs, STATION_AGEING_MS)) this.#listFlood();
    this.#stations.sweep(nowMs, this.#vteps.kinds);
  }

  /** Takes and sends nothing from now on: its place in the socket is another's. */
  close(): void {
    this.isClosed = true;
  }

  /** For people; allocates. */
  vteps(): Vtep[] {
    return [...this.#vteps.kinds.entries()]
      .filter(([, kind]) => kind !== VtepKind.free)
      .map(([place, kind]) => ({
        ...formatEndpoint(this.#vteps.endpoint(place)),
        isLearned: kind === VtepKind.learned,
      }));
  }

  /** For people; allocates. */
  stations(nowMs: number): VxlanStation[] {
    return Array.from(this.#stations.stations(nowMs), ({ mac, vtep, ageMs }) => ({
      mac,
      vtep: formatEndpoint(this.#vteps.endpoint(vtep)),
      ageMs,
    }));
  }

  #sendToAll(at: number, len: number): boolean {
    const flood = this.#flood;
    const group = this.#group;
    if (group === null && flood.length === 0) return this.#refuse();
    const { arena, sender } = this.#output;
    let copyAt = this.#place(at, len);
    if (group !== null) this.#send(len, group);
    for (let i = 0; i < flood.length; i++) {
      if (i > 0 || group !== null) {
        // The last copy is whole until this one is there, also where the sender began anew.
        arena.bytes.copyWithin(sender.nextAt, copyAt, copyAt + VXLAN_LEN + len);
        copyAt = sender.nextAt;
      }
      this.#send(len, this.#vteps.endpoint(flood[i] ?? 0));
    }
    return true;
  }

  /** Copies a frame behind a header to where the sender wants it. @returns That place. */
  #place(at: number, len: number): number {
    const { arena, frames, sender } = this.#output;
    const headerAt = sender.nextAt;
    writeHeader(arena.view, headerAt, this.vni);
    memcpy(arena.base + headerAt + VXLAN_LEN, frames.base + at, len);
    return headerAt;
  }

  /** Hands over what stands where the sender wants it. */
  #send(len: number, endpoint: Uint32Array): void {
    this.#output.sender.commit(VXLAN_LEN + len, endpoint, this.#context);
  }

  #refuse(): boolean {
    this.counts.txDropped++;
    return false;
  }

  /** Learned VTEPs hear the group. */
  #listFlood(): void {
    const least = this.#group === null ? VtepKind.learned : VtepKind.configured;
    const places: number[] = [];
    for (const [place, kind] of this.#vteps.kinds.entries()) if (kind >= least) places.push(place);
    this.#flood = places;
  }
}
