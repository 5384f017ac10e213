/**
 * Puts the fragments of guests' UDP datagrams together, in memory of fixed size.
 *
 * A datagram whose fragments overlap is dropped as a whole, in IPv4 too: nobody sends that but to
 * deceive (RFC 5722, RFC 8200 §4.5). What came is noted by units of 8 bytes, so a datagram is whole
 * when as many bytes came as it has.
 *
 * @see RFC 791 §3.2, RFC 815
 */
import { checksum, sumBytes } from '../wire/checksum.ts';
import { sourceAt } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as udp from '../wire/udp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import type { FragmentInfo } from './fragment.ts';

export interface ReassemblyLimits {
  /** Datagrams that wait for more, each with memory for the longest. */
  readonly maxDatagrams: number;
  readonly maxPerGuest: number;
  /** A datagram that is not whole by then is dropped. */
  readonly timeoutMs: number;
}

export const REASSEMBLY_LIMITS: ReassemblyLimits = { maxDatagrams: 64, maxPerGuest: 16, timeoutMs: 30_000 };

/** What became of a fragment; but for the first two, reasons why it was dropped. */
export const Reassembled = {
  /** The datagram is whole. */
  whole: 0,
  waiting: 1,
  /** The guest, or all, have as many datagrams as may wait. */
  refused: 2,
  overlap: 3,
  tooLong: 4,
  /** It ends where no fragment may, or says what another denies. */
  malformed: 5,
} as const;
export type Reassembled = (typeof Reassembled)[keyof typeof Reassembled];

/** Most bytes of UDP header and data, so that both families carry them. */
const MAX_BODY_LEN = udp.HEADER_LEN + 65_507;
const UNIT_LEN = 8;
const UNITS = Math.ceil(MAX_BODY_LEN / UNIT_LEN);
const HEADROOM = 64;
/** Headers, body and the words that a copy may write behind it. */
const SLOT_LEN = HEADROOM + UNITS * UNIT_LEN + 64;
/** Guest, id, family, source, destination. */
const KEY_WORDS = 11;
const HOP_LIMIT = 64;
const FREE = 0;
const UNKNOWN = -1;

/** Bytes of memory for this many datagrams. */
export function reassemblyLen(maxDatagrams: number): number {
  return maxDatagrams * SLOT_LEN;
}

/** Owned by one worker. */
export class Reassembly {
  /** Offset and length of the packet that was made whole last, valid until the next fragment. */
  packetAt = 0;
  packetLen = 0;
  readonly #view: DataView;
  readonly #at: number;
  readonly #limits: ReassemblyLimits;
  readonly #keys: Int32Array;
  readonly #key = new Int32Array(KEY_WORDS);
  readonly #startedAtMs: Float64Array;
  readonly #came: Int32Array;
  /** Where the datagram ends, UNKNOWN before its last fragment came. */
  readonly #bodyLen: Int32Array;
  /** Where what came ends. */
  readonly #endOf: Int32Array;
  /** A byte a unit, 1 for one that came. */
  readonly #units: Uint8Array;
  #size = 0;

  /** @param at Where reassemblyLen() bytes are free. */
  constructor(limits: ReassemblyLimits, view: DataView, at: number) {
    const { maxDatagrams } = limits;
    this.#limits = limits;
    this.#view = view;
    this.#at = at;
    this.#keys = new Int32Array(maxDatagrams * KEY_WORDS);
    this.#startedAtMs = new Float64Array(maxDatagrams);
    this.#came = new Int32Array(maxDatagrams);
    this.#bodyLen = new Int32Array(maxDatagrams);
    this.#endOf = new Int32Array(maxDatagrams);
    this.#units = new Uint8Array(maxDatagrams * UNITS);
  }

