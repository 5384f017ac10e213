/**
 * The messages inside sealed control records: one byte of type, then the fields, big endian.
 *
 *     1 offer           VNI (4) ‖ suite (1) ‖ SPIs
 *     2 accept          SPIs
 *     3 confirm
 *     4 rekey request   trigger (1)
 *     5 ping            id (4)
 *     6 pong            id (4)
 *     7 report          SPI (4) ‖ packets sealed (8), a list
 *     8 report answer   SPI (4) ‖ packets accepted (8), a list
 *     9 path            largest inner packet in bytes (4)
 *    10 goodbye         reason, UTF-8
 *    11 routes          what routes-message.ts says
 *
 * A list starts with its length (1), 64 at most. Types that this version does not know are
 * skipped, so that a minor version can add some; known ones must have exactly their fields.
 */
import { Suite } from '../../dataplane/contract.ts';
import { MAX_LANES } from '../handshake/handshake-payload.ts';
import { ByteReader, ByteWriter, MessageError } from './byte-codec.ts';
import { printable } from './record.ts';
import { type RoutesMessage, readRoutes, writeRoutes } from './routes-message.ts';

/** Why a rekey started. */
export const REKEY_TRIGGERS = ['timer', 'budget', 'operator', 'reconnect'] as const;
export type RekeyTrigger = (typeof REKEY_TRIGGERS)[number];

/** Frames that one retired lane sealed, or accepted. */
export interface LaneCount {
  readonly spi: number;
  readonly packets: number;
}

export type ControlMessage =
  | { readonly type: 'offer'; readonly vni: number; readonly suite: Suite; readonly spis: readonly number[] }
  | { readonly type: 'accept'; readonly spis: readonly number[] }
  | { readonly type: 'confirm' }
  | { readonly type: 'rekey_request'; readonly trigger: RekeyTrigger }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'report'; readonly lanes: readonly LaneCount[] }
  | { readonly type: 'report_answer'; readonly lanes: readonly LaneCount[] }
  | { readonly type: 'path'; readonly mtuBytes: number }
  | { readonly type: 'goodbye'; readonly reason: string }
  | RoutesMessage;

/** A message of a later minor version; to be skipped. */
export interface UnknownMessage {
  readonly type: 'unknown';
  readonly number: number;
}

const TYPE_NUMBER = {
  offer: 1,
  accept: 2,
  confirm: 3,
  rekey_request: 4,
  ping: 5,
  pong: 6,
  report: 7,
  report_answer: 8,
  path: 9,
  goodbye: 10,
  routes: 11,
} as const satisfies Record<ControlMessage['type'], number>;

const MAX_VNI = 0xffffff;
const MAX_MTU_BYTES = 0xffff;
const SUITES: readonly number[] = Object.values(Suite);

/** @throws {RangeError} when a field does not fit its place: our own mistake. */
export function encodeMessage(message: ControlMessage): Uint8Array {
  const out = new ByteWriter();
  out.u8(TYPE_NUMBER[message.type]);
  switch (message.type) {
    case 'offer':
      out.u32(message.vni);
      out.u8(message.suite);
      writeList(out, message.spis, (spi) => out.u32(spi));
      break;
    case 'accept':
      writeList(out, message.spis, (spi) => out.u32(spi));
      break;
    case 'rekey_request':
      out.u8(REKEY_TRIGGERS.indexOf(message.trigger));
      break;
    case 'ping':
    case 'pong':
      out.u32(message.id);
      break;
    case 'report':
    case 'report_answer':
      writeList(out, message.lanes, (lane) => {
        out.u32(lane.spi);
        out.u64(lane.packets);
      });
      break;
    case 'path':
      out.u32(message.mtuBytes);
      break;
    case 'goodbye':
      out.text(printable(message.reason));
      break;
    case 'routes':
      writeRoutes(out, message);
      break;
    case 'confirm':
      break;
  }
  return out.finish();
}

/**
 * Reads what a peer sealed.
 *
 * @throws {MessageError} when a known message is malformed or out of bounds.
 */
export function decodeMessage(bytes: Uint8Array): ControlMessage | UnknownMessage {
  const input = new ByteReader(bytes);
  const message = readMessage(input.u8(), input);
  if (message.type !== 'unknown') input.end();
  return message;
}

function readMessage(number: number, input: ByteReader): ControlMessage | UnknownMessage {
  switch (number) {
    case TYPE_NUMBER.offer:
      return readOffer(input);
    case TYPE_NUMBER.accept:
      return { type: 'accept', spis: readList(input, () => input.u32()) };
    case TYPE_NUMBER.confirm:
      return { type: 'confirm' };
    case TYPE_NUMBER.rekey_request:
      return { type: 'rekey_request', trigger: readTrigger(input) };
    case TYPE_NUMBER.ping:
      return { type: 'ping', id: input.u32() };
    case TYPE_NUMBER.pong:
      return { type: 'pong', id: input.u32() };
    case TYPE_NUMBER.report:
      return { type: 'report', lanes: readList(input, () => readLaneCount(input)) };
    case TYPE_NUMBER.report_answer:
      return { type: 'report_answer', lanes: readList(input, () => readLaneCount(input)) };
    case TYPE_NUMBER.path:
      return { type: 'path', mtuBytes: bounded(input.u32(), 1, MAX_MTU_BYTES, 'MTU') };
    case TYPE_NUMBER.goodbye:
      return { type: 'goodbye', reason: printable(input.text()) };
    case TYPE_NUMBER.routes:
      return readRoutes(input);
    default:
      return { type: 'unknown', number };
  }
}

function readOffer(input: ByteReader): ControlMessage {
  const vni = bounded(input.u32(), 1, MAX_VNI, 'VNI');
  const suite = readSuite(input);
  return { type: 'offer', vni, suite, spis: readList(input, () => input.u32()) };
}

function writeList<T>(out: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  if (items.length > MAX_LANES) throw new RangeError(`A control message lists ${MAX_LANES} lanes at most`);
  out.u8(items.length);
  for (const item of items) write(item);
}

function readList<T>(input: ByteReader, read: () => T): T[] {
  const length = bounded(input.u8(), 0, MAX_LANES, 'number of lanes');
  return Array.from({ length }, read);
}

function readLaneCount(input: ByteReader): LaneCount {
  return { spi: input.u32(), packets: input.u64() };
}

function readSuite(input: ByteReader): Suite {
  const number = input.u8();
  if (!SUITES.includes(number)) throw new MessageError(`unknown cipher suite ${number}`);
  return number as Suite;
}

function readTrigger(input: ByteReader): RekeyTrigger {
  const trigger = REKEY_TRIGGERS[input.u8()];
  if (trigger === undefined) throw new MessageError('unknown rekey trigger');
  return trigger;
}

function bounded(value: number, min: number, max: number, what: string): number {
  if (value < min || value > max) throw new MessageError(`${what} ${value}: expected ${min} to ${max}`);
  return value;
}
