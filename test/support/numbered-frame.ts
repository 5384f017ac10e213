/** Ethernet frames that carry a number, so that a test knows each of them wherever it comes out. */

import type { CapturedFrame } from './capture.ts';
import { injectFrames } from './inject.ts';
import type { Namespace } from './netns.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** Local experimental EtherType 1: no kernel answers it. @see IEEE Std 802, clause 9.2.4 */
const ETHERTYPE = 0x88b5;
const MIN_LEN = 60;

export interface Numbered {
  readonly destination: string;
  readonly source: string;
  readonly number: number;
  /** Of the whole frame, 60 at least. */
  readonly len?: number;
  /** Between addresses and EtherType: four bytes a tag. */
  readonly tags?: Uint8Array;
}

export function numberedFrame(settings: Numbered): Buffer {
  const { destination, source, number, len = MIN_LEN, tags = Buffer.alloc(0) } = settings;
  const frame = Buffer.alloc(Math.max(MIN_LEN, len) - tags.length);
  macBytes(destination).copy(frame, 0);
  macBytes(source).copy(frame, 6);
  frame.writeUInt16BE(ETHERTYPE, 12);
  frame.writeUInt32BE(number, 14);
  return Buffer.concat([frame.subarray(0, 12), tags, frame.subarray(12)]);
}

/** Numbers of the frames from `source` among those captured, in order, doubles too. */
export function numbersFrom(frames: readonly CapturedFrame[], source: string): number[] {
  const from = macBytes(source);
  return frames
    .map(({ bytes }) => bytes)
    .filter((bytes) => bytes.length >= MIN_LEN && bytes.readUInt16BE(12) === ETHERTYPE)
    .filter((bytes) => bytes.subarray(6, 12).equals(from))
    .map((bytes) => bytes.readUInt32BE(14));
}

/** Sends numbers 0 to `count` − 1 out of an interface as if `source` had. */
export async function sendNumbered(
  host: Namespace,
  device: string,
  { destination, source }: Pick<Numbered, 'destination' | 'source'>,
  count: number,
): Promise<void> {
  const frames = [...Array(count).keys()].map((number) => numberedFrame({ destination, source, number }));
  await injectFrames(host, device, frames, 1_000);
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** The address of an interface's own link. */
export function macOf(host: Namespace, device: string): string {
  const [, mac] = /link\/ether (\S+)/.exec(host.ip(`link show dev ${device}`)) ?? [];
  if (mac === undefined) throw new Error(`${device} of ${host.label} has no link address`);
  return mac;
}
