import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStatus, type PeerReading } from '../../../cli/agent/status-report.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import { STATUS } from '../../../cli/status-schema.ts';
import { Suite } from '../../../dataplane/contract.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { ConfigDir, publicKeyText } from '../config/config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const NOW_MS = 1_800_000_000_000;

/** Status of one peer with these SAs: in use as the control plane has it, existing as the data plane has it. */
function peerWith(used: { rx: number[]; tx: number[] }, existing: { rx: number[]; tx: number[] }) {
  const own = '[interface]\nprivate_key_file = "own.key"\n';
  const config = loadConfig(
    dir.write('icx0.toml', `${own}[[peer]]\nname = "b"\npublic_key = "${publicKeyText(2)}"\n`, 0o600),
  );
  const [peer] = config.peers;
  if (peer === undefined) throw new TypeError('one peer expected');
  const inUse = (spis: number[]) => spis.map((spi) => ({ spi, lane: 0, ageMs: 5_000 }));
  const there = (spis: number[]) =>
    spis.map((spi) => ({ spi, lane: 0, packets: 3, missing: 0, budgetUsed: 0.5 }));
  const reading: PeerReading = {
    config: peer,
    control: {
      slot: 1,
      name: 'b',
      publicKey: peer.publicKey,
      state: 'up',
      sinceMs: NOW_MS,
      handshakeAtMs: NOW_MS - 5_000,
      handshakeDurationMs: 20,
      hybrid: true,
      rttMs: 1.5,
      suite: Suite.aes128Gcm,
      carrier: 'QUIC',
      dialled: true,
      generation: 0,
      rx: inUse(used.rx),
      tx: inUse(used.tx),
      peerMtuBytes: null,
      lastRekey: null,
      lastError: null,
    },
    progress: {
      endpoint: { address: 'fd00::2', port: 6_081 },
      lastRxAtMs: NOW_MS,
      rxPackets: 1,
      rxBytes: 2,
      txPackets: 3,
      txBytes: 4,
      rxSas: there(existing.rx),
      txSas: there(existing.tx),
    },
    pathMtuBytes: 1_424,
  };
  const state = {
    config,
    startedAtMs: NOW_MS - 10_000,
    mtuBytes: 1_424,
    queues: 1,
    carrier: 'QUIC',
    aead: 'test',
    offloads: {},
    totals: CounterBlock.sumAll([new CounterBlock(CounterBlock.allocate(2), 2)]),
  };
  return STATUS.parse(buildStatus(state, [reading], NOW_MS)).peers[0];
}

describe('buildStatus()', () => {
  test('shows the SAs in use, not those in their grace time', () => {
    const peer = peerWith(
      { rx: [0x8000_0002], tx: [0xc000_0007] },
      { rx: [1, 0x8000_0002], tx: [0xc000_0007, 6] },
    );
    expect(peer?.sas.rx).toEqual([{ spi: '80000002', lane: 0, age_seconds: 5, packets: 3 }]);
    expect(peer?.sas.tx).toEqual([
      { spi: 'c0000007', lane: 0, age_seconds: 5, packets: 3, budget_used_ratio: 0.5 },
    ]);
    expect(peer?.endpoint).toBe('[fd00::2]:6081');
  });

  test('tells apart SPIs of either direction that are equal', () => {
    const peer = peerWith({ rx: [4], tx: [5] }, { rx: [5, 4], tx: [5, 4] });
    expect(peer?.sas.rx.map(({ spi }) => spi)).toEqual(['00000004']);
    expect(peer?.sas.tx.map(({ spi }) => spi)).toEqual(['00000005']);
  });
});
