/**
 * What happens to a relay's datagrams outside, told to the guests that sent them: a socket's error
 * becomes the ICMP error that the guest would have got from its own.
 *
 * Routers outside are not named: the answer comes from the relay, or from whom the datagram was for.
 */
import type { Arena } from '../io/arena.ts';
import { Errno } from '../io/libc.ts';
import { RelayErrors } from '../port/relay-errors.ts';
import type { RelaySockets } from '../port/relay-socket.ts';
import { Refusal } from '../relay/refusal.ts';
import { RelayCount, type RelayCounts, RelayDrop } from '../relay/relay-counts.ts';
import type { SessionTable } from '../relay/session-table.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import type { RelayAnswers } from './relay-answers.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelaySessions } from './relay-sessions.ts';

/** ICMP types and codes. @see RFC 792, RFC 4443 */
const V4 = { unreachable: 3, port: 3, tooBig: 4 } as const;
const V6 = { unreachable: 1, port: 4, tooBig: 2 } as const;
/** Errors taken in a turn. */
const MAX_ERRORS = 8;

/** Owned by one worker. */
export class RelayFaults {
  readonly #arena: Arena;
  readonly #table: SessionTable;
  readonly #sessions: RelaySessions;
  readonly #sockets: RelaySockets;
  readonly #answers: RelayAnswers;
  readonly #counts: RelayCounts;
  readonly #errors: RelayErrors;

  /** @param arena The relay's own. */
  constructor(
    arena: Arena,
    table: SessionTable,
    sessions: RelaySessions,
    sockets: RelaySockets,
    answers: RelayAnswers,
    counts: RelayCounts,
  ) {
    this.#arena = arena;
    this.#table = table;
    this.#sessions = sessions;
    this.#sockets = sockets;
    this.#answers = answers;
    this.#counts = counts;
    this.#errors = new RelayErrors(arena);
  }

  /** Takes what the network said of a session's datagrams. */
  take(slot: number, fd: number, nowMs: number): void {
    const errors = this.#errors;
    for (let i = 0; i < MAX_ERRORS; i++) {
      const found = errors.next(fd);
      if (found < 0) return;
      // What the host itself says was an answer to a send, and is told there.
      const guest = this.#sessions.guest(slot);
      if (found === 0 || guest === null) continue;
      this.#counts.add(RelayCount.icmpErrors, 1);
      const { dataAt, dataLen } = errors;
      const wholeLen = Math.max(this.#sessions.lastLen(slot), dataLen);
      this.#answers.quoteSent(this.#table, slot, this.#arena, dataAt, dataLen, wholeLen);
      this.#forward(slot, guest, nowMs);
    }
  }

  /** A datagram of a session, at `at` in the relay's memory, was not sent. */
  notSent(slot: number, reason: number, at: number, len: number, nowMs: number): void {
    const drop = dropOf(reason);
    this.#counts.drop(drop);
    const guest = this.#sessions.guest(slot);
    if (guest === null || drop === RelayDrop.sendFull || drop === RelayDrop.sendFailed) return;
    this.#answers.quoteSent(this.#table, slot, this.#arena, at, len, len);
    if (drop === RelayDrop.tooLarge) {
      const mtu = this.#sockets.pathMtu(this.#sessions.fd(slot), this.#sessions.socketFamily(slot));
      this.#tellTooBig(slot, mtu, guest, nowMs);
    } else this.#answers.refuse(refusalOf(reason), false, guest, nowMs);
  }

  /** As it came, where guest and socket speak the same version. */
  #forward(slot: number, guest: RelayGuest, nowMs: number): void {
    const { type, code, info } = this.#errors;
    const family = this.#sessions.socketFamily(slot);
    const known = family === 4 ? V4 : V6;
    const isUnreachable = type === known.unreachable;
    const isTooBig = family === 4 ? isUnreachable && code === V4.tooBig : type === V6.tooBig;
    if (isUnreachable && code === known.port) this.#answers.refuse(Refusal.port, true, guest, nowMs);
    else if (isTooBig) this.#tellTooBig(slot, info, guest, nowMs);
    else if (family === this.#table.family(slot)) this.#answers.tell(type, code, 0, guest, nowMs);
    else this.#answers.refuse(Refusal.host, false, guest, nowMs);
  }

  /** @param mtu Of the path outside, in the socket's version. @see RFC 7915 §4.2, §5.2 */
  #tellTooBig(slot: number, mtu: number, guest: RelayGuest, nowMs: number): void {
    const guestMtu = mtu + headerLen(this.#table.family(slot)) - headerLen(this.#sessions.socketFamily(slot));
    this.#answers.tellTooBig(guestMtu, guest, nowMs);
  }
}

function headerLen(family: 4 | 6): number {
  return family === 4 ? ipv4.MIN_HEADER_LEN : ipv6.HEADER_LEN;
}

function dropOf(reason: number): RelayDrop {
  switch (reason) {
    case Errno.EAGAIN:
    case Errno.ENOBUFS:
      return RelayDrop.sendFull;
    case Errno.EMSGSIZE:
      return RelayDrop.tooLarge;
    case Errno.ENETUNREACH:
    case Errno.EHOSTUNREACH:
    case Errno.EACCES:
    case Errno.EPERM:
    case Errno.EADDRNOTAVAIL:
    case Errno.ENETDOWN:
      return RelayDrop.unreachable;
    default:
      return RelayDrop.sendFailed;
  }
}

/** EACCES is the kernel's word for a broadcast address and a prohibit route, EPERM that of a filter. */
function refusalOf(reason: number): Refusal {
  if (reason === Errno.EACCES || reason === Errno.EPERM) return Refusal.prohibited;
  return reason === Errno.EHOSTUNREACH ? Refusal.host : Refusal.network;
}
