/**
 * The router between the guests of a network, its peers and the host: IP packets in Ethernet frames
 * come from a guest's port, go to another guest, are sealed for a peer, or go to the TUN queue.
 *
 *     from a guest
 *      1  ARP and Neighbour Discovery are answered            guest.ts           RFC 826, RFC 4861
 *      2  a whole packet to the router, not of this link      guest-ingress.ts   RFC 1812 §4.2.3, RFC 4291 §2.5.6
 *      3  from an address of the guest                        guest-table.ts     RFC 2827
 *      4  with a hop left                                     wire/ip.ts         RFC 1812 §5.3.1, RFC 8200 §3
 *      5  to a guest, a peer, an exit, the host: who has the address, in this order
 *     to a guest (from peers and the host; a hop is taken as well)
 *      6  no larger than it takes                             guest-errors.ts    RFC 1191, RFC 8201
 */
import { isStationIp } from '../l2/station-ip.ts';
import { DropCode } from '../path/drop.ts';
import type { Segmenter } from '../path/segment.ts';
import type { FramePort } from '../port/frame-port.ts';
import type { TunQueue } from '../port/tun.ts';
import * as ethernet from '../wire/ethernet.ts';
import { checkPacket, destinationAt, ipVersion, sourceAt, takeHop, totalLen } from '../wire/ip.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import { Guest, type GuestOptions } from './guest.ts';
import { GuestDrop } from './guest-drop.ts';
import { GuestErrors } from './guest-errors.ts';
import { gatewayMac, isGatewayIp } from './guest-gateway.ts';
import { isLinkLocal, isNeighbourFrame, judgeFrame } from './guest-ingress.ts';
import { GuestTable } from './guest-table.ts';
import type { LinkParts } from './link.ts';
import type { GuestPortSpec } from './messages.ts';

/** No peer has it. */
const NO_SLOT = 0;

/** A way out of the network for packets that neither a guest nor a peer is to get. It goes before the host. */
export interface Exit {
  /** Whether it leads to an address. @param ipAt Offset of 4 bytes for family 4, of 16 for family 6. */
  covers(view: DataView, family: 4 | 6, ipAt: number): boolean;
  /**
   * Asked for a whole packet, whose source was checked.
   *
   * @param packetAt What lies before it is others'.
   * @param guest    Who sent it; null for a peer.
   * @param slot     The peer's; 0 for a guest.
   * @returns Whether it is the exit's now: else it goes its way without.
   */
  accept(packetAt: number, packetLen: number, guest: Guest | null, slot: number, nowMs: number): boolean;
}

/** Owned by the worker of its network. */
export class GuestRouter {
  /** Whether peers and the host are all there is: nothing is to be asked here then. */
  isIdle = false;
  readonly mac: MacAddress;
  readonly #vni: number;
  readonly #parts: LinkParts;
  readonly #table = new GuestTable<Guest>();
  /** By id. */
  readonly #guests = new Map<number, Guest>();
  readonly #errors: GuestErrors;
  #tun: TunQueue | null = null;
  #exit: Exit | null = null;

  constructor(vni: number, parts: LinkParts) {
    this.#vni = vni;
    this.#parts = parts;
    this.#errors = new GuestErrors(vni, parts);
    this.mac = gatewayMac(vni);
  }

  /** The way to the host; null where there is none. */
  set tun(tun: TunQueue | null) {
    this.#tun = tun;
    this.#noteIdle();
  }

  set exit(exit: Exit | null) {
    this.#exit = exit;
    this.#noteIdle();
  }

