/**
 * Who has which IP address in a layer 2 network: IP address → MAC address → port.
 *
 * Entries are set by the operator, or learned from the packets that the caller hands in and
 * forgotten when nobody repeated them for a while. Whoever is on a link may claim any address
 * on it, so that learned entries are hearsay: the caps keep a port from filling the memory or
 * pushing others out, and an unknown address only means that a question is flooded.
 */
import { addressHigh, addressLow, isGroupAddress } from '../wire/ethernet.ts';
import { formatIp, type IpAddress } from '../wire/ip-text.ts';
import { formatMac, type MacAddress } from '../wire/mac-text.ts';
import { count, createNeighbourCounters, NeighbourCounter } from './neighbour-counters.ts';
import { NeighbourPorts } from './neighbour-ports.ts';
import { NeighbourSlots } from './neighbour-slots.ts';
import { isStationIp } from './station-ip.ts';

/** What a packet says beside the addresses. */
export const Claim = {
  /** It may give a known address to another MAC address. */
  overrides: 1,
  /** It says whether the station is a router. */
  saysRouter: 2,
  /** It says that the station is a router. */
  isRouter: 4,
} as const;

/** In an entry's flags, beside the router bits. */
const IS_STATIC = 1;
const ROUTER_BITS = Claim.saysRouter | Claim.isRouter;
const VLAN_LIMIT = 2 ** 24;
/** Of a MAC address's upper 16 bits. */
const GROUP_BIT = 0x0100;

export interface NeighbourTableOptions {
  /** 32 random bits. */
  readonly seed: number;
  /** Learned entries in all; 16,384 by default. */
  readonly maxEntries?: number;
  /** How long an entry lasts that nobody repeats; 300,000 by default. */
  readonly ageingMs?: number;
}

export interface StaticNeighbour {
  readonly ip: IpAddress;
  readonly mac: MacAddress;
  readonly port: number;
  /** As wire/ethernet.ts names VLANs; 0, none, by default. */
  readonly vlan?: number;
  readonly isRouter?: boolean;
}

/** An entry for display. */
export interface NeighbourEntry {
  readonly ip: string;
  readonly mac: string;
  readonly port: number;
  readonly vlan: number;
  readonly isStatic: boolean;
  /** 0 for static entries. */
  readonly ageMs: number;
}

/** Owned by one worker. */
export class NeighbourTable {
  readonly counters: Float64Array = createNeighbourCounters();
  readonly #slots: NeighbourSlots;
  readonly #ports = new NeighbourPorts();
  readonly #maxEntries: number;
  readonly #ageingMs: number;
  /** An address from the configuration, as the slots read it. */
  readonly #scratch = new DataView(new ArrayBuffer(16));
  #learned = 0;

  constructor(options: NeighbourTableOptions) {
    this.#slots = new NeighbourSlots(options.seed);
    this.#maxEntries = options.maxEntries ?? 16_384;
    this.#ageingMs = options.ageingMs ?? 300_000;
  }

  /** Entries, also those that are too old and not swept yet. */
  get size(): number {
    return this.#slots.size;
  }

  /**
   * Adds a port, or changes one and keeps its entries.
   *
   * @param maxNeighbours Addresses that it may teach.
   * @throws {RangeError} for a port that is not 0 to 65535 or a cap that is no natural number.
   */
  addPort(port: number, isRemote: boolean, maxNeighbours = 1024): void {
    this.#ports.add(port, { isRemote, maxNeighbours });
  }

  /** Removes a port with all its entries, static ones too. */
  removePort(port: number): void {
    this.#forgetIf((slot) => this.port(slot) === port);
    this.#ports.remove(port);
  }

  /** Forgets what was learned from a port, for when what is behind it is gone or unknown. */
  flushPort(port: number): void {
    this.#forgetIf((slot) => this.port(slot) === port && !this.#isStatic(slot));
  }

  isRemote(port: number): boolean {
    return this.#ports.isRemote(port);
  }

