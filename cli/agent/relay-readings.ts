/** Reads the relay of a network, for status, metrics and `icx relay list`. */
import type { RelayReading } from '../../dataplane/worker/messages.ts';
import type { PoolNetwork } from '../../dataplane/worker/pool-network.ts';
import type { RelaySession as SessionReading } from '../../dataplane/worker/relay-listing.ts';
import type { RelaySession } from '../admin-relay-api.ts';
import type { RelaySnapshot } from '../metrics-snapshot.ts';
import type { PeerEntry } from './peer-table.ts';

/** What metrics tell of a relay. */
export function relaySnapshot({ sessions, counters }: RelayReading): RelaySnapshot {
  return {
    sessions,
    opened: counters.opened,
    expired: counters.expired,
    evicted: counters.evicted,
    refused: Object.fromEntries(
      Object.entries(counters.dropped).map(([reason, count]) => [snakeCase(reason), count]),
    ),
    txDatagrams: counters.txDatagrams,
    txBytes: counters.txBytes,
    rxDatagrams: counters.rxDatagrams,
    rxBytes: counters.rxBytes,
  };
}

/** @returns null where there is no relay, and while its queue is being replaced. */
export async function readRelay(own: PoolNetwork): Promise<RelaySnapshot | null> {
  const reading = (await own.relay?.read()) ?? null;
  return reading === null ? null : relaySnapshot(reading);
}

/** Sessions for people, with the name of the peer or port that each guest is behind. */
export async function readSessions(own: PoolNetwork, peers: readonly PeerEntry[]): Promise<RelaySession[]> {
  const names = new Map([
    ...(own.ports?.ports() ?? []).map(({ id, name }): [number, string] => [id, name]),
    ...peers.map(({ slot, config }): [number, string] => [slot, config.name]),
  ]);
  const sessions = (await own.relay?.sessions()) ?? [];
  return sessions.map((session) => sessionOf(session, names.get(session.guest) ?? `port ${session.guest}`));
}

function sessionOf(session: SessionReading, guest: string): RelaySession {
  return {
    guest,
    source: endpointText(session.source, session.sourcePort),
    destination: endpointText(session.destination, session.destinationPort),
    age_seconds: seconds(session.ageMs),
    idle_seconds: seconds(session.idleMs),
    tx_datagrams: session.txDatagrams,
    tx_bytes: session.txBytes,
    rx_datagrams: session.rxDatagrams,
    rx_bytes: session.rxBytes,
  };
}

function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms)) / 1_000;
}

function snakeCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
