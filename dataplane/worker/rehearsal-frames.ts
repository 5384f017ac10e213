/** What a rehearsal of a switched network sends: the packets of the others, and what is no IP, in frames. */
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as virtio from '../wire/virtio-net.ts';
import { KINDS, rehearsalPackets } from './rehearsal-packets.ts';

/** Last 32 bits of the stations' addresses; the first 16 are `MAC_HIGH`. */
export const STATIONS = { own: 1, to: 2, keyless: 3, nobody: 4 } as const;
export const MAC_HIGH = 0x0200;
/** Addresses that ARP asks for: one that the operator set, and one that nobody has. */
export const NEIGHBOURS = { known: 0xc000_0205, nobody: 0xc000_0204 } as const;

const BROADCAST = { high: 0xffff, low: -1 } as const;
const OWN_IP = 0xc000_0201;
/** For local experiments. @see IEEE 802 §9.2.3 */
const EXPERIMENTAL = 0x88b5;
/** VLAN 5. */
const TAG = 0x8100_0005;
const MIN_PAYLOAD_LEN = 46;
const HEAD_LEN = virtio.HEADER_LEN + ethernet.HEADER_LEN;
/** Of the packets, a datagram over IPv4. */
const DATAGRAM = 4;

/** Each behind its virtio_net_hdr, as a TAP device gives them. */
export function rehearsalFrames(): Uint8Array[] {
  const packets = rehearsalPackets();
  const framed = packets.map((packet, i) => frameOf(packet, STATIONS[KINDS[i >>> 1]?.to ?? 'to']));
  const datagram = frameOf(packets[DATAGRAM] ?? new Uint8Array(HEAD_LEN), STATIONS.to);
  const other = new Uint8Array(HEAD_LEN + MIN_PAYLOAD_LEN);
  writeHeader(other, MAC_HIGH, STATIONS.to, EXPERIMENTAL);
  return [...framed, tagged(datagram), other, question(NEIGHBOURS.known), question(NEIGHBOURS.nobody)];
}

/** @param packet Behind its virtio_net_hdr, an IP packet. */
function frameOf(packet: Uint8Array, to: number): Uint8Array {
  const frame = new Uint8Array(packet.length + ethernet.HEADER_LEN);
  frame.set(packet, ethernet.HEADER_LEN);
  const view = new DataView(frame.buffer);
  virtio.moveHeader(view, ethernet.HEADER_LEN, 0, ethernet.HEADER_LEN);
  const isV6 = (packet[virtio.HEADER_LEN] ?? 0) >>> 4 === 6;
  writeHeader(frame, MAC_HIGH, to, isV6 ? ethernet.EtherType.ipv6 : ethernet.EtherType.ipv4);
  return frame;
}

function tagged(frame: Uint8Array): Uint8Array {
  const typeAt = HEAD_LEN - ethernet.TYPE_LEN;
  const out = new Uint8Array(frame.length + ethernet.TAG_LEN);
  out.set(frame.subarray(0, typeAt));
  out.set(frame.subarray(typeAt), typeAt + ethernet.TAG_LEN);
  const view = new DataView(out.buffer);
  view.setUint32(typeAt, TAG);
  virtio.moveHeader(view, 0, 0, ethernet.TAG_LEN);
  return out;
}

function question(targetIp: number): Uint8Array {
  const frame = new Uint8Array(HEAD_LEN + MIN_PAYLOAD_LEN);
  writeHeader(frame, BROADCAST.high, BROADCAST.low, ethernet.EtherType.arp);
  const view = new DataView(frame.buffer);
  // Hardware and protocol, their lengths, request.
  view.setUint32(HEAD_LEN, 0x0001_0800);
  view.setUint32(HEAD_LEN + 4, 0x0604_0001);
  ethernet.writeAddress(view, HEAD_LEN + arp.SENDER_MAC_AT, MAC_HIGH, STATIONS.own);
  view.setUint32(HEAD_LEN + arp.SENDER_IP_AT, OWN_IP);
  view.setUint32(HEAD_LEN + arp.TARGET_IP_AT, targetIp);
  return frame;
}

function writeHeader(frame: Uint8Array, high: number, low: number, type: number): void {
  const view = new DataView(frame.buffer);
  const at = virtio.HEADER_LEN;
  ethernet.writeAddress(view, at + ethernet.DESTINATION_AT, high, low);
  ethernet.writeAddress(view, at + ethernet.SOURCE_AT, MAC_HIGH, STATIONS.own);
  view.setUint16(HEAD_LEN - ethernet.TYPE_LEN, type);
}
