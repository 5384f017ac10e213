/** ARP for IPv4 over Ethernet. Offsets named `at` point to the packet's first byte. @see RFC 826 */

import { addressHigh, addressLow, writeAddress } from './ethernet.ts';

export const PACKET_LEN = 28;

/** Byte offsets from the start of the packet. */
export const SENDER_MAC_AT = 8;
export const SENDER_IP_AT = 14;
export const TARGET_MAC_AT = 18;
export const TARGET_IP_AT = 24;
const At = { hardwareAndProtocol: 0, lengths: 4, operation: 6 } as const;

/** Hardware type 1 ‖ protocol 0x0800. */
const ETHERNET_IPV4 = 0x00010800;
/** Bytes of a hardware address ‖ of a protocol address. */
const LENGTHS = 0x0604;

export const ArpOperation = { request: 1, reply: 2 } as const;
export type ArpOperation = (typeof ArpOperation)[keyof typeof ArpOperation];

/** Whether `len` bytes hold a request or a reply for IPv4 over Ethernet; padding may follow. */
export function checkPacket(view: DataView, at: number, len: number): boolean {
  if (len < PACKET_LEN || view.getInt32(at + At.hardwareAndProtocol) !== ETHERNET_IPV4) return false;
  if (view.getUint16(at + At.lengths) !== LENGTHS) return false;
  const code = operation(view, at);
  return code === ArpOperation.request || code === ArpOperation.reply;
}

/** The packet passed checkPacket(), here and below. */
export function operation(view: DataView, at: number): number {
  return view.getUint16(at + At.operation);
}

/** Whether it asks for somebody else's address: no reply and not gratuitous. @see RFC 5227 §3 */
export function isQuestion(view: DataView, at: number): boolean {
  if (operation(view, at) !== ArpOperation.request) return false;
  return view.getInt32(at + SENDER_IP_AT) !== view.getInt32(at + TARGET_IP_AT);
}

/** Whether its sender has no address yet and looks for conflicts. @see RFC 5227 §2.1.1 */
export function isProbe(view: DataView, at: number): boolean {
  return view.getInt32(at + SENDER_IP_AT) === 0;
}

/**
 * Writes the reply that says where a request's target is.
 *
 * @param at      The request; it must not overlap the reply.
 * @param macHigh Address of the target, with `macLow`.
 * @returns       Bytes written: PACKET_LEN.
 * @see RFC 826, "Packet Reception"
 */
export function writeReply(
  view: DataView,
  at: number,
  outAt: number,
  macHigh: number,
  macLow: number,
): number {
  view.setInt32(outAt + At.hardwareAndProtocol, ETHERNET_IPV4);
  view.setUint16(outAt + At.lengths, LENGTHS);
  view.setUint16(outAt + At.operation, ArpOperation.reply);
  writeAddress(view, outAt + SENDER_MAC_AT, macHigh, macLow);
  view.setInt32(outAt + SENDER_IP_AT, view.getInt32(at + TARGET_IP_AT));
  const askerAt = at + SENDER_MAC_AT;
  writeAddress(view, outAt + TARGET_MAC_AT, addressHigh(view, askerAt), addressLow(view, askerAt));
  view.setInt32(outAt + TARGET_IP_AT, view.getInt32(at + SENDER_IP_AT));
  return PACKET_LEN;
}
