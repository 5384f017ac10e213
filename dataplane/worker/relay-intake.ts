/**
 * What a guest sends to a relay, up to its session.
 *
 *     1  headers          wire/ip
 *     2  fragments        relay/reassembly
 *     3  UDP, or refuse   relay/refusal, relay/tcp-reset
 *     4  checksum         wire/checksum
 *     5  session          relay/session-table
 *     6  may it be        relay/deny-list
 *     7  send             worker/relay-sessions
 */
import type { Arena } from '../io/arena.ts';
import type { DenyList } from '../relay/deny-list.ts';
import { createFragmentInfo, readFragment } from '../relay/fragment.ts';
import { NONE } from '../relay/index-lists.ts';
import { Reassembled, type Reassembly } from '../relay/reassembly.ts';
import { Refusal } from '../relay/refusal.ts';
import { RelayCount, type RelayCounts, RelayDrop } from '../relay/relay-counts.ts';
import type { SessionTable } from '../relay/session-table.ts';
import { checksum, sumBytes, sumPseudo4, sumPseudo6 } from '../wire/checksum.ts';
import { checkPacket, destinationAt, findUpperLayer, ipVersion, sourceAt, totalLen } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { createUpperLayer, Fragment, IpProtocol } from '../wire/upper-layer.ts';
import type { RelayAnswers } from './relay-answers.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelaySessions } from './relay-sessions.ts';
import type { RelayTarget } from './relay-target.ts';

const DNS_PORT = 53;
/** None of the agent's. */
const ANY_PORT = 0;
/** Not dropped here. */
const KEPT = -1;
type Kept = typeof KEPT;

export interface IntakeParts {
  /** Memory of guests' packets. */
  readonly worker: Arena;
  /** The relay's own, where packets are that were put together. */
  readonly arena: Arena;
  readonly table: SessionTable;
  readonly sessions: RelaySessions;
  readonly reassembly: Reassembly;
  readonly answers: RelayAnswers;
  readonly counts: RelayCounts;
  readonly denyList: DenyList;
  readonly resolver: RelayTarget | null;
}

