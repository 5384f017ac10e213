/**
 * Makes the packets of an answer that came to a relay's socket: IP and UDP headers in front of its
 * bytes, or fragments where the guest's link is narrower (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * Everything happens in place: the header of a fragment is written over the end of the one before,
 * so each has to be done with before the next is asked for.
 */
import { checksum, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as udp from '../wire/udp.ts';
import { IpProtocol } from '../wire/upper-layer.ts';
import type { SessionTable } from './session-table.ts';

const HOP_LIMIT = 64;
const FRAGMENT_HEADER_LEN = 8;
const MORE_FRAGMENTS_4 = 0x2000;
const MORE_FRAGMENTS_6 = 1;
/** Offsets of fragments count in these. */
const UNIT_LEN = 8;
/** Every IPv4 link carries packets of this size. @see RFC 791 §3.2 */
const MIN_MTU_4 = 68;
/** Bytes in front of a datagram's data that its packets may take. */
export const REPLY_HEADROOM = ipv6.HEADER_LEN + FRAGMENT_HEADER_LEN + udp.HEADER_LEN;

/** Owned by one worker. The fields of headers are kept: an object a packet would be garbage. */
export class ReplyCutter {
  /** Offset of the packet that `next` gave. */
  at = 0;
  readonly #view: DataView;
  readonly #sessions: SessionTable;
  /** Identification of IPv4 packets and of fragmented IPv6 ones. @see RFC 6864 §4, RFC 7739 */
  readonly #id: Int32Array;
  readonly #fields4 = { tos: 0, totalLen: 0, flagsFragment: 0, ttl: HOP_LIMIT, protocol: IpProtocol.udp };
  readonly #fields6: { payloadLen: number; nextHeader: number; hopLimit: number } = {
    payloadLen: 0,
    nextHeader: IpProtocol.udp,
    hopLimit: HOP_LIMIT,
  };
  readonly #udpFields = { sourcePort: 0, destinationPort: 0, length: 0 };
  #slot = 0;
  #family: 4 | 6 = 4;
  /** Where the UDP header is, and how many bytes there are from there. */
  #bodyAt = 0;
  #bodyLen = 0;
  #offset = 0;
  /** Bytes of the body in each packet but the last. */
  #pieceLen = 0;

  /** @param firstId 32 random bits. */
  constructor(view: DataView, sessions: SessionTable, firstId: number) {
    this.#view = view;
    this.#sessions = sessions;
    this.#id = Int32Array.of(firstId);
  }

  /**
   * Begins with a datagram from whom a session sends to, which is for its guest.
   *
   * @param dataAt   REPLY_HEADROOM bytes before it are free.
   * @param dataLen  At most 65,507 bytes over IPv4, 65,527 over IPv6.
   * @param mtuBytes Longest packet that the guest takes; what every link takes is never cut.
   */
  begin(slot: number, dataAt: number, dataLen: number, mtuBytes: number): void {
    const view = this.#view;
    const family = this.#sessions.family(slot);
    this.#slot = slot;
    this.#family = family;
    this.#bodyAt = dataAt - udp.HEADER_LEN;
    this.#bodyLen = udp.HEADER_LEN + dataLen;
    this.#offset = 0;
    const headerLen = family === 4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN;
    const mtu = Math.max(mtuBytes, family === 4 ? MIN_MTU_4 : ipv6.MIN_MTU_BYTES);
    const isCut = headerLen + this.#bodyLen > mtu;
    const room = mtu - headerLen - (family === 4 ? 0 : FRAGMENT_HEADER_LEN);
    this.#pieceLen = isCut ? room - (room % UNIT_LEN) : this.#bodyLen;
    this.#id[0] = (this.#id[0] ?? 0) + 1;

    const ipAt = this.#bodyAt - headerLen;
    this.#writeAddresses(ipAt);
    const fields = this.#udpFields;
    fields.sourcePort = this.#sessions.destinationPort(slot);
    fields.destinationPort = this.#sessions.sourcePort(slot);
    fields.length = this.#bodyLen;
    udp.writeHeader(view, this.#bodyAt, fields);
    const pseudo =
      family === 4
        ? sumPseudo4(view, ipAt, IpProtocol.udp, this.#bodyLen)
        : sumPseudo6(view, ipAt, IpProtocol.udp, this.#bodyLen);
    udp.setChecksum(view, this.#bodyAt, checksum(pseudo + sumBytes(view, this.#bodyAt, this.#bodyLen)));
  }

  /** @returns Length of the next packet, which begins at `at`; 0 when there is no more. */
  next(): number {
    const left = this.#bodyLen - this.#offset;
    if (left <= 0) return 0;
    const len = Math.min(left, this.#pieceLen);
    const isLast = len === left;
    const total = this.#family === 4 ? this.#write4(len, isLast) : this.#write6(len, isLast);
    this.#offset += len;
    return total;
  }

  #write4(len: number, isLast: boolean): number {
    const view = this.#view;
    const at = this.#bodyAt + this.#offset - ipv4.MIN_HEADER_LEN;
    const totalLen = ipv4.MIN_HEADER_LEN + len;
    const fields = this.#fields4;
    fields.totalLen = totalLen;
    fields.flagsFragment = this.#offset / UNIT_LEN + (isLast ? 0 : MORE_FRAGMENTS_4);
    ipv4.writeHeader(view, at, fields);
    ipv4.setId(view, at, (this.#id[0] ?? 0) & 0xffff);
    this.#writeAddresses(at);
    ipv4.setChecksum(view, at, checksum(sumBytes(view, at, ipv4.MIN_HEADER_LEN)));
    this.at = at;
    return totalLen;
  }

  #write6(len: number, isLast: boolean): number {
    const view = this.#view;
    const isFragment = !isLast || this.#offset > 0;
    const extraLen = isFragment ? FRAGMENT_HEADER_LEN : 0;
    const at = this.#bodyAt + this.#offset - extraLen - ipv6.HEADER_LEN;
    const fields = this.#fields6;
    fields.payloadLen = extraLen + len;
    fields.nextHeader = isFragment ? IpProtocol.fragment : IpProtocol.udp;
    ipv6.writeHeader(view, at, fields);
    this.#writeAddresses(at);
    if (isFragment) {
      const fragmentAt = at + ipv6.HEADER_LEN;
      view.setUint16(fragmentAt, IpProtocol.udp << 8);
      view.setUint16(fragmentAt + 2, this.#offset + (isLast ? 0 : MORE_FRAGMENTS_6));
      view.setInt32(fragmentAt + 4, this.#id[0] ?? 0);
    }
    this.at = at;
    return ipv6.HEADER_LEN + extraLen + len;
  }

  /** From whom the guest sent to, to the guest. */
  #writeAddresses(ipAt: number): void {
    const isV4 = this.#family === 4;
    const sourceAt = ipAt + (isV4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT);
    const destinationAt = ipAt + (isV4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT);
    this.#sessions.writeDestination(this.#slot, this.#view, sourceAt);
    this.#sessions.writeSource(this.#slot, this.#view, destinationAt);
  }
}
