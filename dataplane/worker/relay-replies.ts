/** What comes back to a relay's sockets, made packets for the guests. */
import type { Arena } from '../io/arena.ts';
import { memcpy } from '../io/libc.ts';
import { RelayReceiver } from '../port/relay-receiver.ts';
import { RelayCount, type RelayCounts } from '../relay/relay-counts.ts';
import { ReplyCutter } from '../relay/reply.ts';
import type { SessionTable } from '../relay/session-table.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelaySessions } from './relay-sessions.ts';

export interface ReplyParts {
  /** The worker's arena, which packets for guests lie in, from `replyAt` on. */
  readonly worker: Arena;
  readonly replyAt: number;
  /** The relay's own. */
  readonly arena: Arena;
  readonly table: SessionTable;
  readonly sessions: RelaySessions;
  readonly counts: RelayCounts;
  /** 32 random bits. */
  readonly firstId: number;
}

/** Owned by one worker. */
export class RelayReplies {
  readonly #parts: ReplyParts;
  readonly #receiver: RelayReceiver;
  readonly #cutter: ReplyCutter;

  constructor(parts: ReplyParts) {
    this.#parts = parts;
    this.#receiver = new RelayReceiver(parts.arena);
    this.#cutter = new ReplyCutter(parts.worker.view, parts.table, parts.firstId);
  }

  /** Gives a guest what waits at its session's socket, a call's worth. @returns How many datagrams that was. */
  take(slot: number, fd: number, nowMs: number): number {
    const { table, sessions, counts } = this.#parts;
    const receiver = this.#receiver;
    const messages = receiver.receive(fd);
    const guest = sessions.guest(slot);
    if (messages === 0 || guest === null) return 0;
    table.use(slot, nowMs);
    let datagrams = 0;
    let bytes = 0;
    for (let i = 0; i < messages; i++) {
      const len = receiver.len(i);
      const segmentLen = receiver.segmentLen(i);
      let offset = 0;
      do {
        const dataLen = Math.min(segmentLen, len - offset);
        this.#give(slot, guest, receiver.at(i) + offset, dataLen, nowMs);
        datagrams++;
        offset += segmentLen;
      } while (offset < len);
      bytes += len;
    }
    sessions.received(slot, datagrams, bytes);
    counts.add(RelayCount.rxDatagrams, datagrams);
    counts.add(RelayCount.rxBytes, bytes);
    return datagrams;
  }

  #give(slot: number, guest: RelayGuest, at: number, len: number, nowMs: number): void {
    const { worker, replyAt, arena, counts } = this.#parts;
    const cutter = this.#cutter;
    memcpy(worker.base + replyAt, arena.base + at, len);
    cutter.begin(slot, replyAt, len, guest.mtuBytes);
    let packets = 0;
    for (let packetLen = cutter.next(); packetLen > 0; packetLen = cutter.next()) {
      guest.deliver(cutter.at, packetLen, nowMs);
      packets++;
    }
    if (packets > 1) counts.add(RelayCount.txFragments, packets);
  }
}
