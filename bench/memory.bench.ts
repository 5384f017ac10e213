/** How much memory does a peer take, and how much a route? */
import { parsePrefix } from '../dataplane/route/prefix.ts';
import { RouteTable } from '../dataplane/route/route-table.ts';
import { EngineKit, routesOf } from './engine-kit.ts';
import { bench, type Variant } from './harness.ts';

const PEERS = 10_000;
const ROUTES = 100_000;

/** What is counted: objects and buffers, or all pages of the process, OpenSSL's contexts among them. */
const MEASURES = {
  'heap and buffers': ({ heapUsed, external }: NodeJS.MemoryUsage) => heapUsed + external,
  resident: ({ rss }: NodeJS.MemoryUsage) => rss,
} as const;
type Measure = keyof typeof MEASURES;

interface Subject {
  readonly name: string;
  readonly count: number;
  build(): object;
}

/** Keeps what is measured alive. */
const held: object[] = [];

const SUBJECTS: readonly Subject[] = [
  {
    name: 'a peer without routes, an SA in each direction',
    // Either engine of a kit holds every peer.
    count: 2 * PEERS,
    build() {
      const kit = new EngineKit({ peers: PEERS, routes: 0 }, 0);
      kit.installOutbound();
      kit.installInbound();
      return kit;
    },
  },
  {
    name: 'an IPv4 route',
    count: ROUTES,
    build: () =>
      fill(
        '0.0.0.0/0',
        routesOf(topology(), 1).map(({ dst }) => dst),
      ),
  },
  { name: 'an IPv6 route', count: ROUTES, build: () => fill('::/0', Array.from({ length: ROUTES }, sixth)) },
];

function topology() {
  return { peers: 1, routes: ROUTES };
}

function sixth(_: unknown, index: number): string {
  return `fd00:${(index >>> 16).toString(16)}:${(index & 0xffff).toString(16)}::1/128`;
}

/** A table in which one owner has all routes. */
function fill(src: string, destinations: readonly string[]): RouteTable<object> {
  const table = new RouteTable<object>();
  const owner = {};
  for (const dst of destinations) table.add(parsePrefix(dst), parsePrefix(src), owner);
  if (table.routesOf(owner).length !== destinations.length) throw new Error('routes are missing');
  return table;
}

function variant(subject: Subject, measure: Measure): Variant {
  return {
    name: `${subject.name}: ${measure}`,
    prepare: () => ({
      sample() {
        const before = settled(measure);
        held.push(subject.build());
        return (settled(measure) - before) / subject.count;
      },
    }),
  };
}

/** What is used when all garbage is gone. */
function settled(measure: Measure): number {
  if (globalThis.gc === undefined) throw new Error('needs --expose-gc');
  for (let i = 0; i < 3; i++) globalThis.gc();
  return MEASURES[measure](process.memoryUsage());
}

bench(
  import.meta.url,
  `memory, over ${PEERS.toLocaleString('en-US')} peers and ${ROUTES.toLocaleString('en-US')} routes`,
  SUBJECTS.flatMap((subject) =>
    (Object.keys(MEASURES) as Measure[]).map((measure) => variant(subject, measure)),
  ),
  { unit: 'bytes', runs: 1, processes: 5, nodeFlags: ['--expose-gc'] },
);