  /**
   * Learns or refreshes an address.
   *
   * A claim of an address or MAC address that no station has counts as malformed. One beyond a
   * cap teaches nothing; when the address moved, it is forgotten, since the old place is wrong.
   *
   * @param vlan   As wire/ethernet.ts names them, here and below.
   * @param claims Claim bits.
   */
  learn(
    view: DataView,
    family: 4 | 6,
    ipAt: number,
    vlan: number,
    macAt: number,
    port: number,
    claims: number,
    nowMs: number,
  ): void {
    const high = addressHigh(view, macAt);
    const low = addressLow(view, macAt);
    if (!isStationIp(view, family, ipAt) || isGroupAddress(view, macAt) || (high === 0 && low === 0)) {
      count(this.counters, NeighbourCounter.malformed);
      return;
    }
    const slot = this.#slots.find(view, family, ipAt, vlan);
    if (slot >= 0 && !this.#isTooOld(slot, nowMs)) {
      this.#update(slot, high, low, port, claims, nowMs);
      return;
    }
    if (slot >= 0) this.#forget(slot);
    if (this.#learned >= this.#maxEntries || !this.#ports.hasRoom(port)) {
      count(this.counters, NeighbourCounter.refusedByCap);
      return;
    }
    const fresh = this.#slots.insert(view, family, ipAt, vlan);
    this.#slots.set(fresh, high, low, port, claims & ROUTER_BITS, nowMs);
    this.#learned++;
    this.#ports.count(port, 1);
    count(this.counters, NeighbourCounter.learned);
  }

  /** @returns The entry, valid until the table changes; −1 for an address that nobody has. */
  find(view: DataView, family: 4 | 6, ipAt: number, vlan: number, nowMs: number): number {
    const slot = this.#slots.find(view, family, ipAt, vlan);
    return slot >= 0 && !this.#isTooOld(slot, nowMs) ? slot : -1;
  }

  /** Upper 16 bits of an entry's MAC address. */
  macHigh(entry: number): number {
    return this.#slots.macHigh(entry);
  }

  /** Lower 32 bits of an entry's MAC address, signed. */
  macLow(entry: number): number {
    return this.#slots.macLow(entry);
  }

  hasMac(entry: number, view: DataView, macAt: number): boolean {
    return this.macLow(entry) === addressLow(view, macAt) && this.macHigh(entry) === addressHigh(view, macAt);
  }

  port(entry: number): number {
    return this.#slots.port(entry);
  }

