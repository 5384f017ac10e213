/**
 * Does a packet cost the same however many peers and routes there are?
 *
 * One flow while the tables are full shows what the tables cost. Packets that go to all peers in
 * turn also fetch the state of each (route, SA, key schedule, window, counters: some KB), which
 * for thousands does not fit the CPU's nearest caches. Packets to 100 peers in turn, with the
 * tables as full, tell the two apart.
 */
import { SEALED_OVERHEAD } from '../dataplane/path/seal-frame.ts';
import { addressOf, EngineKit, HOST_ADDRESS, type Topology } from './engine-kit.ts';
import { bench, type Variant } from './harness.ts';
import { writePacket } from './packets.ts';
import type { Figure } from './results.ts';

const PACKET_LEN = 64;
const FRAME_STRIDE = 192;
/** From the packet that is sealed. */
const OPENED_AT = 256;
const FRAMES = 512;
const SOURCE_AT = 12;
const DESTINATION_AT = 16;
/** Steps through the routes so that neighbours in time are none in memory; a prime. */
const STRIDE = 7_919;
const FLAT_WITHIN = 0.1;
/** Processes of one case differ by more than runs in one: what is judged needs many. */
const FLAT_PROCESSES = 7;
const OTHER_PROCESSES = 2;
const LARGEST = { peers: 10_000, routes: 100_000 } as const;
const TOPOLOGIES = [
  { peers: 1, routes: 1 },
  { peers: 100, routes: 100 },
  { peers: 10_000, routes: 10_000 },
  { peers: 1, routes: 100_000 },
  LARGEST,
] as const;
const LENGTHS = 8;
const MIXED: Topology = { ...LARGEST, lengths: LENGTHS };
/** Peers in use whose state the nearest caches hold. */
const FEW = 100;
const DIRECTIONS = ['encap', 'decap'] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Tables, and how many of the routes have traffic, one packet each in turn. */
interface Load {
  readonly topology: Topology;
  readonly used: number;
}

/** Places of the packets of a case. */
class ScaleKit {
  readonly kit: EngineKit;
  readonly packetAt: number;
  readonly framesAt: number;
  readonly view: DataView;
  readonly #routes: number;
  readonly #used: number;
  #turn = 0;

  constructor({ topology, used }: Load) {
    this.kit = new EngineKit(topology, 65_536 + FRAMES * FRAME_STRIDE);
    this.packetAt = this.kit.arena.take(1_024) + 64;
    this.framesAt = this.kit.arena.take(FRAMES * FRAME_STRIDE);
    this.view = this.kit.arena.view;
    this.#routes = topology.routes;
    this.#used = used;
    writePacket(this.view, this.packetAt, {
      protocol: 'udp',
      payloadLen: PACKET_LEN - 28,
      source: HOST_ADDRESS,
      destination: HOST_ADDRESS,
    });
  }

