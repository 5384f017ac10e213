/**
 * The fields of the message that tells which inner addresses are behind its sender.
 *
 *     flags (1): 1 full, 2 more follow ‖ sequence (4) ‖ withdrawn prefixes ‖ added prefixes
 *
 * A list starts with its length (1). A prefix is family (1): 4 or 6 ‖ length in bits (1) ‖ the bytes
 * that the length covers, host bits zero. Both lists together have 224 prefixes at most, so that
 * the longest message fits a record.
 */
import type { IpPrefix } from '../routes/ip-prefix.ts';
import { type ByteReader, type ByteWriter, MessageError } from './byte-codec.ts';

export interface RoutesMessage {
  readonly type: 'routes';
  /** Number of the message on its connection, from 0. */
  readonly sequence: number;
  /** Whether what was announced before is void. */
  readonly isFull: boolean;
  /** Whether the next message is of the same change, and none of it counts before that came. */
  readonly hasMore: boolean;
  /** Of what was announced before; they go before others are added. */
  readonly withdraw: readonly IpPrefix[];
  readonly add: readonly IpPrefix[];
}

/** Prefixes in one message: of 18 bytes at most, in a record of 4,096. */
export const MAX_MESSAGE_ROUTES = 224;

const Flag = { full: 1, more: 2 } as const;
const ALL_FLAGS = Flag.full | Flag.more;
const WORD_BYTES = 4;

/** @throws {RangeError} when a field does not fit its place: our own mistake. */
export function writeRoutes(out: ByteWriter, message: RoutesMessage): void {
  const { withdraw, add } = message;
  if (withdraw.length + add.length > MAX_MESSAGE_ROUTES) {
    throw new RangeError(`A control message lists ${MAX_MESSAGE_ROUTES} prefixes at most`);
  }
  out.u8((message.isFull ? Flag.full : 0) | (message.hasMore ? Flag.more : 0));
  out.u32(message.sequence);
  for (const list of [withdraw, add]) {
    out.u8(list.length);
    for (const prefix of list) writePrefix(out, prefix);
  }
}

/** @throws {MessageError} */
export function readRoutes(input: ByteReader): RoutesMessage {
  const flags = input.u8();
  if (flags > ALL_FLAGS) throw new MessageError(`unknown flags ${flags} of routes`);
  const isFull = (flags & Flag.full) !== 0;
  const hasMore = (flags & Flag.more) !== 0;
  const sequence = input.u32();
  const withdraw = readPrefixes(input);
  if (isFull && withdraw.length > 0) throw new MessageError('a full set of routes withdraws some');
  const add = readPrefixes(input);
  if (withdraw.length + add.length > MAX_MESSAGE_ROUTES) throw new MessageError('too many prefixes');
  return { type: 'routes', sequence, isFull, hasMore, withdraw, add };
}

function writePrefix(out: ByteWriter, { family, length, words }: IpPrefix): void {
  if (length > addressBits(family))
    throw new RangeError(`Cannot write an IPv${family} prefix of ${length} bits`);
  const covered = Math.ceil(length / 8);
  const bytes = new Uint8Array(2 + covered);
  bytes[0] = family;
  bytes[1] = length;
  for (let at = 0; at < covered; at++) bytes[2 + at] = (words[at >> 2] ?? 0) >>> (24 - 8 * (at & 3));
  out.bytes(bytes);
}

function readPrefixes(input: ByteReader): IpPrefix[] {
  return Array.from({ length: input.u8() }, () => readPrefix(input));
}

function readPrefix(input: ByteReader): IpPrefix {
  const family = input.u8();
  if (family !== 4 && family !== 6) throw new MessageError(`unknown address family ${family}`);
  const length = input.u8();
  if (length > addressBits(family)) throw new MessageError(`IPv${family} prefix of ${length} bits`);
  const bytes = new DataView(new ArrayBuffer(4 * WORD_BYTES));
  const covered = Math.ceil(length / 8);
  for (let at = 0; at < covered; at++) bytes.setUint8(at, input.u8());
  if (length % 8 !== 0 && (bytes.getUint8(covered - 1) & (0xff >> (length % 8))) !== 0) {
    throw new MessageError('prefix with host bits');
  }
  const word = (index: number) => bytes.getUint32(index * WORD_BYTES);
  return { family, length, words: [word(0), word(1), word(2), word(3)] };
}

function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}
