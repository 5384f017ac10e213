/** What happens to peers gets into the log at the right level, and into the metrics. */
import { describe, expect, test } from 'vitest';
import { PeerObserver } from '../../../cli/agent/peer-observer.ts';
import { createLogger } from '../../../cli/logger.ts';
import { Metrics } from '../../../cli/metrics.ts';

const PEER = { slot: 1, name: 'b', publicKey: new Uint8Array(32), psk: null } as const;
const CONTROL_PEER = { ...PEER, vni: 1, endpoint: null, controlPort: 6082, hybrid: true };
const SPIS = { rx: [1], tx: [2] };

function observe() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: 'info', interfaceName: 'icx0', pretty: false, destination });
  const observer = new PeerObserver(log);
  const metrics = new Metrics({
    interfaceName: 'icx0',
    vni: 1,
    version: '0',
    aead: '',
    carrier: '',
    startedAtMs: 0,
    snapshot: async () => {
      const none = { received: 0, delivered: 0, keepalives: 0, drops: {} };
      return { peers: [], networks: [], attachments: [], queues: [], rx: none, tx: none };
    },
  });
  observer.recordTo(metrics);
  const rekeyLost = async () => /icx_rekey_lost_packets_total\{[^}]*\} (\d+)/.exec(await metrics.text())?.[1];
  const rekeyed = (lostPackets: number | null) =>
    observer.events.onRekeyResult?.(CONTROL_PEER, {
      trigger: 'timer',
      oldSpis: SPIS,
      newSpis: SPIS,
      lostPackets,
      sentPackets: 10,
      durationMs: 1,
    });
  return { observer, lines, rekeyLost, rekeyed };
}

describe('PeerObserver', () => {
  test('counts what rekeys lost, and warns of it', async () => {
    const { lines, rekeyLost, rekeyed } = observe();
    rekeyed(null);
    rekeyed(0);
    expect(lines).toEqual([]);
    rekeyed(3);
    rekeyed(4);
    expect(await rekeyLost()).toBe('7');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', peer: 'b', trigger: 'timer', lost: 3, sent: 10, msg: 'the rekey lost packets' },
      { lost: 4 },
    ]);
  });

  test('keeps the attempts to reach a peer that is off out of the log', () => {
    const { observer, lines } = observe();
    for (const state of ['connecting', 'waiting', 'connecting', 'up'] as const) {
      observer.events.onState?.(CONTROL_PEER, state);
    }
    expect(lines).toEqual([]);
  });

  test('warns of a rekey that failed', () => {
    const { observer, lines } = observe();
    observer.events.onRekey?.(CONTROL_PEER, 'timer', 'ok');
    observer.events.onRekey?.(CONTROL_PEER, 'timer', 'failed');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('rekey failed');
  });
});
