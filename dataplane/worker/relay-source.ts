/**
 * A UDP relay on one queue: what guests send outside leaves through ordinary sockets of this host,
 * one a session, and what comes back goes to the guest. No privilege, no rule, no interface.
 *
 *     TX  accept ─▶ relay-intake ─▶ relay-sessions ─▶ relay-sender … flush
 *     RX  take: epoll ─▶ relay-receiver ─▶ relay/reply ─▶ guest.deliver
 *         errors: relay-errors ─▶ relay-answers ─▶ guest.deliver
 */
import { randomBytes, randomInt } from 'node:crypto';
import { Arena } from '../io/arena.ts';
import { Epoll } from '../io/epoll.ts';
import { closeFd, drainEventFd, openEventFd, signalEventFd } from '../io/eventfd.ts';
import { CHASKEY_KEY_LEN } from '../path/chaskey.ts';
import { RELAY_RECEIVER_LEN } from '../port/relay-receiver.ts';
import { RELAY_SENDER_LEN, type RelaySendEvents, RelaySender } from '../port/relay-sender.ts';
import { RelaySockets } from '../port/relay-socket.ts';
import type { DenyList } from '../relay/deny-list.ts';
import { NONE } from '../relay/index-lists.ts';
import { REASSEMBLY_LIMITS, Reassembly, reassemblyLen } from '../relay/reassembly.ts';
import { RelayCount, type RelayCounters, RelayCounts, RelayDrop } from '../relay/relay-counts.ts';
import { type SessionLimits, SessionTable } from '../relay/session-table.ts';
import { CHUNK_LEN, WAITING_LIMITS, WaitingDatagrams } from '../relay/waiting-datagrams.ts';
import type { EndpointText } from '../wire/endpoint.ts';
import { type Outlet, type Source, TURN_FRAMES } from './link.ts';
import { type RelayAddresses, RelayAnswers } from './relay-answers.ts';
import { MAX_DATAGRAM_LEN, RelayBufferAt } from './relay-buffer.ts';
import { RelayFaults } from './relay-faults.ts';
import type { RelayGuest } from './relay-guest.ts';
import { RelayIntake } from './relay-intake.ts';
import { listSessions, type RelaySession } from './relay-listing.ts';
import { type RelayOptions, sessionLimits } from './relay-options.ts';
import { RelayReplies } from './relay-replies.ts';
import { RelaySessions } from './relay-sessions.ts';
import { RelayTarget } from './relay-target.ts';

const MAX_EVENTS = 64;
/** For what is small: addresses, control messages, events. */
const SMALL_PARTS_LEN = 16_384;

/** Owned by one worker. `close` is to be called at the end. */
export class RelaySource implements Source, Outlet, RelaySendEvents {
  readonly fd: number;
  readonly counts = new RelayCounts();
  readonly #arena: Arena;
  readonly #table: SessionTable;
  readonly #sessions: RelaySessions;
  readonly #epoll: Epoll;
  readonly #wakeFd: number;
  readonly #wakeData: number;
  readonly #sender: RelaySender;
  readonly #replies: RelayReplies;
  readonly #answers: RelayAnswers;
  readonly #faults: RelayFaults;
  readonly #intake: RelayIntake;
  readonly #reassembly: Reassembly;
  #isOn = true;
  /** Events of the last wait, of which `#next` is the first that was not seen to. */
  #came = 0;
  #next = 0;
  #nowMs = 0;

