/**
 * IGMP and MLD snooping: which ports a multicast frame has to go to.
 *
 * 1. What lies behind the tags is IPv4 or IPv6, or it is flooded.           wire/ethernet.ts
 * 2. A query makes its port a router port and is flooded.                   l2/igmp-snooper.ts, mld-snooper.ts
 * 3. A report or leave changes who wants a group and goes to router ports.  l2/membership.ts
 * 4. Other packets to a group that someone wants go to who wants it and to router ports.
 *
 * Without a querier nobody repeats reports, so without a router port everything is flooded. Each
 * VLAN and each IP version has its own groups and queriers. What is malformed changes nothing.
 *
 * @see RFC 4541
 */
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import { NO_GROUP } from './group-table.ts';
import { IgmpSnooper, V4_WORDS } from './igmp-snooper.ts';
import { Membership, type MembershipOptions } from './membership.ts';
import { MldSnooper, V6_WORDS } from './mld-snooper.ts';
import { Verdict } from './snooping-verdict.ts';

/** Above the 24 bits of a VLAN in a scope. */
const V6_SCOPE = 0x100_0000;

/** Owned by the thread of its switch. Times are in ms on the caller's clock. */
export class Snooping {
  readonly membership: Membership;
  readonly #igmp: IgmpSnooper;
  readonly #mld: MldSnooper;
  /** Groups of `membership` that the frame goes to which inspect() saw last; NO_GROUP for none. */
  group = NO_GROUP;
  routers = NO_GROUP;

  /** @throws {RangeError} for options out of range. */
  constructor(options: MembershipOptions) {
    this.membership = new Membership(options);
    this.#igmp = new IgmpSnooper(this.membership);
    this.#mld = new MldSnooper(this.membership);
  }

  /**
   * Takes note of a frame to a multicast address that is not broadcast.
   *
   * @param len  At least an Ethernet header.
   * @param port Where the frame came from.
   * @returns    whether it goes to `group` and `routers` alone; else it is to be flooded.
   */
  inspect(view: DataView, at: number, len: number, port: number, nowMs: number): boolean {
    const typeAt = ethernet.typeAt(view, at, len);
    if (typeAt < 0) return false;
    const type = view.getUint16(typeAt);
    const vlan = ethernet.vlanOf(view, at, typeAt);
    const ipAt = typeAt + ethernet.TYPE_LEN;
    const ipLen = at + len - ipAt;
    if (type === ethernet.EtherType.ipv4) {
      const verdict = this.#igmp.inspect(view, ipAt, ipLen, vlan, port, nowMs);
      return this.#select(verdict, vlan, view, ipAt + ipv4.DESTINATION_AT, V4_WORDS, nowMs);
    }
    if (type === ethernet.EtherType.ipv6) {
      const scope = vlan | V6_SCOPE;
      const verdict = this.#mld.inspect(view, ipAt, ipLen, scope, port, nowMs);
      return this.#select(verdict, scope, view, ipAt + ipv6.DESTINATION_AT, V6_WORDS, nowMs);
    }
    return false;
  }

  #select(
    verdict: Verdict,
    scope: number,
    view: DataView,
    groupAt: number,
    words: number,
    nowMs: number,
  ): boolean {
    this.group = NO_GROUP;
    if (verdict === Verdict.flood) return false;
    this.routers = this.membership.routers(scope, nowMs);
    if (this.routers === NO_GROUP) return false;
    if (verdict === Verdict.routers) return true;
    this.group = this.membership.wanted(scope, view, groupAt, words, nowMs);
    return this.group !== NO_GROUP;
  }
}
