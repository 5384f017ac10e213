/** What does a frame cost in the learning switch, by how many stations there are, and under attack? */
import { Switch } from '../dataplane/l2/switch.ts';
import { bench, type Variant } from './harness.ts';

const FRAMES = 4_096;
const FRAME_LEN = 60;
const SIZES = [1, 1_000, 100_000] as const;
const FAR = 0;
const NEAR = 1;
const ATTACKER = 2;
const NOW_MS = 1_000.5;
const ATTACKER_STATIONS = 1_000;

/** Addresses in the order of a frame: 02:00 and a number for the far side, 06:00 for the near one. */
function putFrame(view: DataView, at: number, destination: number, source: number): void {
  view.setUint16(at, 0x0200);
  view.setUint32(at + 2, destination);
  view.setUint16(at + 6, 0x0600);
  view.setUint32(at + 8, source);
}

function switchOf(stations: number): Switch {
  const own = new Switch({ seed: 0x1234_5678, maxEntries: stations + 1 + ATTACKER_STATIONS });
  own.addPort(FAR, { isRemote: true, maxStations: stations });
  own.addPort(NEAR, { isRemote: false });
  own.addPort(ATTACKER, { isRemote: false, maxStations: ATTACKER_STATIONS });
  const view = new DataView(new ArrayBuffer(FRAME_LEN));
  for (let i = 0; i < stations; i++) {
    view.setUint16(0, 0xffff);
    view.setInt32(2, -1);
    view.setUint16(6, 0x0200);
    view.setUint32(8, i);
    own.forward(view, 0, FRAME_LEN, FAR, NOW_MS);
  }
  return own;
}

/** Frames from one near station to the far ones in turn, each as often. */
function toKnown(stations: number) {
  const own = switchOf(stations);
  const view = new DataView(new ArrayBuffer(FRAMES * FRAME_LEN));
  for (let i = 0; i < FRAMES; i++) putFrame(view, i * FRAME_LEN, Math.imul(i, 7_919) % stations, 1);
  let right = 0;
  const run = () => {
    right = 0;
    for (let i = 0; i < FRAMES; i++) {
      right += own.forward(view, i * FRAME_LEN, FRAME_LEN, NEAR, NOW_MS) === 1 ? 1 : 0;
    }
  };
  run();
  if (right !== FRAMES || own.targets[0] !== FAR) throw new Error(`${right} of ${FRAMES} forwarded`);
  return { packets: FRAMES, run };
}

/** Every other frame is of a known flow, the ones between have sources that were never seen. */
function underAttack() {
  const own = switchOf(1_000);
  const view = new DataView(new ArrayBuffer(2 * FRAME_LEN));
  putFrame(view, 0, 7, 1);
  putFrame(view, FRAME_LEN, 7, 0);
  let forged = 0x0100_0000;
  let right = 0;
  const run = () => {
    right = 0;
    for (let i = 0; i < FRAMES; i++) {
      view.setInt32(FRAME_LEN + 8, forged++ | 0);
      right += own.forward(view, 0, FRAME_LEN, NEAR, NOW_MS) === 1 ? 1 : 0;
      own.forward(view, FRAME_LEN, FRAME_LEN, ATTACKER, NOW_MS);
    }
  };
  run();
  const { refusedPortCap } = own.fdb.counters();
  const refused = FRAMES - ATTACKER_STATIONS;
  if (right !== FRAMES || refusedPortCap !== refused)
    throw new Error(`${right} right, ${refusedPortCap} refused`);
  return { packets: 2 * FRAMES, run };
}

const text = (size: number) => `${size.toLocaleString('en-US')} known station${size === 1 ? '' : 's'}`;

const VARIANTS: Variant[] = [
  ...SIZES.map((size) => ({
    name: text(size),
    ...(size === 1 ? {} : { base: text(1) }),
    prepare: () => toKnown(size),
  })),
  { name: 'a known flow among forged sources beyond the cap', base: text(1_000), prepare: underAttack },
];

bench(import.meta.url, 'forwarding a frame by MAC address, destinations in turn', VARIANTS, {
  unit: 'ns a frame',
});
