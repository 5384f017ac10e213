/** What a rehearsal sends: the kinds of packets that a tunnel sees, each as a TUN device would give it. */
import { checksum, fold, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import * as virtio from '../wire/virtio-net.ts';

/** Documentation addresses. @see RFC 5737, RFC 3849 */
export const ADDRESSES = {
  4: { from: '192.0.2.1', to: '192.0.2.2', keyless: '192.0.2.3' },
  6: { from: '2001:db8::1', to: '2001:db8::2', keyless: '2001:db8::3' },
} as const;
/** The same in network order, and an address that nobody has. */
const WORDS = {
  4: { from: [0xc0000201], to: [0xc0000202], keyless: [0xc0000203], nobody: [0xc0000204] },
  6: {
    from: [0x20010db8, 0, 0, 1],
    to: [0x20010db8, 0, 0, 2],
    keyless: [0x20010db8, 0, 0, 3],
    nobody: [0x20010db8, 0, 0, 4],
  },
} as const;
/** Of the control plane; only a packet that may not pass is between these. */
export const CONTROL_PORT = 6_082;
/** Data offset of eight words (with timestamps, as Linux sends), ACK, a window. */
const TCP_FLAGS_AT = 12;
const TCP_ACK = 0x8010_01f5;
const UPPER = {
  icmp: { number: IpProtocol.icmp, headerLen: 8 },
  tcp: { number: IpProtocol.tcp, headerLen: 32 },
  udp: { number: IpProtocol.udp, headerLen: udp.HEADER_LEN },
} as const;

export interface Kind {
  readonly protocol: keyof typeof UPPER;
  readonly payloadLen: number;
  /** Payload of each packet that a super-packet stands for; 0 for one that is none. */
  readonly segmentLen: number;
  readonly to: 'to' | 'keyless' | 'nobody';
  readonly port?: number;
}

/** Among them one for a peer without keys, one for nobody, a control packet, and one that is too large. */
export const KINDS: readonly Kind[] = [
  { protocol: 'icmp', payloadLen: 56, segmentLen: 0, to: 'to' },
  { protocol: 'tcp', payloadLen: 0, segmentLen: 0, to: 'to' },
  { protocol: 'udp', payloadLen: 64, segmentLen: 0, to: 'to' },
  { protocol: 'tcp', payloadLen: 12_000, segmentLen: 1_320, to: 'to' },
  { protocol: 'udp', payloadLen: 2_560, segmentLen: 64, to: 'to' },
  { protocol: 'udp', payloadLen: 64, segmentLen: 0, to: 'keyless' },
  { protocol: 'udp', payloadLen: 64, segmentLen: 0, to: 'nobody' },
  { protocol: 'udp', payloadLen: 64, segmentLen: 0, to: 'to', port: CONTROL_PORT },
  { protocol: 'icmp', payloadLen: 1_500, segmentLen: 0, to: 'to' },
];

/** One of each kind for each IP version in turn, each behind its virtio_net_hdr. */
export function rehearsalPackets(): Uint8Array[] {
  return KINDS.flatMap((kind) => [writePacket(kind, 4), writePacket(kind, 6)]);
}

function writePacket(kind: Kind, family: 4 | 6): Uint8Array {
  const { number, headerLen } = UPPER[kind.protocol];
  const ipLen = family === 4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN;
  const upperLen = headerLen + kind.payloadLen;
  const bytes = new Uint8Array(virtio.HEADER_LEN + ipLen + upperLen);
  const view = new DataView(bytes.buffer);
  const at = virtio.HEADER_LEN;
  const { from, [kind.to]: to } = WORDS[family];
  const addressesAt = at + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT);
  [...from, ...to].forEach((word, i) => {
    view.setUint32(addressesAt + i * 4, word);
  });
  if (family === 4) {
    const fields = { tos: 0, flagsFragment: ipv4.FLAG_DONT_FRAGMENT, ttl: 64, protocol: number };
    ipv4.writeHeader(view, at, { ...fields, totalLen: ipLen + upperLen });
    ipv4.setChecksum(view, at, checksum(sumBytes(view, at, ipLen)));
  } else {
    ipv6.writeHeader(view, at, { payloadLen: upperLen, nextHeader: number, hopLimit: 64 });
  }
  if (kind.protocol !== 'icmp') writeUpper(view, kind, family, upperLen);
  return bytes;
}

/** Transport header, and in front what the kernel says of it: the checksum is still to be made. */
function writeUpper(view: DataView, kind: Kind, family: 4 | 6, upperLen: number): void {
  const isTcp = kind.protocol === 'tcp';
  const { number, headerLen } = UPPER[kind.protocol];
  const ipLen = family === 4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN;
  const at = virtio.HEADER_LEN + ipLen;
  const { none, tcp4, tcp6, udp: udpType } = virtio.GsoType;
  const type = isTcp ? (family === 4 ? tcp4 : tcp6) : udpType;
  const checksumAt = isTcp ? tcp.CHECKSUM_AT : udp.CHECKSUM_AT;
  const gsoType = kind.segmentLen === 0 ? none : type;
  virtio.writeSuper(view, 0, gsoType, ipLen + headerLen, kind.segmentLen, ipLen, checksumAt);
  const { port = 1 } = kind;
  view.setUint16(at, port);
  view.setUint16(at + 2, port);
  if (isTcp) view.setUint32(at + TCP_FLAGS_AT, TCP_ACK);
  else udp.setLength(view, at, upperLen);
  const sumPseudo = family === 4 ? sumPseudo4 : sumPseudo6;
  view.setUint16(at + checksumAt, fold(sumPseudo(view, virtio.HEADER_LEN, number, upperLen)));
}
