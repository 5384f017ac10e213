/**
 * A relay as a station of an Ethernet network, at a port of its switch: the gateway of its guests.
 *
 *     1  who may: stations of this host, and of peers that may       l2/fdb.ts
 *     2  ARP and Neighbour Discovery of its addresses are answered   l2/gateway.ts
 *     3  a whole packet to its MAC address, not of this link         guest-ingress.ts
 *     4  to the relay; what comes back goes to the MAC address that asked, where the switch knows it
 *
 * What it says does not pass the switch, which may be forwarding what it is asked by.
 */
import { randomInt } from 'node:crypto';
import { Gateway } from '../l2/gateway.ts';
import { MacTable, NO_SLOT } from '../l2/mac-table.ts';
import { NeighbourTable } from '../l2/neighbour-table.ts';
import { FrameCounts, type FramePort } from '../port/frame-port.ts';
import * as ethernet from '../wire/ethernet.ts';
import { ipVersion, totalLen } from '../wire/ip.ts';
import { parseIp } from '../wire/ip-text.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import { isNeighbourFrame, judgeFrame } from './guest-ingress.ts';
import type { LinkParts } from './link.ts';
import type { RelayAddresses } from './relay-answers.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelaySource } from './relay-source.ts';
import type { SwitchedLink } from './switched-link.ts';

/** Stations that are remembered; their sessions do not depend on it. */
const MAX_GUESTS = 1_024;
/** Nothing is to be learned: answers go to where the question came from. */
const MAX_NEIGHBOURS = 1;
const SEED_LIMIT = 2 ** 32;

/** Owned by the worker of its network. */
export class RelayStation implements FramePort {
  readonly fd = -1;
  readonly givesSupers = false;
  readonly takesSupers = false;
  readonly frameAt = 0;
  readonly isClosed = false;
  readonly counts = new FrameCounts();
  readonly mac: MacAddress;
  /** Largest packet for stations of this host. */
  mtuBytes: number;
  readonly #id: number;
  readonly #link: SwitchedLink;
  readonly #parts: LinkParts;
  readonly #relay: RelaySource;
  /** By MAC address, the place in `#guests`. */
  #places = new MacTable(MAX_GUESTS, randomInt(SEED_LIMIT));
  #guests: StationGuest[] = [];
  #gateway: Gateway;

  /** @param id The switch's number for its port. */
  constructor(
    id: number,
    mac: MacAddress,
    link: SwitchedLink,
    parts: LinkParts,
    relay: RelaySource,
    addresses: RelayAddresses,
    mtuBytes: number,
  ) {
    this.#id = id;
    this.#link = link;
    this.#parts = parts;
    this.#relay = relay;
    this.mac = mac;
    this.mtuBytes = mtuBytes;
    this.#gateway = this.#makeGateway(addresses);
  }

  /** Answers for these from now on. */
  setAddresses(addresses: RelayAddresses): void {
    this.#gateway = this.#makeGateway(addresses);
  }

  /** Ends what belongs to stations behind a port of the switch. */
  remove(port: number): void {
    this.#relay.removeGuest(port);
  }

  receive(): number {
    return 0;
  }

  /** Takes a frame that the switch gives to its port. */
  transmit(at: number, len: number): boolean {
    const { nowMs } = this.#link;
    return this.counts.sent(len, this.#take(at, len, nowMs));
  }

  transmitSuper(_at: number, len: number): boolean {
    return this.counts.sent(len, false);
  }

  /** @returns Whether it was for the relay. */
  #take(at: number, len: number, nowMs: number): boolean {
    const { arena, scratchAt } = this.#parts;
    const { view } = arena;
    const port = this.#portOf(at + ethernet.SOURCE_AT, nowMs);
    if (port < 0) return false;
    if (isNeighbourFrame(view, at, len)) {
      const answerLen = this.#gateway.receive(view, at, len, this.#id, scratchAt, nowMs);
      if (answerLen > 0) this.#send(scratchAt, answerLen, port, nowMs);
      return answerLen > 0;
    }
    if (judgeFrame(view, at, len, this.mac) !== 0) return false;
    const packetAt = at + ethernet.HEADER_LEN;
    const guest = this.#guestOf(view, at + ethernet.SOURCE_AT, port);
    return this.#relay.accept(packetAt, totalLen(view, packetAt), guest, nowMs);
  }