  /** Whether the station said if it is a router; solicitations don't. */
  saysRouter(entry: number): boolean {
    return (this.#slots.flags(entry) & Claim.saysRouter) !== 0;
  }

  isRouter(entry: number): boolean {
    return (this.#slots.flags(entry) & Claim.isRouter) !== 0;
  }

  /**
   * Sets an entry that no packet changes, in place of what was known. Caps don't count it.
   *
   * @throws {RangeError} for an address that no station can have, a MAC address of a group or of
   *   zeros, a VLAN out of range, or a port that was not added.
   */
  setStatic(neighbour: StaticNeighbour): void {
    const { ip, mac, port, vlan = 0 } = neighbour;
    const text = `neighbour ${formatIp(ip.family, ip.words)}`;
    this.#writeScratch(ip);
    if (!isStationIp(this.#scratch, ip.family, 0)) throw new RangeError(`${text} can be no station`);
    if ((mac.high & GROUP_BIT) !== 0 || (mac.high === 0 && mac.low === 0)) {
      throw new RangeError(`${text} can't be at ${formatMac(mac.high, mac.low)}`);
    }
    if (!Number.isInteger(vlan) || vlan < 0 || vlan >= VLAN_LIMIT) {
      throw new RangeError(`${text} is in VLAN ${vlan}, expected 0 to ${VLAN_LIMIT - 1}`);
    }
    if (!this.#ports.has(port)) throw new RangeError(`${text} is behind port ${port}, which was not added`);
    this.remove(ip, vlan);
    const slot = this.#slots.insert(this.#scratch, ip.family, 0, vlan);
    const router = Claim.saysRouter | (neighbour.isRouter === true ? Claim.isRouter : 0);
    this.#slots.set(slot, mac.high, mac.low, port, IS_STATIC | router, 0);
  }

  /** Forgets an entry, static or not. @returns whether there was one. */
  remove(ip: IpAddress, vlan = 0): boolean {
    this.#writeScratch(ip);
    const slot = this.#slots.find(this.#scratch, ip.family, 0, vlan);
    if (slot < 0) return false;
    this.#forget(slot);
    return true;
  }

  /** Gives back what entries take that are too old; until then they count for the caps. */
  sweep(nowMs: number): void {
    const aged = this.#forgetIf((slot) => this.#isTooOld(slot, nowMs));
    this.counters[NeighbourCounter.aged] = (this.counters[NeighbourCounter.aged] ?? 0) + aged;
  }

  /** For display, in no order. The table must not change meanwhile. */
  *entries(nowMs: number): IterableIterator<NeighbourEntry> {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.capacity; slot++) {
      if (!slots.isUsed(slot) || this.#isTooOld(slot, nowMs)) continue;
      const isStatic = this.#isStatic(slot);
      yield {
        ip: formatIp(slots.family(slot), slots.ip(slot)),
        mac: formatMac(slots.macHigh(slot), slots.macLow(slot)),
        port: slots.port(slot),
        vlan: slots.vlan(slot),
        isStatic,
        ageMs: isStatic ? 0 : nowMs - slots.seenMs(slot),
      };
    }
  }

  /** @see RFC 4861 §7.2.5 for claims that don't override */
  #update(slot: number, high: number, low: number, port: number, claims: number, nowMs: number): void {
    const slots = this.#slots;
    const isSameMac = slots.macLow(slot) === low && slots.macHigh(slot) === high;
    const isSame = isSameMac && slots.port(slot) === port;
    if (this.#isStatic(slot)) {
      if (!isSame) count(this.counters, NeighbourCounter.refusedByStatic);
      return;
    }
    const router = (claims & Claim.saysRouter) !== 0 ? claims & ROUTER_BITS : slots.flags(slot);
    if (isSame) {
      slots.touch(slot, router, nowMs);
      return;
    }
    if (!isSameMac && (claims & Claim.overrides) === 0) return;
    if (slots.port(slot) !== port && !this.#ports.hasRoom(port)) {
      count(this.counters, NeighbourCounter.refusedByCap);
      this.#forget(slot);
      return;
    }
    this.#ports.count(slots.port(slot), -1);
    this.#ports.count(port, 1);
    slots.set(slot, high, low, port, isSameMac ? router : claims & ROUTER_BITS, nowMs);
    count(this.counters, NeighbourCounter.moved);
  }

  #isStatic(slot: number): boolean {
    return (this.#slots.flags(slot) & IS_STATIC) !== 0;
  }

  #isTooOld(slot: number, nowMs: number): boolean {
    return nowMs - this.#slots.seenMs(slot) > this.#ageingMs && !this.#isStatic(slot);
  }

  #writeScratch(ip: IpAddress): void {
    ip.words.forEach((word, i) => {
      this.#scratch.setUint32(i * 4, word);
    });
  }

  #forget(slot: number): void {
    if (!this.#isStatic(slot)) {
      this.#learned--;
      this.#ports.count(this.#slots.port(slot), -1);
    }
    this.#slots.remove(slot);
  }

  /** A removal moves later entries up, so that the same slot is looked at again. @returns how many. */
  #forgetIf(isGone: (slot: number) => boolean): number {
    let gone = 0;
    for (let slot = 0; slot < this.#slots.capacity; slot++) {
      while (this.#slots.isUsed(slot) && isGone(slot)) {
        this.#forget(slot);
        gone++;
      }
    }
    return gone;
  }
}
