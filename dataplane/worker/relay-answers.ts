/** What a relay says to its guests itself: ICMP errors and TCP resets, so many a second. */
import type { Arena } from '../io/arena.ts';
import { memcpy } from '../io/libc.ts';
import { type Refusal, writeRefusal } from '../relay/refusal.ts';
import { RelayCount, type RelayCounts } from '../relay/relay-counts.ts';
import { writeSentHeader } from '../relay/sent-packet.ts';
import type { SessionTable } from '../relay/session-table.ts';
import { writeTcpReset } from '../relay/tcp-reset.ts';
import { MAX_ANSWER_LEN, writeIcmpError, writeTooBig } from '../wire/icmp.ts';
import { ipVersion } from '../wire/ip.ts';
import { parseIp } from '../wire/ip-text.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RelayBufferAt } from './relay-buffer.ts';
import type { RelayGuest } from './relay-guest.ts';

/** Between two sweeps. @see RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f) */
const MAX_ANSWERS = 1_000;
const NO_ADDRESS = -1;

/** Addresses that the guests know the relay by, null where there is none. */
export interface RelayAddresses {
  readonly v4: string | null;
  readonly v6: string | null;
}

/** Owned by one worker. */
export class RelayAnswers {
  readonly #arena: Arena;
  readonly #counts: RelayCounts;
  readonly #outAt: number;
  readonly #quoteAt: number;
  /** Where the own address is put that an answer comes from; all relays of a worker have this memory. */
  readonly #ownAt: number;
  /** The relay's own addresses, null where it has none. */
  #own4: Int32Array | null;
  #own6: Int32Array | null;
  /** What is to be quoted, in the worker's arena. */
  #packetAt = 0;
  #packetLen = 0;
  #left = MAX_ANSWERS;

  /**
   * @param arena    The worker's.
   * @param bufferAt From takeRelayBuffer().
   * @throws {RangeError} for an address that is none of its family.
   */
  constructor(arena: Arena, bufferAt: number, addresses: RelayAddresses, counts: RelayCounts) {
    this.#arena = arena;
    this.#counts = counts;
    this.#outAt = bufferAt + RelayBufferAt.out;
    this.#quoteAt = bufferAt + RelayBufferAt.quote;
    this.#ownAt = bufferAt + RelayBufferAt.own;
    this.#own4 = wordsOf(addresses.v4, 4);
    this.#own6 = wordsOf(addresses.v6, 6);
  }

  /** @throws {RangeError} for an address that is none of its family. Nothing changed then. */
  setAddresses(addresses: RelayAddresses): void {
    const [own4, own6] = [wordsOf(addresses.v4, 4), wordsOf(addresses.v6, 6)];
    this.#own4 = own4;
    this.#own6 = own6;
  }

  /** Whether an address is the relay's own. @param at Offset of 4 bytes for family 4, of 16 for family 6. */
  isOwn(family: 4 | 6, view: DataView, at: number): boolean {
    const own = family === 4 ? this.#own4 : this.#own6;
    if (own === null) return false;
    for (let i = 0; i < own.length; i++) if (view.getInt32(at + i * 4) !== own[i]) return false;
    return true;
  }

  sweep(): void {
    this.#left = MAX_ANSWERS;
  }

  /** Takes a packet, or its beginning, to be quoted by what is told next. @param from Its memory. */
  quotePacket(from: Arena, packetAt: number, packetLen: number): void {
    this.#packetLen = Math.min(packetLen, MAX_ANSWER_LEN);
    this.#packetAt = from === this.#arena ? packetAt : this.#copy(from, packetAt, packetLen);
  }

