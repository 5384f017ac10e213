/** ARP and Neighbour Discovery frames in hex, made and read by other means than the code under test. */

/** Stations: their MAC addresses. */
export const A = '02000000000a';
export const B = '02000000000b';
export const C = '02000000000c';
export const BROADCAST = 'ffffffffffff';
export const NO_MAC = '000000000000';

/** 10.77.0.n */
export const v4 = (n: number) => `0a4d${hex(n, 2)}`;
/** fd77::n */
export const v6 = (n: number) => `fd77${'00'.repeat(12)}${hex(n, 2)}`;
export const UNSPECIFIED = '00'.repeat(16);
export const ALL_NODES = `ff02${'00'.repeat(13)}01`;
/** Group of the stations whose address ends with the same three bytes. */
export const solicitedNode = (ip: string) => `ff02${'00'.repeat(9)}01ff${ip.slice(-6)}`;

/** What Linux 6.x sent in two namespaces: A at 10.77.0.1 and fd77::1 asked for B at .2 and ::2. */
export const LINUX = {
  request: 'ffffffffffff02000000000a08060001080006040001 02000000000a0a4d0001 0000000000000a4d0002',
  reply: '02000000000a02000000000b08060001080006040002 02000000000b0a4d0002 02000000000a0a4d0001',
  solicitation:
    '3333ff00000202000000000a86dd6000000000203aff fd770000000000000000000000000001 ' +
    'ff0200000000000000000001ff000002 87007ca000000000 fd770000000000000000000000000002 010102000000000a',
  advertisement:
    '02000000000a02000000000b86dd6000000000203aff fd770000000000000000000000000002 ' +
    'fd770000000000000000000000000001 88001b2c60000000 fd770000000000000000000000000002 020102000000000b',
  /** Duplicate address detection of fd77::1, with a nonce (RFC 7527). */
  probe:
    '3333ff00000102000000000a86dd6000000000203aff 00000000000000000000000000000000 ' +
    'ff0200000000000000000001ff000001 87006bf700000000 fd770000000000000000000000000001 0e01c1c20d21344a',
};

export function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, '0');
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

export interface ArpFields {
  readonly to?: string;
  readonly from?: string;
  readonly tags?: string;
  readonly prefix?: string;
  readonly operation?: number;
  readonly senderMac?: string;
  readonly senderIp?: string;
  readonly targetMac?: string;
  readonly targetIp?: string;
}

/** A request of A at 10.77.0.1 for 10.77.0.2, but for the fields given. */
export function arpFrame(fields: ArpFields = {}): string {
  const { to = BROADCAST, from = A, tags = '', prefix = '0001080006 04', operation = 1 } = fields;
  const { senderMac = from, senderIp = v4(1), targetMac = NO_MAC, targetIp = v4(2) } = fields;
  const packet = `${prefix}${hex(operation, 2)}${senderMac}${senderIp}${targetMac}${targetIp}`;
  return `${to}${from}${tags}0806${packet}`.replaceAll(' ', '');
}

export interface NdFields {
  readonly to?: string;
  readonly from?: string;
  readonly tags?: string;
  readonly type?: number;
  readonly code?: number;
  readonly hopLimit?: number;
  readonly nextHeader?: number;
  /** First byte of what is reserved in a solicitation. */
  readonly flags?: number;
  readonly source?: string;
  readonly destination?: string;
  readonly target?: string;
  readonly options?: string;
  /** Added to the right checksum. */
  readonly checksumError?: number;
}

/** A solicitation of A at fd77::1 for fd77::2 with A's MAC address, but for the fields given. */
export function ndFrame(fields: NdFields = {}): string {
  const { type = 135, from = A, tags = '', code = 0, flags = 0, target = v6(2), source = v6(1) } = fields;
  const destination = fields.destination ?? solicitedNode(target);
  const to = fields.to ?? `3333${destination.slice(-8)}`;
  const options = fields.options ?? `0101${from}`;
  const body = `${hex(flags, 1)}000000${target}${options}`.replaceAll(' ', '');
  const len = 4 + body.length / 2;
  const pseudo = `${source}${destination}${hex(len, 4)}0000003a`;
  const sum = naiveSum(`${pseudo}${hex(type, 1)}${hex(code, 1)}0000${body}`);
  const icmp = `${hex(type, 1)}${hex(code, 1)}${hex((0xffff - sum + (fields.checksumError ?? 0)) & 0xffff, 2)}${body}`;
  const fixed = `60000000${hex(len, 2)}${hex(fields.nextHeader ?? 58, 1)}${hex(fields.hopLimit ?? 255, 1)}`;
  return `${to}${from}${tags}86dd${fixed}${source}${destination}${icmp}`;
}

/** An advertisement of B at fd77::2 to A, but for the fields given. */
export function naFrame(fields: NdFields = {}): string {
  const from = fields.from ?? B;
  const own = { from, to: A, type: 136, flags: 0x60, source: v6(2), destination: v6(1) };
  return ndFrame({ ...own, options: `0201${from}`, ...fields });
}

/** One's complement sum of 16-bit words, one at a time. @see RFC 1071 §1 */
export function naiveSum(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i += 4) {
    sum += Number.parseInt(text.slice(i, i + 4).padEnd(4, '0'), 16);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Cuts hex text into pieces of so many bytes; the last takes the rest. */
export function cut(text: string, ...bytes: number[]): string[] {
  let at = 0;
  const pieces = bytes.map((count) => {
    at += count * 2;
    return text.slice(at - count * 2, at);
  });
  return [...pieces, text.slice(at)];
}

/** Fields of an advertisement in a frame without tags; the checksum is judged. */
export function readAdvertisement(frame: string) {
  const [to, from, type, fixed, source, destination, icmp = ''] = cut(frame, 6, 6, 2, 8, 16, 16);
  const [kind, sum, flags, target, options] = cut(icmp, 2, 2, 4, 16);
  const isSumRight = naiveSum(`${source}${destination}${hex(icmp.length / 2, 4)}0000003a${icmp}`) === 0xffff;
  return { to, from, type, fixed, source, destination, kind, sum, flags, target, options, isSumRight };
}
