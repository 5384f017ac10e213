/** What the metrics are made of. */
import { describe, expect, test } from 'vitest';
import { buildMetrics } from '../../../cli/agent/metrics-report.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { controlStatus, peerConfig, progress, saProgress } from './samples.ts';

function metricsOf(peer: Partial<Parameters<typeof buildMetrics>[2][number]> = {}) {
  const blocks = [0, 1].map((queue) => {
    const block = new CounterBlock(CounterBlock.allocate(2), 2);
    for (let i = 0; i <= queue; i++) block.rxDelivered(1, 100);
    block.txDelivered(1, 10);
    block.rxDropped(0, DropCode.rxReplay);
    return block;
  });
  const reading = {
    config: peerConfig(2),
    network: 'icx0',
    vni: 7,
    control: controlStatus(),
    progress: progress(),
    pathMtuBytes: null,
    announced: { accepted: ['10.88.0.2/32'], refused: 3 },
    ...peer,
  };
  return buildMetrics(CounterBlock.sumAll(blocks), blocks, [reading]);
}

describe('buildMetrics()', () => {
  test('counts every queue by itself and all together', () => {
    const { queues, rx, tx } = metricsOf();
    expect(queues).toEqual([
      { queue: 0, rxPackets: 1, txPackets: 1 },
      { queue: 1, rxPackets: 2, txPackets: 1 },
    ]);
    expect(rx).toMatchObject({
      received: 5,
      delivered: 3,
      keepalives: 0,
      drops: { replay: 2, malformed: 0 },
    });
    expect(tx).toMatchObject({ received: 2, delivered: 2, drops: { no_sa: 0 } });
  });

  test('tells what is not known yet as null', () => {
    expect(metricsOf({ control: undefined }).peers).toEqual([
      {
        name: 'peer-2',
        network: 'icx0',
        vni: 7,
        up: false,
        rxPackets: 0,
        rxBytes: 0,
        txPackets: 0,
        txBytes: 0,
        lastHandshakeAtMs: null,
        lastRxAtMs: null,
        rttSeconds: null,
        pathMtuBytes: null,
        announcedRoutes: { accepted: 1, refused: 3 },
        sas: [],
      },
    ]);
  });

  test.each([
    ['up', true],
    ['connecting', false],
    ['waiting', false],
  ] as const)('a peer that is %s has up = %s', (state, up) => {
    expect(metricsOf({ control: controlStatus({ state }) }).peers[0]?.up).toBe(up);
  });

  test('takes the ages of SAs from the control plane and their use from the data plane', () => {
    const [peer] = metricsOf({
      control: controlStatus({
        rttMs: 1.5,
        handshakeAtMs: 1_000,
        rx: [{ spi: 8, lane: 0, ageMs: 2_500 }],
        tx: [
          { spi: 9, lane: 0, ageMs: 1_500 },
          { spi: 10, lane: 1, ageMs: 1_500 },
        ],
      }),
      progress: progress({ lastRxAtMs: 2_000, txSas: [saProgress(9, { budgetUsed: 0.5 }), saProgress(3)] }),
      pathMtuBytes: 1_400,
    }).peers;
    expect(peer).toMatchObject({
      rttSeconds: 0.0015,
      lastHandshakeAtMs: 1_000,
      lastRxAtMs: 2_000,
      pathMtuBytes: 1_400,
      announcedRoutes: { accepted: 1, refused: 3 },
      sas: [
        { direction: 'rx', lane: 0, ageSeconds: 2.5, budgetUsedRatio: 0 },
        { direction: 'tx', lane: 0, ageSeconds: 1.5, budgetUsedRatio: 0.5 },
        { direction: 'tx', lane: 1, ageSeconds: 1.5, budgetUsedRatio: 0 },
      ],
    });
  });
});
