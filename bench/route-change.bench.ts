/** What does it cost to change one route, by how many there are? */
import type { RouteSpec } from '../dataplane/contract.ts';
import { Arena } from '../dataplane/io/arena.ts';
import { parsePrefix } from '../dataplane/route/prefix.ts';
import { RouteTable } from '../dataplane/route/route-table.ts';
import { makeHost, peerSettings, routesOf, type Topology } from './engine-kit.ts';
import { bench, type Variant } from './harness.ts';

/** Outside of what the topologies use. */
const ADDED: RouteSpec = { dst: '172.31.0.1/32', src: '0.0.0.0/0' };
const ARENA_LEN = 65_536;
const SIZES = [1, 100, 10_000, 100_000] as const;
const SINGLE = 'added to a table of 1 and removed again';
const SMALL = 'one of the 10 of a peer, of 10 in all';

const text = (count: number) => count.toLocaleString('en-US');

function table(size: number): Variant {
  const name = `added to a table of ${text(size)} and removed again`;
  return {
    name,
    ...(name === SINGLE ? {} : { base: SINGLE }),
    prepare() {
      const routes = new RouteTable<object>();
      const owner = {};
      for (const { dst, src } of routesOf({ peers: 1, routes: size }, 1)) {
        routes.add(parsePrefix(dst), parsePrefix(src), owner);
      }
      const dst = parsePrefix(ADDED.dst);
      const src = parsePrefix(ADDED.src);
      const run = () => {
        if (!routes.add(dst, src, owner) || !routes.remove(dst, src, owner)) throw new Error('not changed');
      };
      return { packets: 1, run };
    },
  };
}

/** As a reload changes a peer: all of its routes are given, one of them is another. */
function reload(topology: Topology): Variant {
  const own = topology.routes / topology.peers;
  const name = `one of the ${text(own)} of a peer, of ${text(topology.routes)} in all`;
  return {
    name,
    ...(name === SMALL ? {} : { base: SMALL }),
    prepare() {
      const host = makeHost(new Arena(ARENA_LEN), topology);
      const slot = Math.ceil(topology.peers / 2);
      const before = routesOf(topology, slot);
      const after = [...before.slice(1), ADDED];
      let isChanged = false;
      const run = () => {
        isChanged = !isChanged;
        host.setPeer({ ...peerSettings(slot), routes: isChanged ? after : before });
      };
      return { packets: 1, run };
    },
  };
}

/** As an embedder changes a peer that learns its routes one by one. */
function single(topology: Topology): Variant {
  return {
    name: `added alone to the ${text(topology.routes / topology.peers)} of a peer and removed again`,
    base: SMALL,
    prepare() {
      const host = makeHost(new Arena(ARENA_LEN), topology);
      const run = () => {
        if (!host.addRoute(1, ADDED) || !host.removeRoute(1, ADDED)) throw new Error('not changed');
      };
      return { packets: 1, run };
    },
  };
}

bench(
  import.meta.url,
  'changing one route',
  [
    ...SIZES.map(table),
    reload({ peers: 1, routes: 10 }),
    reload({ peers: 10_000, routes: 100_000 }),
    reload({ peers: 1, routes: 100_000 }),
    single({ peers: 1, routes: 100_000 }),
  ],
  { unit: 'µs a change', nsPerUnit: 1_000 },
);