  /** Address of the route whose turn it is. */
  nextAddress(): number {
    this.#turn = (this.#turn + 1) % this.#used;
    // Of the shortest prefix length, the one that is asked last.
    const first = (this.#routes >> 1) | (LENGTHS - 1);
    return addressOf((first + this.#turn * STRIDE) % this.#routes);
  }
}

function encap(load: Load) {
  const scale = new ScaleKit(load);
  const { kit, view, packetAt, framesAt } = scale;
  kit.installOutbound();
  const slots = new Set<number>();
  let sealed = 0;
  const run = () => {
    sealed = 0;
    for (let i = 0; i < FRAMES; i++) {
      view.setUint32(packetAt + DESTINATION_AT, scale.nextAddress());
      if (kit.encapAtHost(packetAt, PACKET_LEN, framesAt) > PACKET_LEN) sealed++;
    }
  };
  for (let i = 0; i < FRAMES; i++) {
    view.setUint32(packetAt + DESTINATION_AT, scale.nextAddress());
    const frameLen = kit.encapAtHost(packetAt, PACKET_LEN, framesAt);
    slots.add(kit.host.lastPeer?.slot ?? 0);
    const opened = kit.decapAtPeers(framesAt, frameLen, framesAt + FRAME_STRIDE);
    if (opened === PACKET_LEN) sealed++;
  }
  verify(sealed, slots, load);
  return { packets: FRAMES, run };
}

function decap(load: Load) {
  const scale = new ScaleKit(load);
  const { kit, view, packetAt, framesAt } = scale;
  kit.installInbound();
  const openedAt = packetAt + OPENED_AT;
  const frameLen = PACKET_LEN + SEALED_OVERHEAD;
  const slots = new Set<number>();
  let opened = 0;
  const refill = () => {
    for (let i = 0; i < FRAMES; i++) {
      view.setUint32(packetAt + SOURCE_AT, scale.nextAddress());
      if (kit.encapAtPeers(packetAt, PACKET_LEN, framesAt + i * FRAME_STRIDE) !== frameLen) opened = -FRAMES;
    }
  };
  const run = () => {
    opened = 0;
    for (let i = 0; i < FRAMES; i++) {
      const at = framesAt + i * FRAME_STRIDE;
      if (kit.decapAtHost(at, frameLen, openedAt) === PACKET_LEN) opened++;
    }
  };
  refill();
  for (let i = 0; i < FRAMES; i++) {
    const at = framesAt + i * FRAME_STRIDE;
    if (kit.decapAtHost(at, frameLen, openedAt) === PACKET_LEN) opened++;
    slots.add(kit.host.lastPeer?.slot ?? 0);
  }
  verify(opened, slots, load);
  return { packets: FRAMES, refill, run };
}

function verify(good: number, slots: ReadonlySet<number>, { topology, used }: Load): void {
  const expected = Math.min(topology.peers, used, FRAMES);
  if (good === FRAMES && slots.size === expected) return;
  throw new Error(`${good} of ${FRAMES} packets passed, of ${slots.size} peers, not ${expected}`);
}

const ONE_FLOW = 'one flow';

function nameOf(direction: Direction, { topology, used }: Load): string {
  const { peers, routes, lengths = 1 } = topology;
  const count = (n: number, what: string) => `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;
  const kinds = lengths === 1 ? '' : ` of ${lengths} lengths`;
  const traffic = used === 1 ? ONE_FLOW : used === routes ? 'all in turn' : `${used} in turn`;
  return `${direction}, ${count(peers, 'peer')}, ${count(routes, 'route')}${kinds}, ${traffic}`;
}

/** What is to be flat. */
const isOneFlow = ({ topology, used }: Load) => used === 1 && topology !== MIXED;
const oneFlow = (topology: Topology): Load => ({ topology, used: 1 });
const allInTurn = (topology: Topology): Load => ({ topology, used: topology.routes });
const [SMALLEST, MEDIUM, ...LARGE] = TOPOLOGIES;
const LOADS: readonly Load[] = [
  ...TOPOLOGIES.map(oneFlow),
  oneFlow(MIXED),
  allInTurn(MEDIUM),
  { topology: LARGEST, used: FEW },
  ...LARGE.map(allInTurn),
];

function variants(direction: Direction): Variant[] {
  const base = nameOf(direction, oneFlow(SMALLEST));
  return LOADS.map((load) => {
    const name = nameOf(direction, load);
    const prepare = () => (direction === 'encap' ? encap : decap)(load);
    const processes = isOneFlow(load) ? FLAT_PROCESSES : OTHER_PROCESSES;
    return { name, processes, ...(name === base ? {} : { base }), prepare };
  });
}

/** Of host routes only: each prefix length in use is one more table to ask, by design. */
function verdict(figures: readonly Figure[]): string[] {
  const flows = figures.filter(({ name }) => name.endsWith(ONE_FLOW) && !name.includes('lengths'));
  const worst = Math.max(...flows.map((flow) => flow.ratio ?? 1));
  const isFlat = worst <= 1 + FLAT_WITHIN;
  const spread = Math.max(...flows.map(({ value, least, most }) => (most - least) / value));
  return [
    `one flow: ${isFlat ? '' : 'NOT '}flat within ${FLAT_WITHIN * 100} %, the worst ratio of medians is ${worst.toFixed(2)}`,
    `runs of one and the same case differ by up to ${Math.round(spread * 100)} % of their median`,
  ];
}

bench(import.meta.url, 'cost of a 64-byte packet by the size of the tables', DIRECTIONS.flatMap(variants), {
  runs: 3,
  notes: verdict,
});