  /** @throws {RangeError} for what is no address, and when another guest has one, or the number. */
  add(id: number, port: FramePort, { dgram, addresses }: GuestPortSpec): Guest {
    if (this.#guests.has(id)) throw new RangeError(`Cannot add guest ${id}: it exists`);
    const isRouted: GuestOptions['isRouted'] = (asking, view, family, ipAt) =>
      this.isRouted(asking, view, family, ipAt);
    const guest = new Guest(id, port, { mtuBytes: dgram.mtuBytes, addresses, mac: this.mac, isRouted });
    this.#table.add(guest);
    this.#guests.set(id, guest);
    this.#noteIdle();
    return guest;
  }

  /** Forgets what is old. */
  sweep(nowMs: number): void {
    for (const { neighbours } of this.#guests.values()) neighbours.sweep(nowMs);
  }

  /** An unknown number is fine. */
  remove(id: number): void {
    const guest = this.#guests.get(id);
    if (guest === undefined) return;
    this.#table.remove(guest);
    this.#guests.delete(id);
    this.#noteIdle();
  }

  guest(id: number): Guest | undefined {
    return this.#guests.get(id);
  }

  guests(): Guest[] {
    return [...this.#guests.values()];
  }

  /** What a guest is told to send here: all that it can't have on its own link. */
  isRouted(asking: Guest, view: DataView, family: 4 | 6, ipAt: number): boolean {
    if (isLinkLocal(view, family, ipAt)) return isGatewayIp(view, family, ipAt);
    if (!isStationIp(view, family, ipAt)) return false;
    const owner = this.#table.lookup(view, family, ipAt);
    if (owner !== undefined) return owner !== asking;
    if (this.#tun !== null || this.#exit?.covers(view, family, ipAt)) return true;
    return this.#parts.engine.routes(this.#vni)?.reaches(view, family, ipAt) === true;
  }

  /** Takes the frame of `len` bytes that a guest's port gave. @returns How many frames that was. */
  take(guest: Guest, frameAt: number, len: number, nowMs: number): number {
    const { view } = this.#parts.arena;
    guest.heard(view, frameAt);
    if (isNeighbourFrame(view, frameAt, len)) {
      guest.discover(view, frameAt, len, this.#parts.scratchAt, nowMs);
      return 1;
    }
    const fault = judgeFrame(view, frameAt, len, this.mac);
    if (fault !== 0) {
      guest.count(fault);
      return 1;
    }
    const packetAt = frameAt + ethernet.HEADER_LEN;
    if (this.#ownerOf(sourceAt(view, packetAt), packetAt) !== guest) {
      guest.count(GuestDrop.innerSource);
      return 1;
    }
    guest.learn(view, frameAt, packetAt, nowMs);
    // Bytes behind the packet's own length are padding of a short frame.
    this.#forward(guest, packetAt, totalLen(view, packetAt), nowMs);
    return 1;
  }

  /** Stages 4 and 5. */
  #forward(guest: Guest, at: number, len: number, nowMs: number): void {
    const { arena, engine } = this.#parts;
    const { view } = arena;
    if (!takeHop(view, at)) {
      guest.count(GuestDrop.hopLimit);
      this.#errors.timeExceededToGuest(guest, at, len, nowMs);
      return;
    }
    const dstAt = destinationAt(view, at);
    const to = this.#ownerOf(dstAt, at);
    if (to !== undefined) {
      // What is sent to its own address would come back: it is on its own link, or nowhere.
      if (to === guest) guest.count(GuestDrop.noRoute);
      else if (len <= to.mtuBytes) to.send(view, at, len, nowMs);
      else {
        to.count(GuestDrop.toTooLarge);
        this.#errors.tooLargeToGuest(guest, at, len, to.mtuBytes, nowMs);
      }
      return;
    }
    const family = ipVersion(view, at) === 4 ? 4 : 6;
    if (engine.routes(this.#vni)?.lookup(view, family, dstAt, sourceAt(view, at)) != null) {
      this.#seal(guest, at, len, nowMs);
    } else if (this.#exit?.accept(at, len, guest, NO_SLOT, nowMs)) {
      return;
    } else if (this.#tun === null) {
      guest.count(GuestDrop.noRoute);
    } else if (!this.#tun.transmitPlain(at, len)) {
      guest.count(GuestDrop.interface);
    }
  }

  #seal(guest: Guest, at: number, len: number, nowMs: number): void {
    const { engine, sender } = this.#parts;
    const fault = engine.select(at, len, 1, nowMs, this.#vni);
    const peer = engine.lastPeer;
    if (fault !== 0 || peer === null) {
      if (fault === -DropCode.txTooLarge && peer !== null) {
        this.#errors.tooLargeToGuest(guest, at, len, peer.mtuBytes, nowMs);
      }
      return;
    }
    const frameLen = engine.seal(at, len, sender.nextAt, nowMs);
    if (frameLen > 0) sender.commit(frameLen, peer.endpointWords, peer.slot);
  }

  /**
   * Takes what the TUN queue gave, if it is for a guest.
   *
   * @param segmenter Has given the first packet, of `len` bytes.
   * @param count     Packets in all.
   */
  takeSegments(segmenter: Segmenter, len: number, count: number, nowMs: number): boolean {
    const { view } = this.#parts.arena;
    const to = checkPacket(view, segmenter.at, len) ? this.#receiver(segmenter.at) : undefined;
    if (to === undefined) return false;
    if (len > to.mtuBytes) {
      to.count(GuestDrop.toTooLarge, count);
      if (this.#tun !== null) this.#errors.tooLargeToHost(this.#tun, segmenter.at, len, to.mtuBytes);
      return true;
    }
    for (let packetLen = len; packetLen > 0; packetLen = segmenter.next()) {
      if (takeHop(view, segmenter.at)) to.send(view, segmenter.at, packetLen, nowMs);
      else to.count(GuestDrop.toHopLimit);
    }
    return true;
  }

  /**
   * Takes a whole packet that a peer may send, if it is not for the host; counts it as refused where
   * nobody takes it.
   *
   * @param at What lies before it is others'.
   */
  takeOpened(at: number, len: number, slot: number, nowMs: number): boolean {
    const { arena, engine, readAt } = this.#parts;
    const to = this.#receiver(at);
    if (to !== undefined) {
      // Where a header fits in front of it.
      arena.bytes.copyWithin(readAt, at, at + len);
      if (!this.#sendOpened(to, readAt, len, nowMs)) engine.countRefused(slot, 1, len);
      return true;
    }
    if (this.#exit?.accept(at, len, null, slot, nowMs)) return true;
    if (this.#tun !== null) return false;
    engine.countRefused(slot, 1, len, DropCode.rxNoPort);
    return true;
  }

  #sendOpened(to: Guest, at: number, len: number, nowMs: number): boolean {
    const { arena } = this.#parts;
    if (len > to.mtuBytes) {
      to.count(GuestDrop.toTooLarge);
      this.#errors.tooLargeToPeer(at, len, to.mtuBytes, nowMs);
      return false;
    }
    if (takeHop(arena.view, at)) return to.send(arena.view, at, len, nowMs);
    to.count(GuestDrop.toHopLimit);
    return false;
  }

  /**
   * Gives a packet that came in by the exit to the guest or peer that has its destination; the
   * ethernet.HEADER_LEN bytes before it may be overwritten. What is sealed is sent with the turn.
   *
   * @returns Whether somebody has it.
   */
  deliver(at: number, len: number, nowMs: number): boolean {
    const { arena, engine, sender } = this.#parts;
    const { view } = arena;
    if (!checkPacket(view, at, len)) return false;
    const to = this.#receiver(at);
    if (to !== undefined) return len <= to.mtuBytes && to.send(view, at, len, nowMs);
    const frameLen = engine.encap(at, len, sender.nextAt, nowMs, this.#vni);
    const peer = engine.lastPeer;
    if (frameLen <= 0 || peer === null) return false;
    sender.commit(frameLen, peer.endpointWords, peer.slot);
    return true;
  }

  #receiver(packetAt: number): Guest | undefined {
    return this.#ownerOf(destinationAt(this.#parts.arena.view, packetAt), packetAt);
  }

  /** @param ipAt Of an address in the packet at `packetAt`. */
  #ownerOf(ipAt: number, packetAt: number): Guest | undefined {
    const { view } = this.#parts.arena;
    return this.#table.lookup(view, ipVersion(view, packetAt) === 4 ? 4 : 6, ipAt);
  }

  #noteIdle(): void {
    this.isIdle = this.#tun !== null && this.#exit === null && this.#guests.size === 0;
  }
}
