/** A relay's sessions for people. */
import { NONE } from '../relay/index-lists.ts';
import type { SessionTable } from '../relay/session-table.ts';
import { formatIp } from '../wire/ip-text.ts';
import type { RelaySessions } from './relay-sessions.ts';

/** Plain data. */
export interface RelaySession {
  readonly guest: number;
  readonly source: string;
  readonly sourcePort: number;
  /** Whom the guest sends to. */
  readonly destination: string;
  readonly destinationPort: number;
  readonly ageMs: number;
  readonly idleMs: number;
  /** From the guest. */
  readonly txDatagrams: number;
  /** UDP data from the guest. */
  readonly txBytes: number;
  readonly rxDatagrams: number;
  /** UDP data to the guest. */
  readonly rxBytes: number;
  /** Whether it has its socket. */
  readonly isOpen: boolean;
}

/** All, the longest idle first; allocates. */
export function listSessions(table: SessionTable, sessions: RelaySessions, nowMs: number): RelaySession[] {
  const list: RelaySession[] = [];
  const view = new DataView(new ArrayBuffer(32));
  for (let slot = table.first(); slot !== NONE; slot = table.next(slot)) {
    table.writeSource(slot, view, 0);
    table.writeDestination(slot, view, 16);
    const family = table.family(slot);
    list.push({
      guest: table.guest(slot),
      source: addressText(view, 0, family),
      sourcePort: table.sourcePort(slot),
      destination: addressText(view, 16, family),
      destinationPort: table.destinationPort(slot),
      ageMs: sessions.ageMs(slot, nowMs),
      idleMs: table.idleMs(slot, nowMs),
      txDatagrams: sessions.txDatagrams(slot),
      txBytes: sessions.txBytes(slot),
      rxDatagrams: sessions.rxDatagrams(slot),
      rxBytes: sessions.rxBytes(slot),
      isOpen: sessions.fd(slot) >= 0,
    });
  }
  return list;
}

function addressText(view: DataView, at: number, family: 4 | 6): string {
  const word = (index: number) => view.getUint32(at + index * 4);
  return formatIp(family, [word(0), word(1), word(2), word(3)]);
}