  /** @returns The port that a station is behind, −1 where that is not known or it may not use the relay. */
  #portOf(macAt: number, nowMs: number): number {
    const { view } = this.#parts.arena;
    const port = this.#link.switch.fdb.lookup(view, macAt, nowMs);
    if (port < 0 || port === this.#id) return -1;
    if (this.#link.local(port) !== undefined) return port;
    return this.#parts.engine.peer(port)?.mayExit === true ? port : -1;
  }

  /** Gives a packet for a station to the port that it is behind by now. */
  deliver(packetAt: number, packetLen: number, high: number, low: number, nowMs: number): void {
    const { view } = this.#parts.arena;
    const frameAt = packetAt - ethernet.HEADER_LEN;
    const { ipv4, ipv6 } = ethernet.EtherType;
    const type = ipVersion(view, packetAt) === 4 ? ipv4 : ipv6;
    ethernet.writeHeaderOf(view, frameAt, high, low, this.mac.high, this.mac.low, type);
    const port = this.#portOf(frameAt + ethernet.DESTINATION_AT, nowMs);
    if (port >= 0) this.#send(frameAt, ethernet.HEADER_LEN + packetLen, port, nowMs);
  }

  /** Largest packet for stations behind a port. */
  mtuOf(port: number): number {
    const peer = this.#parts.engine.peer(port);
    if (peer === undefined) return this.mtuBytes;
    return Math.min(this.mtuBytes, peer.mtuBytes - ethernet.HEADER_LEN - ethernet.TAG_LEN);
  }

  /** What goes to a peer leaves with the turn. */
  #send(frameAt: number, len: number, port: number, nowMs: number): void {
    const { engine, sender } = this.#parts;
    this.counts.received(len);
    const local = this.#link.local(port);
    if (local !== undefined) {
      local.port.transmit(frameAt, len);
      return;
    }
    if (engine.selectFrame(port, frameAt, len, 1, 0, nowMs) !== 0) return;
    const sealedLen = engine.seal(frameAt, len, sender.nextAt, nowMs);
    const peer = engine.lastPeer;
    if (sealedLen > 0 && peer !== null) sender.commit(sealedLen, peer.endpointWords, peer.slot);
  }

  #guestOf(view: DataView, macAt: number, port: number): StationGuest {
    const high = ethernet.addressHigh(view, macAt);
    const low = ethernet.addressLow(view, macAt);
    const slot = this.#places.find(high, low);
    const known = slot === NO_SLOT ? undefined : this.#guests[this.#places.port(slot)];
    if (known?.id === port) return known;
    const guest = new StationGuest(port, high, low, this);
    if (slot !== NO_SLOT) this.#guests[this.#places.port(slot)] = guest;
    else this.#remember(guest);
    return guest;
  }

  #remember(guest: StationGuest): void {
    if (this.#guests.length === MAX_GUESTS) {
      // Whoever still sends is remembered anew.
      this.#guests = [];
      this.#places = new MacTable(MAX_GUESTS, randomInt(SEED_LIMIT));
    }
    this.#places.insert(guest.high, guest.low, this.#guests.length);
    this.#guests.push(guest);
  }

  #makeGateway({ v4, v6 }: RelayAddresses): Gateway {
    const table = new NeighbourTable({ seed: randomInt(SEED_LIMIT), maxEntries: MAX_NEIGHBOURS });
    table.addPort(this.#id, false, MAX_NEIGHBOURS);
    for (const text of [v4, v6]) {
      const ip = text === null ? null : parseIp(text);
      // Nobody else can claim it.
      if (ip !== null) table.setStatic({ ip, mac: this.mac, port: this.#id });
    }
    return new Gateway(table, this.mac, (view, family, ipAt) => this.#relay.isOwn(family, view, ipAt));
  }
}

/** A station behind a port. The relay's limits are those of the port: a machine can have any number of addresses. */
class StationGuest implements RelayGuest {
  readonly id: number;
  readonly high: number;
  readonly low: number;
  readonly #station: RelayStation;

  constructor(port: number, high: number, low: number, station: RelayStation) {
    this.id = port;
    this.high = high;
    this.low = low;
    this.#station = station;
  }

  get mtuBytes(): number {
    return this.#station.mtuOf(this.id);
  }

  deliver(packetAt: number, packetLen: number, nowMs: number): void {
    this.#station.deliver(packetAt, packetLen, this.high, this.low, nowMs);
  }
}
