/**
 * A relay's sessions with their sockets: opened so many a turn, closed when idle or for others.
 *
 * Datagrams wait in order until their session's socket is open. A session that waits for its socket
 * counts as one: there are no more sockets than sessions.
 */
import type { Arena } from '../io/arena.ts';
import type { Epoll } from '../io/epoll.ts';
import { Errno } from '../io/libc.ts';
import type { RelaySender } from '../port/relay-sender.ts';
import type { RelaySockets } from '../port/relay-socket.ts';
import { IndexLists, NONE } from '../relay/index-lists.ts';
import { RelayCount, type RelayCounts, RelayDrop } from '../relay/relay-counts.ts';
import { Room, type SessionTable } from '../relay/session-table.ts';
import type { WaitingDatagrams } from '../relay/waiting-datagrams.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelayTarget } from './relay-target.ts';

/** Sockets opened in a turn: some 100 µs. */
const OPENS_PER_TURN = 16;
const PENDING = 0;
const NO_FD = -1;
/** The kernel is out of something, not the network. */
const NO_SOCKET: ReadonlySet<number> = new Set([Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS]);

export interface SessionParts {
  /** The relay's own memory. */
  readonly arena: Arena;
  /** Where a datagram of any length fits. */
  readonly scratchAt: number;
  readonly table: SessionTable;
  readonly waiting: WaitingDatagrams;
  readonly sockets: RelaySockets;
  readonly sender: RelaySender;
  readonly epoll: Epoll;
  readonly counts: RelayCounts;
  /** A datagram did not leave, because of the network: it lies in the relay's memory. */
  onUnreachable(slot: number, reason: number, at: number, len: number): void;
}

/** Owned by one worker. */
export class RelaySessions {
  readonly #parts: SessionParts;
  readonly #pending: IndexLists;
  readonly #guests: (RelayGuest | null)[];
  readonly #fds: Int32Array;
  readonly #isPending: Uint8Array;
  /** Whether what is larger than the path may be fragmented, as the guest's last datagram said. */
  readonly #mayFragment: Uint8Array;
  readonly #lastLens: Int32Array;
  readonly #openedAtMs: Float64Array;
  readonly #txDatagrams: Float64Array;
  readonly #txBytes: Float64Array;
  readonly #rxDatagrams: Float64Array;
  readonly #rxBytes: Float64Array;
  readonly #targets: (RelayTarget | null)[];
  #opensLeft = OPENS_PER_TURN;

  constructor(parts: SessionParts) {
    const { maxSessions } = parts.table.limits;
    this.#parts = parts;
    this.#pending = new IndexLists(maxSessions, 1);
    this.#guests = new Array<RelayGuest | null>(maxSessions).fill(null);
    this.#targets = new Array<RelayTarget | null>(maxSessions).fill(null);
    this.#fds = new Int32Array(maxSessions).fill(NO_FD);
    this.#isPending = new Uint8Array(maxSessions);
    this.#mayFragment = new Uint8Array(maxSessions);
    this.#lastLens = new Int32Array(maxSessions);
    this.#openedAtMs = new Float64Array(maxSessions);
    this.#txDatagrams = new Float64Array(maxSessions);
    this.#txBytes = new Float64Array(maxSessions);
    this.#rxDatagrams = new Float64Array(maxSessions);
    this.#rxBytes = new Float64Array(maxSessions);
  }

  /** Whether sessions wait for sockets that the next turn opens. */
  get hasPending(): boolean {
    return this.#pending.first(PENDING) !== NONE;
  }

  guest(slot: number): RelayGuest | null {
    return this.#guests[slot] ?? null;
  }

  /** The session's socket, −1 while it has none. */
  fd(slot: number): number {
    return this.#fds[slot] ?? NO_FD;
  }

  /** Whom its socket speaks to, where that is not whom the guest sends to. */
  target(slot: number): RelayTarget | null {
    return this.#targets[slot] ?? null;
  }

  socketFamily(slot: number): 4 | 6 {
    return this.target(slot)?.family ?? this.#parts.table.family(slot);
  }

  /** Bytes of the datagram that the guest sent last. */
  lastLen(slot: number): number {
    return this.#lastLens[slot] ?? 0;
  }