  /**
   * @param worker   The worker's arena, which packets of guests lie in.
   * @param bufferAt From takeRelayBuffer().
   * @throws {RangeError} for an address that is none.
   * @throws {SystemCallError} when there are no descriptors.
   */
  constructor(worker: Arena, bufferAt: number, options: RelayOptions) {
    const limits = sessionLimits(options);
    const waitingLimits = { ...WAITING_LIMITS, ...options.waiting };
    const reassemblyLimits = { ...REASSEMBLY_LIMITS, ...options.reassembly };
    const waitingLen = waitingLimits.maxChunks * CHUNK_LEN;
    const fragmentsLen = reassemblyLen(reassemblyLimits.maxDatagrams);
    const ownLen = RELAY_RECEIVER_LEN + RELAY_SENDER_LEN + MAX_DATAGRAM_LEN + SMALL_PARTS_LEN;
    const arena = new Arena(waitingLen + fragmentsLen + ownLen, true);
    const { view } = arena;
    const { counts } = this;
    this.#arena = arena;
    this.#table = new SessionTable(limits, randomBytes(CHASKEY_KEY_LEN));
    this.#reassembly = new Reassembly(reassemblyLimits, view, arena.take(fragmentsLen));
    this.#sender = new RelaySender(arena, this);
    this.#answers = new RelayAnswers(worker, bufferAt, options.addresses, counts);
    this.#wakeFd = openEventFd();
    this.#wakeData = limits.maxSessions;
    this.#epoll = new Epoll(arena, MAX_EVENTS);
    this.fd = this.#epoll.fd;
    this.#epoll.add(this.#wakeFd, this.#wakeData);
    const sockets = new RelaySockets(arena);
    this.#sessions = new RelaySessions({
      arena,
      scratchAt: arena.take(MAX_DATAGRAM_LEN),
      table: this.#table,
      waiting: new WaitingDatagrams(waitingLimits, limits.maxSessions, view, arena.take(waitingLen)),
      sockets,
      sender: this.#sender,
      epoll: this.#epoll,
      counts,
      onUnreachable: (slot, reason, at, len) => this.onFailed(slot, reason, at, len),
    });
    this.#replies = new RelayReplies({
      worker,
      replyAt: bufferAt + RelayBufferAt.reply,
      arena,
      table: this.#table,
      sessions: this.#sessions,
      counts,
      firstId: randomInt(2 ** 31),
    });
    this.#faults = new RelayFaults(arena, this.#table, this.#sessions, sockets, this.#answers, counts);
    this.#intake = new RelayIntake({
      worker,
      arena,
      table: this.#table,
      sessions: this.#sessions,
      reassembly: this.#reassembly,
      answers: this.#answers,
      counts,
      denyList: options.denyList,
      resolver: options.resolver === null ? null : new RelayTarget(options.resolver),
    });
  }

  /** Sessions that there are. */
  get size(): number {
    return this.#table.size;
  }

  /**
   * Takes a packet for the outside: UDP is relayed, the rest is refused.
   *
   * @param packetAt Offset in the worker's arena. Its checksums are complete.
   * @returns Whether the relay is on; the packet is somebody else's if not.
   */
  accept(packetAt: number, packetLen: number, guest: RelayGuest, nowMs: number): boolean {
    if (!this.#isOn) return false;
    this.#nowMs = nowMs;
    this.#intake.take(packetAt, packetLen, guest, nowMs);
    return true;
  }

  /** Whether it would send to an address, on some port. @param ipAt Offset of 4 or 16 bytes. */
  covers(view: DataView, family: 4 | 6, ipAt: number): boolean {
    return this.#isOn && this.#intake.covers(view, family, ipAt);
  }

  take(nowMs: number): number {
    this.#nowMs = nowMs;
    let frames = 0;
    for (let waits = 0; frames < TURN_FRAMES; ) {
      if (this.#next < this.#came) {
        frames += this.#see(this.#next++, nowMs);
        continue;
      }
      // What is still ready is told by the next poll(2).
      if (waits++ > 0) break;
      this.#next = 0;
      this.#came = this.#epoll.wait(0);
    }
    return frames;
  }

  idle(): void {}

  check(): boolean {
    return false;
  }

  fail(nowMs: number): boolean {
    this.take(nowMs);
    return false;
  }

  flush(): void {
    this.#sender.flush();
    this.#sessions.endTurn();
    if (this.#sessions.hasPending) signalEventFd(this.#wakeFd);
  }

  sweep(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#sessions.expire(nowMs);
    this.#answers.sweep();
    this.counts.add(RelayDrop.reassemblyTimeout, this.#reassembly.sweep(nowMs));
  }

  /** Off, it accepts nothing and has no sessions. */
  setOn(isOn: boolean): void {
    this.#isOn = isOn;
    if (!isOn) this.#closeAll();
  }

  /** Ends the sessions that would not be opened any more. */
  setDenyList(denyList: DenyList): void {
    this.#intake.setDenyList(denyList);
  }

  /** Whether an address is the relay's own. @param at Offset of 4 bytes for family 4, of 16 for family 6. */
  isOwn(family: 4 | 6, view: DataView, at: number): boolean {
    return this.#answers.isOwn(family, view, at);
  }

  /** Sessions that there may be. */
  get maxSessions(): number {
    return this.#table.limits.maxSessions;
  }

  /** Takes other limits, but for sessions in all. */
  setLimits(limits: Omit<SessionLimits, 'maxSessions'>): void {
    this.#table.setLimits(limits);
  }

  /** Before the resolver that answers there. @throws {RangeError} for what is no address. Nothing changed then. */
  setAddresses(addresses: RelayAddresses): void {
    this.#answers.setAddresses(addresses);
  }

  /** Ends the sessions with the one before. @throws {RangeError} for an address or port that is none. */
  setResolver(resolver: EndpointText | null): void {
    this.#intake.setResolver(resolver === null ? null : new RelayTarget(resolver));
  }

  /** Ends what belongs to a guest. */
  removeGuest(id: number): void {
    for (let slot = this.#table.ofGuest(id); slot !== NONE; slot = this.#table.ofGuest(id)) {
      this.#sessions.close(slot);
    }
    this.#reassembly.removeGuest(id);
  }

  /** What it counted since it was made; allocates. */
  counters(): RelayCounters {
    return this.counts.read();
  }

  /** Sessions for people, the longest idle first; allocates. */
  list(nowMs: number): RelaySession[] {
    return listSessions(this.#table, this.#sessions, nowMs);
  }

  /** Ends all sessions, and gives descriptors and memory back. */
  close(): void {
    this.setOn(false);
    closeFd(this.#wakeFd);
    this.#epoll.close();
    this.#arena.close();
  }

  onSent(slot: number, datagrams: number, bytes: number): void {
    this.counts.add(RelayCount.txDatagrams, datagrams);
    this.counts.add(RelayCount.txBytes, bytes);
    this.#sessions.sent(slot, datagrams, bytes);
  }

  onFailed(slot: number, reason: number, at: number, len: number): void {
    this.#faults.notSent(slot, reason, at, len, this.#nowMs);
  }

  /** Sees to event `index` of the last wait. @returns Datagrams that came. */
  #see(index: number, nowMs: number): number {
    const slot = this.#epoll.data(index);
    if (slot === this.#wakeData) {
      drainEventFd(this.#wakeFd);
      this.#sessions.openPending();
      return 0;
    }
    // Closed since the wait, or another session's by now: then there is nothing, or what it has.
    const fd = this.#sessions.fd(slot);
    if (fd < 0) return 0;
    if (this.#epoll.isError(index)) this.#faults.take(slot, fd, nowMs);
    return this.#replies.take(slot, fd, nowMs);
  }

  #closeAll(): void {
    for (let slot = this.#table.first(); slot !== NONE; slot = this.#table.first()) {
      this.#sessions.close(slot);
    }
  }
}
