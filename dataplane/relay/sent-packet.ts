/**
 * Writes once more the packet that a guest sent, as far as a session knows it, for an ICMP error to
 * quote. What a socket's errors tell of a datagram is its data at most.
 */
import { checksum, sumBytes } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as udp from '../wire/udp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import type { SessionTable } from './session-table.ts';

const HOP_LIMIT = 64;
/** Most bytes in front of the data. */
export const SENT_HEADER_LEN = ipv6.HEADER_LEN + udp.HEADER_LEN;

/**
 * Writes IP and UDP header in front of a datagram's data, or of its beginning. The UDP checksum is
 * 0, since there may be nothing to make it from.
 *
 * @param dataLen Bytes of the whole datagram's data.
 * @param dataAt  Where what is known of the data lies; SENT_HEADER_LEN bytes before it are free.
 * @returns       Offset of the packet.
 */
export function writeSentHeader(
  view: DataView,
  sessions: SessionTable,
  slot: number,
  dataAt: number,
  dataLen: number,
): number {
  const isV4 = sessions.family(slot) === 4;
  const udpAt = dataAt - udp.HEADER_LEN;
  const length = udp.HEADER_LEN + dataLen;
  const at = udpAt - (isV4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN);
  if (isV4) {
    ipv4.writeHeader(view, at, {
      tos: 0,
      totalLen: ipv4.MIN_HEADER_LEN + length,
      flagsFragment: 0,
      ttl: HOP_LIMIT,
      protocol: IpProtocol.udp,
    });
  } else {
    ipv6.writeHeader(view, at, { payloadLen: length, nextHeader: IpProtocol.udp, hopLimit: HOP_LIMIT });
  }
  sessions.writeSource(slot, view, at + (isV4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT));
  sessions.writeDestination(slot, view, at + (isV4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT));
  if (isV4) ipv4.setChecksum(view, at, checksum(sumBytes(view, at, ipv4.MIN_HEADER_LEN)));
  udp.writeHeader(view, udpAt, {
    sourcePort: sessions.sourcePort(slot),
    destinationPort: sessions.destinationPort(slot),
    length,
  });
  return at;
}
