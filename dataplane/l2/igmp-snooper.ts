/** Learns from IGMP who wants which IPv4 group, and judges where IPv4 multicast goes. @see RFC 4541 §2.1 */
import { checksum, sumBytes } from '../wire/checksum.ts';
import * as records from '../wire/group-records.ts';
import * as igmp from '../wire/igmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { Fragment } from '../wire/upper-layer.ts';
import type { Membership } from './membership.ts';
import { Verdict } from './snooping-verdict.ts';

const PROTOCOL = 2;
export const V4_WORDS = 1;
const ALL_SYSTEMS = 0xe000_0001 | 0;
/** 224.0.0.0/24 is for protocols of the link, for which hosts need not report. @see RFC 5771 §4 */
const LINK_BLOCK = 0xe0_0000;

/** Owned by the thread of its switch. */
export class IgmpSnooper {
  readonly #membership: Membership;
  /** Of the packet under inspection. */
  #scope = 0;
  #port = 0;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /**
   * @param at    Where the IPv4 header begins.
   * @param len   Bytes from there to the end of the frame.
   * @param scope Whose groups they are.
   * @param port  Where the packet came from.
   */
  inspect(view: DataView, at: number, len: number, scope: number, port: number, nowMs: number): Verdict {
    if (!ipv4.checkPacket(view, at, len)) return this.#malformed();
    if (ipv4.protocol(view, at) !== PROTOCOL) {
      return isReported(view, at + ipv4.DESTINATION_AT) ? Verdict.group : Verdict.flood;
    }
    this.#scope = scope;
    this.#port = port;
    const headerLen = ipv4.headerLen(view, at);
    const messageLen = ipv4.totalLen(view, at) - headerLen;
    const isSound =
      messageLen >= igmp.HEADER_LEN &&
      ipv4.fragment(view, at) === Fragment.none &&
      checksum(sumBytes(view, at, headerLen)) === 0 &&
      igmp.isChecksumRight(view, at + headerLen, messageLen);
    return isSound ? this.#hear(view, at, at + headerLen, messageLen, nowMs) : this.#malformed();
  }

  /** @param at Where the IGMP message begins, here and below. */
  #hear(view: DataView, ipAt: number, at: number, len: number, nowMs: number): Verdict {
    switch (igmp.type(view, at)) {
      case igmp.IgmpType.query:
        return this.#hearQuery(view, ipAt, at, len, nowMs);
      case igmp.IgmpType.reportV1:
      case igmp.IgmpType.reportV2:
        return this.#hearGroup(view, at + igmp.GROUP_AT, records.Interest.joins, nowMs);
      case igmp.IgmpType.leave:
        return this.#hearGroup(view, at + igmp.GROUP_AT, records.Interest.leaves, nowMs);
      case igmp.IgmpType.reportV3:
        return this.#hearRecords(view, at, len, nowMs);
      default:
        return Verdict.flood;
    }
  }

  /** A query from 0.0.0.0 is a switch's, not a router's. @see RFC 4541 §2.1.1, RFC 3376 §4.1.12 */
  #hearQuery(view: DataView, ipAt: number, at: number, len: number, nowMs: number): Verdict {
    const isGeneral = view.getInt32(at + igmp.GROUP_AT) === 0;
    const isAstray = isGeneral && view.getInt32(ipAt + ipv4.DESTINATION_AT) !== ALL_SYSTEMS;
    if (!igmp.isQueryLen(len) || isAstray) return this.#malformed();
    if (view.getInt32(ipAt + ipv4.SOURCE_AT) !== 0) {
      this.#membership.hearQuerier(this.#scope, this.#port, nowMs);
    }
    return Verdict.flood;
  }

  #hearRecords(view: DataView, at: number, len: number, nowMs: number): Verdict {
    if (!records.areRecordsWhole(view, at, len, ipv4.ADDRESS_LEN)) return this.#malformed();
    let next = at + records.RECORDS_AT;
    for (let left = records.recordCount(view, at); left > 0; left--) {
      const interest = records.interest(records.recordKind(view, next), records.sourceCount(view, next));
      this.#hearGroup(view, next + records.RECORD_GROUP_AT, interest, nowMs);
      next += records.recordLen(view, next, ipv4.ADDRESS_LEN);
    }
    return Verdict.routers;
  }

  #hearGroup(view: DataView, groupAt: number, interest: number, nowMs: number): Verdict {
    if (!isMulticast(view, groupAt)) return this.#malformed();
    if (!isReported(view, groupAt)) return Verdict.routers;
    if (interest === records.Interest.joins) {
      this.#membership.join(this.#scope, view, groupAt, V4_WORDS, this.#port, nowMs);
    } else if (interest === records.Interest.leaves) {
      this.#membership.leave(this.#scope, view, groupAt, V4_WORDS, this.#port, nowMs);
    }
    return Verdict.routers;
  }

  #malformed(): Verdict {
    this.#membership.refuseMalformed();
    return Verdict.flood;
  }
}

function isMulticast(view: DataView, addressAt: number): boolean {
  return view.getUint8(addressAt) >>> 4 === 0xe;
}

/** Whether hosts report that they want the group. */
function isReported(view: DataView, addressAt: number): boolean {
  return isMulticast(view, addressAt) && view.getInt32(addressAt) >>> 8 !== LINK_BLOCK;
}
