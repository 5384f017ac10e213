/** Ethernet frames in memory, with multicast messages whose checksums are made the slow way. */
import { parseMac } from '../../../dataplane/wire/mac-text.ts';

/** Not at the start of memory, so that forgotten offsets show. */
export const AT = 5;

/** Memory with the bytes of `hex` (spaces ignored) at AT, and their number. */
export function frameOf(hex: string): { view: DataView; len: number } {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const memory = new Uint8Array(AT + bytes.length);
  memory.set(bytes, AT);
  return { view: new DataView(memory.buffer), len: bytes.length };
}

/** Writes both addresses of a frame. */
export function putAddresses(view: DataView, destination: string, source: string): void {
  putMac(view, AT, destination);
  putMac(view, AT + 6, source);
}

export function putMac(view: DataView, at: number, text: string): void {
  const { high, low } = macOf(text);
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}

export function macOf(text: string) {
  const mac = parseMac(text);
  if (mac === null) throw new Error(`${text} is no MAC address`);
  return mac;
}

/** `02:00:00:00:xx:xx` of a number. */
export function stationMac(n: number): string {
  const digits = n.toString(16).padStart(8, '0');
  return `02:00:${digits.replaceAll(/..(?!$)/g, '$&:')}`;
}

export interface FrameFields {
  readonly source?: string;
  /** Hex of the tags, with their types, in front of the EtherType. */
  readonly tags?: string;
}

const hex = (value: number, bytes: number) => value.toString(16).padStart(bytes * 2, '0');

function checksumOf(text: string): string {
  const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex');
  let sum = 0;
  for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte * 256 : byte;
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return hex(0xffff - sum, 2);
}

/** Hex of dotted IPv4. */
export function v4(text: string): string {
  return text
    .split('.')
    .map((part) => hex(Number(part), 1))
    .join('');
}

/** Hex of `ff05::1234` and the like: first group, zeros, last group. */
export function v6(text: string): string {
  const [first = '', last = ''] = text.split('::');
  return first.padStart(4, '0').padEnd(28, '0') + last.padStart(4, '0');
}

function frame(destination: string, type: string, packet: string, { source, tags }: FrameFields): string {
  const from = (source ?? '02:00:00:00:00:01').replaceAll(':', '');
  return `${destination}${from}${tags ?? ''}${type}${packet}`;
}

/** An IPv4 packet to a group; `protocol` 2 is IGMP. The header has a router alert option. */
export function v4Frame(
  o: { to: string; from?: string; protocol: number; payload: string; flags?: string } & FrameFields,
): string {
  const payload = o.payload.replaceAll(' ', '');
  const start = `4600${hex(24 + payload.length / 2, 2)}0001${o.flags ?? '0000'}01${hex(o.protocol, 1)}`;
  const rest = `${v4(o.from ?? '10.0.0.1')}${v4(o.to)}94040000`;
  const header = `${start}${checksumOf(`${start}0000${rest}`)}${rest}`;
  const low = Buffer.from(v4(o.to), 'hex').readUInt32BE(0) & 0x7f_ffff;
  return frame(`01005e${hex(low, 3)}`, '0800', header + payload, o);
}

export function igmpMessage(type: number, rest: string): string {
  const body = rest.replaceAll(' ', '');
  return `${hex(type, 1)}${body.slice(0, 2)}${checksumOf(`${hex(type, 1)}${body.slice(0, 2)}0000${body.slice(2)}`)}${body.slice(2)}`;
}

type Envelope = { from?: string; to?: string; flags?: string } & FrameFields;

export function igmpQuery(group = '0.0.0.0', envelope: Envelope = {}): string {
  const to = group === '0.0.0.0' ? '224.0.0.1' : group;
  return v4Frame({ to, protocol: 2, payload: igmpMessage(0x11, `64${v4(group)}`), ...envelope });
}

export function igmpReport(group: string, envelope: Envelope = {}, type = 0x16): string {
  return v4Frame({ to: group, protocol: 2, payload: igmpMessage(type, `00${v4(group)}`), ...envelope });
}

export function igmpLeave(group: string, envelope: Envelope = {}): string {
  return v4Frame({ to: '224.0.0.2', protocol: 2, payload: igmpMessage(0x17, `00${v4(group)}`), ...envelope });
}

/** @param records Kind, number of sources and group of each. */
export function igmpReport3(
  records: readonly (readonly [number, number, string])[],
  envelope: Envelope = {},
) {
  const body = records.map(
    ([kind, sources, group]) =>
      `${hex(kind, 1)}00${hex(sources, 2)}${v4(group)}${'0a000009'.repeat(sources)}`,
  );
  const payload = igmpMessage(0x22, `000000${hex(records.length, 2)}${body.join('')}`);
  return v4Frame({ to: '224.0.0.22', protocol: 2, payload, ...envelope });
}

export function v4Data(group: string, envelope: Envelope = {}): string {
  return v4Frame({ to: group, protocol: 17, payload: 'c0000035 000c0000 deadbeef', ...envelope });
}

/** An IPv6 packet to a group with a router alert in front of ICMPv6. */
export function mldFrame(
  o: {
    to: string;
    from?: string;
    type: number;
    rest: string;
    hopLimit?: number;
    next?: string;
  } & FrameFields,
): string {
  const body = o.rest.replaceAll(' ', '');
  const addresses = v6(o.from ?? 'fe80::1') + v6(o.to);
  const pseudo = `${addresses}${hex(4 + body.length / 2, 4)}0000003a`;
  const message = `${hex(o.type, 1)}00${checksumOf(`${pseudo}${hex(o.type, 1)}000000${body}`)}${body}`;
  const options = `${o.next ?? '3a'}00050200000100`;
  const len = (options.length + message.length) / 2;
  const header = `60000000${hex(len, 2)}00${hex(o.hopLimit ?? 1, 1)}${addresses}`;
  return frame(`3333${v6(o.to).slice(24)}`, '86dd', header + options + message, o);
}

type MldEnvelope = { from?: string; to?: string; hopLimit?: number; next?: string } & FrameFields;

export function mldQuery(group = '0::0', envelope: MldEnvelope = {}): string {
  const to = group === '0::0' ? 'ff02::1' : group;
  return mldFrame({ to, type: 130, rest: `03e80000${v6(group)}`, ...envelope });
}

export function mldReport(group: string, envelope: MldEnvelope = {}): string {
  return mldFrame({ to: group, type: 131, rest: `00000000${v6(group)}`, ...envelope });
}

export function mldDone(group: string, envelope: MldEnvelope = {}): string {
  return mldFrame({ to: 'ff02::2', type: 132, rest: `00000000${v6(group)}`, ...envelope });
}

/** @param records Kind, number of sources and group of each. */
export function mldReport2(
  records: readonly (readonly [number, number, string])[],
  envelope: MldEnvelope = {},
): string {
  const body = records.map(
    ([kind, sources, group]) =>
      `${hex(kind, 1)}00${hex(sources, 2)}${v6(group)}${v6('fd00::9').repeat(sources)}`,
  );
  const rest = `0000${hex(records.length, 2)}${body.join('')}`;
  return mldFrame({ to: 'ff02::16', type: 143, rest, ...envelope });
}

/** An ICMPv6 echo request to a group. */
export function v6Data(group: string, envelope: MldEnvelope = {}): string {
  return mldFrame({ to: group, type: 128, rest: '00010001', hopLimit: 64, ...envelope });
}