  /** Datagrams that wait for more. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a fragment of a UDP packet that checkPacket() passed. When that made it whole, there is a
   * packet without options and without DF at `packetAt` of the constructor's view.
   *
   * @param view Memory of the fragment's packet, which begins at `packetAt`.
   */
  take(view: DataView, packetAt: number, fragment: FragmentInfo, guest: number, nowMs: number): Reassembled {
    const { offset, len, isLast } = fragment;
    if (len === 0 || (!isLast && len % UNIT_LEN !== 0)) return Reassembled.malformed;
    this.#loadKey(view, packetAt, fragment, guest);
    let slot = this.#find();
    if (slot < 0) {
      slot = this.#vacancy(guest, nowMs);
      if (slot < 0) return Reassembled.refused;
      this.#begin(slot, nowMs);
    }
    const fault = this.#faultOf(slot, offset, len, isLast);
    if (fault !== Reassembled.waiting) {
      this.#free(slot);
      return fault;
    }
    this.#store(slot, view, fragment);
    if (this.#came[slot] !== this.#bodyLen[slot]) return Reassembled.waiting;
    this.#finish(slot, view, packetAt, fragment.family);
    return Reassembled.whole;
  }

  /** Drops what waited for too long. @returns How many datagrams that was. */
  sweep(nowMs: number): number {
    let dropped = 0;
    for (let slot = 0; slot < this.#limits.maxDatagrams; slot++) {
      if (!this.#isUsed(slot) || !this.#isLate(slot, nowMs)) continue;
      this.#free(slot);
      dropped++;
    }
    return dropped;
  }

  /** Drops what a guest began. */
  removeGuest(guest: number): void {
    for (let slot = 0; slot < this.#limits.maxDatagrams; slot++) {
      if (this.#isUsed(slot) && this.#keys[slot * KEY_WORDS] === guest) this.#free(slot);
    }
  }

  #loadKey(view: DataView, packetAt: number, { family, id }: FragmentInfo, guest: number): void {
    const key = this.#key;
    const words = family === 4 ? 2 : 8;
    const addressesAt = sourceAt(view, packetAt);
    key[0] = guest;
    key[1] = family;
    key[2] = id;
    for (let i = 0; i < 8; i++) key[3 + i] = i < words ? view.getInt32(addressesAt + i * 4) : 0;
  }

  /** There are few: who looks at all of them needs no hash. */
  #find(): number {
    const key = this.#key;
    for (let slot = 0; slot < this.#limits.maxDatagrams; slot++) {
      const at = slot * KEY_WORDS;
      let i = KEY_WORDS - 1;
      while (i >= 0 && this.#keys[at + i] === key[i]) i--;
      if (i < 0) return slot;
    }
    return -1;
  }

  /** @returns A free slot, a late one's if need be; −1 when there is none for the guest. */
  #vacancy(guest: number, nowMs: number): number {
    let ofGuest = 0;
    let free = -1;
    for (let slot = 0; slot < this.#limits.maxDatagrams; slot++) {
      if (this.#isUsed(slot) && !this.#isLate(slot, nowMs)) {
        if (this.#keys[slot * KEY_WORDS] === guest) ofGuest++;
      } else if (free < 0) free = slot;
    }
    if (free < 0 || ofGuest >= this.#limits.maxPerGuest) return -1;
    if (this.#isUsed(free)) this.#free(free);
    return free;
  }

  #begin(slot: number, nowMs: number): void {
    this.#keys.set(this.#key, slot * KEY_WORDS);
    this.#startedAtMs[slot] = nowMs;
    this.#came[slot] = 0;
    this.#bodyLen[slot] = UNKNOWN;
    this.#endOf[slot] = 0;
    this.#units.fill(0, slot * UNITS, (slot + 1) * UNITS);
    this.#size++;
  }

  /** @returns Reassembled.waiting for a fragment that fits in. */
  #faultOf(slot: number, offset: number, len: number, isLast: boolean): Reassembled {
    const end = offset + len;
    if (end > MAX_BODY_LEN) return Reassembled.tooLong;
    const bodyLen = this.#bodyLen[slot] ?? UNKNOWN;
    if (bodyLen !== UNKNOWN && end > bodyLen) return Reassembled.malformed;
    if (isLast && end < (this.#endOf[slot] ?? 0)) return Reassembled.malformed;
    const units = slot * UNITS;
    for (let unit = offset / UNIT_LEN; unit * UNIT_LEN < end; unit++) {
      if (this.#units[units + unit] === 1) return Reassembled.overlap;
    }
    return Reassembled.waiting;
  }

  #store(slot: number, from: DataView, { at, offset, len, isLast }: FragmentInfo): void {
    const end = offset + len;
    const bodyAt = this.#bodyAt(slot) + offset;
    const to = this.#view;
    let done = 0;
    for (; done + 4 <= len; done += 4) to.setInt32(bodyAt + done, from.getInt32(at + done));
    for (; done < len; done++) to.setUint8(bodyAt + done, from.getUint8(at + done));
    const units = slot * UNITS;
    this.#units.fill(1, units + offset / UNIT_LEN, units + Math.ceil(end / UNIT_LEN));
    this.#came[slot] = (this.#came[slot] ?? 0) + len;
    if (end > (this.#endOf[slot] ?? 0)) this.#endOf[slot] = end;
    if (isLast) this.#bodyLen[slot] = end;
  }

  /** Writes a header in front of the body. The slot is free then, its memory as it is. */
  #finish(slot: number, from: DataView, fromAt: number, family: 4 | 6): void {
    const view = this.#view;
    const len = this.#bodyLen[slot] ?? 0;
    const headerLen = family === 4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN;
    const at = this.#bodyAt(slot) - headerLen;
    this.packetAt = at;
    this.packetLen = headerLen + len;
    this.#free(slot);
    if (family === 4) {
      ipv4.writeHeader(view, at, {
        tos: ipv4.tos(from, fromAt),
        totalLen: headerLen + len,
        flagsFragment: 0,
        ttl: ipv4.ttl(from, fromAt),
        protocol: IpProtocol.udp,
      });
    } else {
      ipv6.writeHeader(view, at, { payloadLen: len, nextHeader: IpProtocol.udp, hopLimit: HOP_LIMIT });
    }
    const addressesAt = sourceAt(view, at);
    const fromAddressesAt = sourceAt(from, fromAt);
    const bytes = family === 4 ? 2 * ipv4.ADDRESS_LEN : 2 * ipv6.ADDRESS_LEN;
    for (let i = 0; i < bytes; i += 4) view.setInt32(addressesAt + i, from.getInt32(fromAddressesAt + i));
    if (family === 4) ipv4.setChecksum(view, at, checksum(sumBytes(view, at, headerLen)));
  }

  #bodyAt(slot: number): number {
    return this.#at + slot * SLOT_LEN + HEADROOM;
  }

  /** A key has a family, which is never FREE. */
  #isUsed(slot: number): boolean {
    return this.#keys[slot * KEY_WORDS + 1] !== FREE;
  }

  #isLate(slot: number, nowMs: number): boolean {
    return nowMs - (this.#startedAtMs[slot] ?? 0) >= this.#limits.timeoutMs;
  }

  #free(slot: number): void {
    this.#keys[slot * KEY_WORDS + 1] = FREE;
    this.#size--;
  }
}