  /**
   * Takes a datagram that a session sent to be quoted by what is told next.
   *
   * @param from    Memory of its data, of which `knownLen` bytes are there.
   * @param dataLen Bytes of all its data.
   */
  quoteSent(
    sessions: SessionTable,
    slot: number,
    from: Arena,
    dataAt: number,
    knownLen: number,
    dataLen: number,
  ): void {
    const quotedAt = this.#copy(from, dataAt, knownLen);
    this.#packetAt = writeSentHeader(this.#arena.view, sessions, slot, quotedAt, dataLen);
    this.#packetLen = quotedAt - this.#packetAt + Math.min(knownLen, MAX_ANSWER_LEN);
  }

  /**
   * Tells a guest that what was quoted is not carried.
   *
   * @param isFromThere Whether in the name of whom it was for, not in the relay's own.
   */
  refuse(refusal: Refusal, isFromThere: boolean, guest: RelayGuest, nowMs: number): void {
    if (!this.#mayAnswer()) return;
    const { view } = this.#arena;
    const sourceAt = isFromThere ? NO_ADDRESS : this.#ownAddressFor(this.#packetAt);
    const len = writeRefusal(view, this.#packetAt, this.#packetLen, refusal, sourceAt, this.#outAt);
    this.#give(len, guest, nowMs);
  }

  /** Tells a guest an ICMP error about what was quoted, in the relay's name. As writeIcmpError() takes it. */
  tell(type: number, code: number, word: number, guest: RelayGuest, nowMs: number): void {
    if (!this.#mayAnswer()) return;
    const { view } = this.#arena;
    const sourceAt = this.#ownAddressFor(this.#packetAt);
    const outAt = this.#outAt;
    const len = writeIcmpError(view, this.#packetAt, this.#packetLen, type, code, word, sourceAt, outAt);
    this.#give(len, guest, nowMs);
  }

  /** Tells a guest which size the path takes. Sizes that hosts must disregard are not told. */
  tellTooBig(mtuBytes: number, guest: RelayGuest, nowMs: number): void {
    if (!this.#mayAnswer()) return;
    const { view } = this.#arena;
    const sourceAt = this.#ownAddressFor(this.#packetAt);
    const len = writeTooBig(view, this.#packetAt, this.#packetLen, mtuBytes, sourceAt, this.#outAt);
    this.#give(len, guest, nowMs);
  }

  /** Resets the TCP connection that a packet in the worker's arena belongs to. */
  reset(packetAt: number, tcpAt: number, guest: RelayGuest, nowMs: number): void {
    if (!this.#mayAnswer()) return;
    this.#give(writeTcpReset(this.#arena.view, packetAt, tcpAt, this.#outAt), guest, nowMs);
  }

  /** @returns Where the own address is that answers a packet, −1 where there is none. */
  #ownAddressFor(packetAt: number): number {
    const { view } = this.#arena;
    const own = ipVersion(view, packetAt) === 4 ? this.#own4 : this.#own6;
    if (own === null) return NO_ADDRESS;
    for (let i = 0; i < own.length; i++) view.setInt32(this.#ownAt + i * 4, own[i] ?? 0);
    return this.#ownAt;
  }

  #mayAnswer(): boolean {
    if (this.#left > 0) return true;
    this.#counts.add(RelayCount.answersLimited, 1);
    return false;
  }

  #give(len: number, guest: RelayGuest, nowMs: number): void {
    if (len === 0) return;
    this.#left--;
    this.#counts.add(RelayCount.answers, 1);
    guest.deliver(this.#outAt, len, nowMs);
  }

  /** Copies the beginning of something to where packets are put together. @returns Its offset. */
  #copy(from: Arena, at: number, len: number): number {
    memcpy(this.#arena.base + this.#quoteAt, from.base + at, Math.min(len, MAX_ANSWER_LEN));
    return this.#quoteAt;
  }
}

function wordsOf(text: string | null, family: 4 | 6): Int32Array | null {
  if (text === null) return null;
  const ip = parseIp(text);
  if (ip?.family !== family) throw new RangeError(`Cannot use '${text}' as a relay's IPv${family} address`);
  return Int32Array.from(family === 4 ? ip.words.slice(0, ipv4.ADDRESS_LEN / 4) : ip.words);
}
