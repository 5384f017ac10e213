/** A guest of a network of IP packets: a machine on an Ethernet port, with inner addresses of its own. */
import { randomInt } from 'node:crypto';
import { Gateway } from '../l2/gateway.ts';
import { Claim, NeighbourTable } from '../l2/neighbour-table.ts';
import type { FramePort } from '../port/frame-port.ts';
import { type Prefix, parsePrefix } from '../route/prefix.ts';
import * as ethernet from '../wire/ethernet.ts';
import { destinationAt, ipVersion, sourceAt } from '../wire/ip.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import { createGuestDrops, type GuestDrop } from './guest-drop.ts';
import { MAX_NEIGHBOURS } from './guest-limits.ts';
import { LocalPort } from './local-port.ts';

const SEED_LIMIT = 2 ** 32;
/** Packets have no VLAN. */
const NO_VLAN = 0;
const BROADCAST = { high: 0xffff, low: -1 } as const;

export interface GuestOptions {
  /** Largest packet that it takes. */
  readonly mtuBytes: number;
  /** CIDR text. */
  readonly addresses: readonly string[];
  /** The router's. */
  readonly mac: MacAddress;
  /** What the router answers the guest for. Allocates nothing. */
  readonly isRouted: (guest: Guest, view: DataView, family: 4 | 6, ipAt: number) => boolean;
}

/** Owned by the worker of its network. */
export class Guest extends LocalPort {
  readonly prefixes: readonly Prefix[];
  /** Largest packet that it takes. */
  readonly mtuBytes: number;
  /** Who is behind the port. A guest can claim what it likes: nobody else's packets are found by it. */
  readonly neighbours = new NeighbourTable({ seed: randomInt(SEED_LIMIT), maxEntries: MAX_NEIGHBOURS });
  /** By GuestDrop. */
  readonly drops = createGuestDrops();
  readonly #mac: MacAddress;
  readonly #gateway: Gateway;
  /** Where its last frame came from: that of a machine that has one address, and of no other. */
  #stationHigh: number = BROADCAST.high;
  #stationLow: number = BROADCAST.low;

  /** @throws {RangeError} for what is no address. */
  constructor(id: number, port: FramePort, { mtuBytes, addresses, mac, isRouted }: GuestOptions) {
    super(id, port);
    this.prefixes = addresses.map(parsePrefix);
    this.mtuBytes = mtuBytes;
    this.#mac = mac;
    this.neighbours.addPort(id, false, MAX_NEIGHBOURS);
    this.#gateway = new Gateway(this.neighbours, mac, (view, family, ipAt) =>
      isRouted(this, view, family, ipAt),
    );
  }

  count(drop: GuestDrop, packets = 1): void {
    this.drops[drop] = (this.drops[drop] ?? 0) + packets;
  }

  /** Notes where a frame of the guest came from. */
  heard(view: DataView, frameAt: number): void {
    const fromAt = frameAt + ethernet.SOURCE_AT;
    if (ethernet.isGroupAddress(view, fromAt)) return;
    this.#stationHigh = ethernet.addressHigh(view, fromAt);
    this.#stationLow = ethernet.addressLow(view, fromAt);
  }

  /** Takes a frame about neighbours, and sends the answer if there is one. @param replyAt As of `Gateway.receive`. */
  discover(view: DataView, frameAt: number, len: number, replyAt: number, nowMs: number): void {
    const answerLen = this.#gateway.receive(view, frameAt, len, this.id, replyAt, nowMs);
    if (answerLen > 0) this.port.transmit(replyAt, answerLen);
  }

  /** Remembers who sent a packet whose source is the guest's. */
  learn(view: DataView, frameAt: number, packetAt: number, nowMs: number): void {
    const family = ipVersion(view, packetAt) === 4 ? 4 : 6;
    const macAt = frameAt + ethernet.SOURCE_AT;
    const ipAt = sourceAt(view, packetAt);
    this.neighbours.learn(view, family, ipAt, NO_VLAN, macAt, this.id, Claim.overrides, nowMs);
  }

  /**
   * Sends a whole packet to the guest; ethernet.HEADER_LEN bytes before it are overwritten.
   *
   * @returns Whether the port took it, which counts what it does not.
   */
  send(view: DataView, packetAt: number, len: number, nowMs: number): boolean {
    const family = ipVersion(view, packetAt) === 4 ? 4 : 6;
    const frameAt = packetAt - ethernet.HEADER_LEN;
    const { neighbours } = this;
    const entry = neighbours.find(view, family, destinationAt(view, packetAt), NO_VLAN, nowMs);
    const high = entry < 0 ? this.#stationHigh : neighbours.macHigh(entry);
    const low = entry < 0 ? this.#stationLow : neighbours.macLow(entry);
    const type = family === 4 ? ethernet.EtherType.ipv4 : ethernet.EtherType.ipv6;
    ethernet.writeHeaderOf(view, frameAt, high, low, this.#mac.high, this.#mac.low, type);
    return this.port.transmit(frameAt, ethernet.HEADER_LEN + len);
  }
}
