import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../../controlplane/record/message.ts';
import { LossExchange } from '../../../controlplane/rekey/loss-exchange.ts';
import { PeerSas } from '../../../controlplane/rekey/peer-sas.ts';
import { SpiAllocator } from '../../../controlplane/rekey/spi.ts';
import { type SaProgress, Suite } from '../../../dataplane/contract.ts';
import { SimClock, settle } from '../simulation/sim-clock.ts';
import { SimDataPlane } from '../simulation/sim-data-plane.ts';

const SPI = 9;

/** An exchange over counts of our making; `sent` holds what went to the peer, encoded. */
function exchange(...counts: readonly Pick<SaProgress, 'packets' | 'missing'>[]) {
  const clock = new SimClock();
  const plane = new SimDataPlane(clock);
  const later = [...counts];
  const base = plane.progress.bind(plane);
  plane.progress = async (slot) => {
    const count = later.length > 1 ? later.shift() : later[0];
    if (count === undefined) throw new Error('a queue died');
    return { ...(await base(slot)), rxSas: [{ spi: SPI, lane: 0, budgetUsed: 0, ...count }] };
  };
  const options = { slot: 1, vni: 7, suite: Suite.aes128Gcm, lifetimeMs: 3_600_000, clock };
  const sas = new PeerSas({ ...options, dataPlane: plane, spis: new SpiAllocator() });
  const sent: Uint8Array[] = [];
  const loss = new LossExchange(sas, clock, (message) => sent.push(encodeMessage(message)));
  return { clock, loss, sent };
}

describe('LossExchange', () => {
  test('answers a peer whose counters left a gap as wide as counters go', async () => {
    // One frame of the highest counter, then one more within the window: together 2^53.
    const highest = { packets: 1, missing: Number.MAX_SAFE_INTEGER - 1 };
    const { loss, sent } = exchange(highest, { packets: 2, missing: Number.MAX_SAFE_INTEGER - 2 });
    await settle();
    loss.receiveReport([{ spi: SPI, packets: 2 }]);
    await settle();
    expect(sent).toHaveLength(1);
    loss.stop();
  });

  test('answers that nothing was counted when no queue can tell', async () => {
    const { loss, sent } = exchange();
    loss.receiveReport([{ spi: SPI, packets: 2 }]);
    await settle();
    expect(sent).toEqual([encodeMessage({ type: 'report_answer', lanes: [] })]);
    loss.stop();
  });
});
