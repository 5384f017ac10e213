/** What does the replay window cost, with packets in order, out of order and repeated? */
import { ReplayWindow, WINDOW_WIDTH } from '../dataplane/sa/replay-window.ts';
import { bench } from './harness.ts';

const PACKETS = 4_096;

/** Offsets of counters in order of arrival, each within `reach` places of where it was sent. */
function arrivals(reach: number): Int32Array {
  const offsets = Int32Array.from({ length: PACKETS }, (_, i) => i);
  let state = 1;
  for (let start = 0; start < PACKETS; start += reach) {
    for (let i = Math.min(reach, PACKETS - start) - 1; i > 0; i--) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const a = start + i;
      const b = start + (state % (i + 1));
      const kept = offsets[a] ?? 0;
      offsets[a] = offsets[b] ?? 0;
      offsets[b] = kept;
    }
  }
  return offsets;
}

/** A window fed with these offsets, from `step` counters further each time. */
function feed(offsets: Int32Array, step: number, isAccepted: boolean) {
  const window = new ReplayWindow();
  let first = 1;
  let accepted = 0;
  const run = () => {
    accepted = 0;
    for (let i = 0; i < PACKETS; i++) if (window.accept(first + (offsets[i] ?? 0))) accepted++;
    first += step;
  };
  run();
  run();
  if (accepted !== (isAccepted ? PACKETS : 0)) throw new Error(`${accepted} of ${PACKETS} accepted`);
  return { packets: PACKETS, run };
}

bench(import.meta.url, `the replay window of ${WINDOW_WIDTH.toLocaleString('en-US')} counters`, [
  { name: 'in order', prepare: () => feed(arrivals(1), PACKETS, true) },
  { name: 'reordered within 64', prepare: () => feed(arrivals(64), PACKETS, true) },
  { name: 'reordered within 4,096', prepare: () => feed(arrivals(PACKETS), PACKETS, true) },
  {
    name: 'one in 16 arrives',
    prepare: () =>
      feed(
        arrivals(1).map((i) => i * 16),
        PACKETS * 16,
        true,
      ),
  },
  { name: 'replays, refused', prepare: () => feed(arrivals(1), 0, false) },
]);