/** Owned by one worker. */
export class RelayIntake {
  readonly #parts: IntakeParts;
  readonly #upper = createUpperLayer();
  readonly #fragment = createFragmentInfo();
  /** Where an address is looked at outside of packets. */
  readonly #address = new DataView(new ArrayBuffer(16));
  #denyList: DenyList;
  #resolver: RelayTarget | null;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#denyList = parts.denyList;
    this.#resolver = parts.resolver;
  }

  /** Takes a packet in the worker's arena: each ends in a session, or is counted as dropped. */
  take(packetAt: number, packetLen: number, guest: RelayGuest, nowMs: number): void {
    const drop = this.#takePacket(packetAt, packetLen, guest, nowMs);
    if (drop !== KEPT) this.#parts.counts.drop(drop);
  }

  /** Whether it would open sessions to an address. */
  covers(view: DataView, family: 4 | 6, ipAt: number): boolean {
    return (
      this.#parts.answers.isOwn(family, view, ipAt) || !this.#denyList.isDenied(family, view, ipAt, ANY_PORT)
    );
  }

  /** Ends the sessions that it would not open. */
  setDenyList(denyList: DenyList): void {
    const { table, sessions } = this.#parts;
    this.#denyList = denyList;
    for (let slot = table.first(); slot !== NONE; ) {
      const next = table.next(slot);
      table.writeDestination(slot, this.#address, 0);
      const port = table.destinationPort(slot);
      const isAsked = sessions.target(slot) === null;
      if (isAsked && denyList.isDenied(table.family(slot), this.#address, 0, port)) sessions.close(slot);
      slot = next;
    }
  }

  /** Ends the sessions with the one before. */
  setResolver(resolver: RelayTarget | null): void {
    const { table, sessions } = this.#parts;
    this.#resolver = resolver;
    for (let slot = table.first(); slot !== NONE; ) {
      const next = table.next(slot);
      if (sessions.target(slot) !== null) sessions.close(slot);
      slot = next;
    }
  }

  #takePacket(packetAt: number, packetLen: number, guest: RelayGuest, nowMs: number): RelayDrop | Kept {
    const { worker, answers } = this.#parts;
    const { view } = worker;
    const upper = this.#upper;
    if (!checkPacket(view, packetAt, packetLen)) return RelayDrop.malformed;
    if (!findUpperLayer(view, packetAt, upper)) return RelayDrop.malformed;
    if (upper.fragment !== Fragment.none) return this.#takeFragment(packetAt, guest, nowMs);
    if (upper.protocol === IpProtocol.udp) {
      return this.#takeUdp(worker, packetAt, upper.at, !mustStayWhole(view, packetAt), guest, nowMs);
    }
    if (upper.protocol === IpProtocol.tcp) {
      answers.reset(packetAt, upper.at, guest, nowMs);
      return RelayDrop.tcp;
    }
    this.#refuse(worker, packetAt, Refusal.protocol, guest, nowMs);
    return RelayDrop.protocol;
  }

  #takeFragment(packetAt: number, guest: RelayGuest, nowMs: number): RelayDrop | Kept {
    const { worker, reassembly, counts } = this.#parts;
    const fragment = this.#fragment;
    counts.add(RelayCount.rxFragments, 1);
    if (!readFragment(worker.view, packetAt, fragment)) return RelayDrop.malformed;
    if (fragment.protocol !== IpProtocol.udp) {
      this.#refuse(worker, packetAt, Refusal.protocol, guest, nowMs);
      return RelayDrop.protocol;
    }
    switch (reassembly.take(worker.view, packetAt, fragment, guest.id, nowMs)) {
      case Reassembled.whole:
        return this.#takeWhole(guest, nowMs);
      case Reassembled.waiting:
        return KEPT;
      case Reassembled.refused:
        return RelayDrop.reassemblyFull;
      case Reassembled.overlap:
        return RelayDrop.overlap;
      default:
        return RelayDrop.fragment;
    }
  }

  /** Takes the packet that was made whole last. */
  #takeWhole(guest: RelayGuest, nowMs: number): RelayDrop | Kept {
    const { arena, reassembly } = this.#parts;
    const { packetAt } = reassembly;
    findUpperLayer(arena.view, packetAt, this.#upper);
    return this.#takeUdp(arena, packetAt, this.#upper.at, true, guest, nowMs);
  }

  /**
   * @param arena       Memory of the packet.
   * @param mayFragment Whether the packet may be cut on its way.
   */
  #takeUdp(
    arena: Arena,
    packetAt: number,
    udpAt: number,
    mayFragment: boolean,
    guest: RelayGuest,
    nowMs: number,
  ): RelayDrop | Kept {
    const { table, sessions } = this.#parts;
    const { view } = arena;
    const room = packetAt + totalLen(view, packetAt) - udpAt;
    const len = room < udp.HEADER_LEN ? 0 : udp.length(view, udpAt);
    if (len < udp.HEADER_LEN || len > room) return RelayDrop.malformed;
    const port = udp.destinationPort(view, udpAt);
    if (port === 0) return RelayDrop.malformed;
    const family = ipVersion(view, packetAt) === 4 ? 4 : 6;
    if (!isIntact(view, packetAt, family, udpAt, len)) return RelayDrop.badChecksum;
    const fromAt = sourceAt(view, packetAt);
    const toAt = destinationAt(view, packetAt);
    const ports = (udp.sourcePort(view, udpAt) << 16) | port;
    let slot = table.find(guest.id, family, view, fromAt, toAt, ports);
    if (slot === NONE) {
      const isOwn = this.#parts.answers.isOwn(family, view, toAt);
      const target = isOwn && port === DNS_PORT ? this.#resolver : null;
      const isDenied = isOwn ? target === null : this.#denyList.isDenied(family, view, toAt, port);
      if (isDenied) {
        this.#refuse(arena, packetAt, isOwn ? Refusal.port : Refusal.prohibited, guest, nowMs);
        return RelayDrop.denied;
      }
      slot = sessions.add(guest, target, nowMs);
      if (slot === NONE) return KEPT;
    }
    sessions.send(slot, guest, arena, udpAt + udp.HEADER_LEN, len - udp.HEADER_LEN, mayFragment, nowMs);
    return KEPT;
  }

  #refuse(arena: Arena, packetAt: number, refusal: Refusal, guest: RelayGuest, nowMs: number): void {
    const { answers } = this.#parts;
    answers.quotePacket(arena, packetAt, totalLen(arena.view, packetAt));
    answers.refuse(refusal, refusal === Refusal.port, guest, nowMs);
  }
}

/** Whether a packet is to be refused rather than cut: IPv6 is cut by nobody on its way. */
function mustStayWhole(view: DataView, packetAt: number): boolean {
  return ipVersion(view, packetAt) === 6 || ipv4.isDontFragment(view, packetAt);
}

/** The socket makes a checksum of its own, which would hide that this one is wrong. */
function isIntact(view: DataView, packetAt: number, family: 4 | 6, udpAt: number, len: number): boolean {
  // None was made; over IPv6 there is no such thing. See RFC 8200 §8.1.
  if (udp.checksumField(view, udpAt) === 0) return family === 4;
  const pseudo =
    family === 4
      ? sumPseudo4(view, packetAt, IpProtocol.udp, len)
      : sumPseudo6(view, packetAt, IpProtocol.udp, len);
  return checksum(pseudo + sumBytes(view, udpAt, len)) === 0;
}
