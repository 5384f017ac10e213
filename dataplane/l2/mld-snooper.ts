/** Learns from MLD who wants which IPv6 group, and judges where IPv6 multicast goes. @see RFC 4541 §3 */

import * as records from '../wire/group-records.ts';
import * as ipv6 from '../wire/ipv6.ts';
import * as mld from '../wire/mld.ts';
import { createUpperLayer, Fragment, IpProtocol } from '../wire/upper-layer.ts';
import type { Membership } from './membership.ts';
import { Verdict } from './snooping-verdict.ts';

export const V6_WORDS = 4;
/** First octet of a multicast address; the scope is the lower half of the second. @see RFC 4291 §2.7 */
const MULTICAST = 0xff;
const SCOPE_MASK = 0x0f;
const INTERFACE_LOCAL = 1;
/** fe80::/10 */
const LINK_LOCAL = 0xfe80;
const LINK_LOCAL_MASK = 0xffc0;

/** Owned by the thread of its switch. */
export class MldSnooper {
  readonly #membership: Membership;
  readonly #upper = createUpperLayer();
  /** Of the packet under inspection. */
  #scope = 0;
  #port = 0;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /**
   * @param at    Where the IPv6 header begins.
   * @param len   Bytes from there to the end of the frame.
   * @param scope Whose groups they are.
   * @param port  Where the packet came from.
   */
  inspect(view: DataView, at: number, len: number, scope: number, port: number, nowMs: number): Verdict {
    const upper = this.#upper;
    if (!ipv6.checkPacket(view, at, len) || !ipv6.findUpperLayer(view, at, upper)) return this.#malformed();
    const messageLen = at + ipv6.totalLen(view, at) - upper.at;
    const isIcmp = upper.protocol === IpProtocol.icmpv6 && upper.fragment === Fragment.none;
    if (!isIcmp || messageLen < 1 || !isMld(mld.type(view, upper.at))) {
      return isReported(view, at + ipv6.DESTINATION_AT) ? Verdict.group : Verdict.flood;
    }
    this.#scope = scope;
    this.#port = port;
    const isReport = mld.type(view, upper.at) === mld.MldType.reportV2;
    const isSound =
      messageLen >= (isReport ? records.REPORT_LEN : mld.V1_LEN) &&
      ipv6.hopLimit(view, at) === mld.HOP_LIMIT &&
      mld.isChecksumRight(view, at, upper.at, messageLen);
    return isSound ? this.#hear(view, at, upper.at, messageLen, nowMs) : this.#malformed();
  }

  /** @param at Where the MLD message begins, here and below. */
  #hear(view: DataView, ipAt: number, at: number, len: number, nowMs: number): Verdict {
    const isFromLink = (view.getUint16(ipAt + ipv6.SOURCE_AT) & LINK_LOCAL_MASK) === LINK_LOCAL;
    const type = mld.type(view, at);
    if (type === mld.MldType.query) {
      return isFromLink ? this.#hearQuery(view, ipAt, at, len, nowMs) : this.#malformed();
    }
    // Hosts that have no address yet report from ::. @see RFC 3590
    if (!isFromLink && !isAddress(view, ipAt + ipv6.SOURCE_AT, 0, 0)) return this.#malformed();
    if (type === mld.MldType.reportV2) return this.#hearRecords(view, at, len, nowMs);
    const wish = type === mld.MldType.done ? records.Interest.leaves : records.Interest.joins;
    return this.#hearGroup(view, at + mld.GROUP_AT, wish, nowMs);
  }

  /** @see RFC 3810 §5.1.15 on the destination of general queries */
  #hearQuery(view: DataView, ipAt: number, at: number, len: number, nowMs: number): Verdict {
    const isGeneral = isAddress(view, at + mld.GROUP_AT, 0, 0);
    const isAstray = isGeneral && !isAllNodes(view, ipAt + ipv6.DESTINATION_AT);
    if (!mld.isQueryLen(len) || isAstray) return this.#malformed();
    this.#membership.hearQuerier(this.#scope, this.#port, nowMs);
    return Verdict.flood;
  }

  #hearRecords(view: DataView, at: number, len: number, nowMs: number): Verdict {
    if (!records.areRecordsWhole(view, at, len, ipv6.ADDRESS_LEN)) return this.#malformed();
    let next = at + records.RECORDS_AT;
    for (let left = records.recordCount(view, at); left > 0; left--) {
      const wish = records.interest(records.recordKind(view, next), records.sourceCount(view, next));
      this.#hearGroup(view, next + records.RECORD_GROUP_AT, wish, nowMs);
      next += records.recordLen(view, next, ipv6.ADDRESS_LEN);
    }
    return Verdict.routers;
  }

  #hearGroup(view: DataView, groupAt: number, wish: number, nowMs: number): Verdict {
    if (view.getUint8(groupAt) !== MULTICAST) return this.#malformed();
    if (!isReported(view, groupAt)) return Verdict.routers;
    if (wish === records.Interest.joins) {
      this.#membership.join(this.#scope, view, groupAt, V6_WORDS, this.#port, nowMs);
    } else if (wish === records.Interest.leaves) {
      this.#membership.leave(this.#scope, view, groupAt, V6_WORDS, this.#port, nowMs);
    }
    return Verdict.routers;
  }

  #malformed(): Verdict {
    this.#membership.refuseMalformed();
    return Verdict.flood;
  }
}

function isMld(type: number): boolean {
  switch (type) {
    case mld.MldType.query:
    case mld.MldType.reportV1:
    case mld.MldType.done:
    case mld.MldType.reportV2:
      return true;
    default:
      return false;
  }
}

/** Whether hosts report that they want the group. @see RFC 3810 §6 on those of which they don't */
function isReported(view: DataView, addressAt: number): boolean {
  if (view.getUint8(addressAt) !== MULTICAST || isAllNodes(view, addressAt)) return false;
  return (view.getUint8(addressAt + 1) & SCOPE_MASK) > INTERFACE_LOCAL;
}

function isAllNodes(view: DataView, addressAt: number): boolean {
  return isAddress(view, addressAt, 0xff02_0000 | 0, 1);
}

/** Whether the words of an address are `first`, two zeros and `last`. */
function isAddress(view: DataView, at: number, first: number, last: number): boolean {
  return (
    view.getInt32(at) === first &&
    view.getInt32(at + 4) === 0 &&
    view.getInt32(at + 8) === 0 &&
    view.getInt32(at + 12) === last
  );
}