  ageMs(slot: number, nowMs: number): number {
    return nowMs - (this.#openedAtMs[slot] ?? 0);
  }

  txDatagrams(slot: number): number {
    return this.#txDatagrams[slot] ?? 0;
  }

  txBytes(slot: number): number {
    return this.#txBytes[slot] ?? 0;
  }

  rxDatagrams(slot: number): number {
    return this.#rxDatagrams[slot] ?? 0;
  }

  rxBytes(slot: number): number {
    return this.#rxBytes[slot] ?? 0;
  }

  received(slot: number, datagrams: number, bytes: number): void {
    this.#rxDatagrams[slot] = (this.#rxDatagrams[slot] ?? 0) + datagrams;
    this.#rxBytes[slot] = (this.#rxBytes[slot] ?? 0) + bytes;
  }

  /**
   * Adds the session that the table did not find.
   *
   * @param target Whom to speak to; null for whom the guest sends to.
   * @returns Its slot, NONE where there is no room, which is counted.
   */
  add(guest: RelayGuest, target: RelayTarget | null, nowMs: number): number {
    const { table, counts } = this.#parts;
    const victim = table.victim(nowMs);
    if (victim === Room.full || victim === Room.guestFull) {
      counts.drop(victim === Room.full ? RelayDrop.full : RelayDrop.guestFull);
      return NONE;
    }
    if (victim !== Room.free) {
      counts.add(RelayCount.evicted, 1);
      this.close(victim);
    }
    const slot = table.add(nowMs);
    this.#guests[slot] = guest;
    this.#targets[slot] = target;
    this.#mayFragment[slot] = 1;
    this.#lastLens[slot] = 0;
    this.#openedAtMs[slot] = nowMs;
    this.#txDatagrams[slot] = 0;
    this.#txBytes[slot] = 0;
    this.#rxDatagrams[slot] = 0;
    this.#rxBytes[slot] = 0;
    this.#isPending[slot] = 1;
    this.#pending.append(PENDING, slot);
    return slot;
  }

  /** Sends a datagram of a session; one that waits for its socket keeps it. */
  send(
    slot: number,
    guest: RelayGuest,
    from: Arena,
    at: number,
    len: number,
    mayFragment: boolean,
    nowMs: number,
  ): void {
    const { table, sender, waiting, counts } = this.#parts;
    table.use(slot, nowMs);
    this.#guests[slot] = guest;
    this.#lastLens[slot] = len;
    const fd = this.fd(slot);
    if (fd === NO_FD) {
      this.#mayFragment[slot] = mayFragment ? 1 : 0;
      if (!waiting.add(slot, from.view, at, len)) counts.drop(RelayDrop.waitingFull);
      else this.openPending();
      return;
    }
    if ((this.#mayFragment[slot] === 1) !== mayFragment) this.#setFragmentation(slot, fd, mayFragment);
    sender.add(fd, slot, from.base + at, len);
  }

  /** Opens sockets of sessions that wait for theirs, as many as the turn has left. */
  openPending(): void {
    let slot = this.#pending.first(PENDING);
    for (; slot !== NONE && this.#opensLeft > 0; slot = this.#pending.first(PENDING)) {
      this.#opensLeft--;
      this.#open(slot);
    }
  }

  /** The next turn may open sockets again. */
  endTurn(): void {
    this.#opensLeft = OPENS_PER_TURN;
  }

  /** Ends a session. What waits for its socket is dropped. */
  close(slot: number): void {
    const { table, sender, sockets, waiting, counts } = this.#parts;
    const fd = this.fd(slot);
    if (fd !== NO_FD) {
      sender.settle(fd);
      sockets.close(fd);
      this.#fds[slot] = NO_FD;
    }
    this.#leavePending(slot);
    counts.add(RelayDrop.abandoned, waiting.clear(slot));
    table.remove(slot);
    this.#guests[slot] = null;
    this.#targets[slot] = null;
  }

  /** Ends what was idle for too long. */
  expire(nowMs: number): void {
    const { table, counts } = this.#parts;
    for (let slot = table.expired(nowMs); slot !== NONE; slot = table.expired(nowMs)) {
      counts.add(RelayCount.expired, 1);
      this.close(slot);
    }
  }

  sent(slot: number, datagrams: number, bytes: number): void {
    this.#txDatagrams[slot] = (this.#txDatagrams[slot] ?? 0) + datagrams;
    this.#txBytes[slot] = (this.#txBytes[slot] ?? 0) + bytes;
  }

  #open(slot: number): void {
    const { table, sockets, epoll, arena, counts } = this.#parts;
    const target = this.target(slot);
    const family = this.socketFamily(slot);
    const addressAt = family === 4 ? sockets.addressAt4 : sockets.addressAt6;
    if (target === null) table.writeDestination(slot, arena.view, addressAt);
    else target.writeAddress(arena.view, addressAt);
    const fd = sockets.open(family, target?.port ?? table.destinationPort(slot));
    this.#leavePending(slot);
    const isWatched = fd >= 0 && epoll.add(fd, slot);
    if (!isWatched) {
      if (fd >= 0) sockets.close(fd);
      this.#fail(slot, fd >= 0 ? Errno.ENOMEM : -fd);
      return;
    }
    this.#fds[slot] = fd;
    counts.add(RelayCount.opened, 1);
    if (this.#mayFragment[slot] === 0) this.#setFragmentation(slot, fd, false);
    this.#drain(slot, fd);
  }

  #drain(slot: number, fd: number): void {
    const { waiting, sender, arena, scratchAt } = this.#parts;
    for (let len = waiting.take(slot, scratchAt); len >= 0; len = waiting.take(slot, scratchAt)) {
      sender.add(fd, slot, arena.base + scratchAt, len);
    }
  }

  /** Ends a session that gets no socket. */
  #fail(slot: number, reason: number): void {
    const { waiting, counts, scratchAt } = this.#parts;
    if (NO_SOCKET.has(reason)) counts.add(RelayDrop.noSocket, waiting.clear(slot));
    else {
      for (let len = waiting.take(slot, scratchAt); len >= 0; len = waiting.take(slot, scratchAt)) {
        this.#parts.onUnreachable(slot, reason, scratchAt, len);
      }
    }
    this.close(slot);
  }

  #setFragmentation(slot: number, fd: number, isAllowed: boolean): void {
    // What waits is the other kind.
    this.#parts.sender.settle(fd);
    this.#parts.sockets.setFragmentation(fd, this.socketFamily(slot), isAllowed);
    this.#mayFragment[slot] = isAllowed ? 1 : 0;
  }

  #leavePending(slot: number): void {
    if (this.#isPending[slot] === 0) return;
    this.#isPending[slot] = 0;
    this.#pending.remove(PENDING, slot);
  }
}
