/** A relay as metrics and `icx relay list` show it. */
import { expect, test } from 'vitest';
import { readRelay, readSessions, relaySnapshot } from '../../../cli/agent/relay-readings.ts';
import { RelayService } from '../../../cli/agent/relay-service.ts';
import { RelayCounts, RelayDrop } from '../../../dataplane/relay/relay-counts.ts';
import type { PoolNetwork } from '../../../dataplane/worker/pool-network.ts';
import { peerConfig, relayConfig } from './samples.ts';

const SESSION = {
  guest: 1,
  source: 'fd77::2',
  sourcePort: 40_000,
  destination: '192.0.2.9',
  destinationPort: 443,
  ageMs: 1_500,
  idleMs: -1,
  txDatagrams: 1,
  txBytes: 2,
  rxDatagrams: 3,
  rxBytes: 4,
  isOpen: true,
};

function poolNetwork(): PoolNetwork {
  const counts = new RelayCounts();
  counts.drop(RelayDrop.guestFull);
  const reading = { sessions: 5, maxSessions: 9, counters: counts.read() };
  const sessions = [SESSION, { ...SESSION, guest: 100 }, { ...SESSION, guest: 7 }];
  return {
    relay: { read: async () => reading, sessions: async () => sessions },
    ports: { ports: () => [{ id: 100, name: 'vm', options: null }] },
  } as unknown as PoolNetwork;
}

const PEERS = [{ slot: 1, vni: 7, config: peerConfig(2) }];

test('readRelay() has every reason; null where there is none', async () => {
  const snapshot = await readRelay(poolNetwork());
  expect(snapshot).toMatchObject({ sessions: 5, opened: 0, refused: { guest_full: 1, bad_checksum: 0 } });
  expect(Object.keys(snapshot?.refused ?? {})).toHaveLength(Object.keys(RelayDrop).length);
  expect(await readRelay({ relay: null } as unknown as PoolNetwork)).toBeNull();
  const none = { relay: { read: async () => null } } as unknown as PoolNetwork;
  expect(await readRelay(none)).toBeNull();
});

test('relaySnapshot() tells both directions apart', () => {
  const counters = { ...new RelayCounts().read(), txDatagrams: 1, txBytes: 2, rxDatagrams: 3, rxBytes: 4 };
  expect(relaySnapshot({ sessions: 0, maxSessions: 1, counters })).toMatchObject({
    txDatagrams: 1,
    txBytes: 2,
    rxDatagrams: 3,
    rxBytes: 4,
  });
});

test('readSessions() names the peer or port that a guest is behind', async () => {
  const sessions = await readSessions(poolNetwork(), PEERS);
  expect(sessions.map(({ guest }) => guest)).toEqual(['peer-2', 'vm', 'port 7']);
  expect(sessions[0]).toEqual({
    guest: 'peer-2',
    source: '[fd77::2]:40000',
    destination: '192.0.2.9:443',
    age_seconds: 1.5,
    idle_seconds: 0,
    tx_datagrams: 1,
    tx_bytes: 2,
    rx_datagrams: 3,
    rx_bytes: 4,
  });
});

test('RelayService lists networks that have a relay, or the one that is named', async () => {
  const network = (vni: number, relay: object | null) => ({ vni, config: { name: `net${vni}`, relay } });
  const overlay = {
    networks: () => [network(7, relayConfig()), network(8, null), network(9, relayConfig())],
    pool: { network: poolNetwork },
    peers: { of: () => PEERS },
  };
  const service = new RelayService(overlay as unknown as ConstructorParameters<typeof RelayService>[0]);
  expect((await service.relayList({})).networks.map(({ vni }) => vni)).toEqual([7, 9]);
  const [only] = (await service.relayList({ network: 'net9' })).networks;
  expect(only).toMatchObject({ network: 'net9', vni: 9, sessions: [{ guest: 'peer-2' }, {}, {}] });
  await expect(service.relayList({ network: 'net8' })).rejects.toMatchObject({ code: 'ERR_ICX_USAGE' });
});
