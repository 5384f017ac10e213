/** Hosts whose underlay address changes are found again within 15 s, whoever sends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { orderedKeyPairs, siteAgents } from '../support/sites.ts';
import { ping, UdpFlow, untilPing } from '../support/traffic.ts';

const FOUND_MS = 15_000;
/** For packets that are under way when the address changes. */
const SETTLE_MS = 100;

type KeyOrder = 'lower' | 'higher';
type Transport = 'quic' | 'webtransport';

interface Moving {
  readonly still: Namespace;
  readonly mover: Namespace;
  readonly stillAgent: Agent;
  readonly moverAgent: Agent;
}

const directories: AgentDirectory[] = [];
const lab = new Lab();
let pairs = 0;

afterAll(() => {
  lab.close();
  for (const directory of directories) directory.remove();
});

/** @param moves Which key the host that will move has. */
async function startPair(moves: KeyOrder, transport: Transport = 'quic'): Promise<Moving> {
  const index = ++pairs;
  const [still, mover] = [lab.addHost(`s${index}`), lab.addHost(`m${index}`)];
  lab.link(still, mover, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  const directory = new AgentDirectory();
  directories.push(directory);
  const [lower, higher] = orderedKeyPairs();
  const own = { control_transport: transport };
  const [stillAgent, moverAgent] = siteAgents(directory, [
    { host: still, endpoint: '192.0.2.1', keys: moves === 'lower' ? higher : lower, interface: own },
    { host: mover, endpoint: '192.0.2.2', keys: moves === 'lower' ? lower : higher, interface: own },
  ]);
  if (stillAgent === undefined || moverAgent === undefined) throw new TypeError('two agents expected');
  for (const agent of [stillAgent, moverAgent]) agent.start();
  await Promise.all([stillAgent, moverAgent].map((agent) => agent.waitPeers([], 30_000)));
  return { still, mover, stillAgent, moverAgent };
}

/** As a new lease does it: the old address goes first. */
function move(host: Namespace): void {
  host.ip('address del 192.0.2.2/24 dev eth0');
  host.ip('address add 192.0.2.77/24 dev eth0');
}

async function rxPackets(agent: Agent): Promise<number> {
  return (await agent.status()).peers[0]?.transfer.rx_packets ?? 0;
}

/** Moves the host while packets go one way only. @returns Milliseconds until they arrive again. */
async function oneWayOutage(pair: Moving, towards: 'mover' | 'still'): Promise<number> {
  const [from, to, receiver, address] =
    towards === 'mover'
      ? [pair.still, pair.mover, pair.moverAgent, overlay4(1)]
      : [pair.mover, pair.still, pair.stillAgent, overlay4(0)];
  const flow = await UdpFlow.start(from, to, address, { mbit: 0.5, length: 200 });
  await receiver.until('gets the flow', 10_000, ({ peers }) => (peers[0]?.transfer.rx_packets ?? 0) > 50);
  const movedAtMs = performance.now();
  move(pair.mover);
  await sleep(SETTLE_MS);
  const enough = (await rxPackets(receiver)) + 20;
  await receiver.until(
    'gets the flow again',
    2 * FOUND_MS,
    ({ peers }) => (peers[0]?.transfer.rx_packets ?? 0) >= enough,
  );
  const outageMs = Math.round(performance.now() - movedAtMs);
  await flow.stop();
  return outageMs;
}

/** The data path alone is not enough: keys must go on being replaced. */
async function expectWhole({ still, mover, stillAgent, moverAgent }: Moving): Promise<void> {
  for (const address of [overlay4(1), overlay6(1)]) {
    expect((await ping(still, address, { count: 2, timeoutMs: 2_000 })).received).toBe(2);
  }
  expect((await ping(mover, overlay4(0), { count: 2, timeoutMs: 2_000 })).received).toBe(2);
  expect((await stillAgent.status()).peers[0]?.endpoint).toBe('192.0.2.77:6081');
  for (const agent of [stillAgent, moverAgent]) {
    expect(await rekeyWithin(agent, FOUND_MS)).toBe(true);
  }
}

async function rekeyWithin(agent: Agent, patienceMs: number): Promise<boolean> {
  const endAtMs = performance.now() + patienceMs;
  for (;;) {
    const { peers } = await agent.admin.rekey([]);
    if (peers.every((peer) => peer.ok)) return true;
    if (performance.now() > endAtMs) return false;
    await sleep(200);
  }
}

describeHosts('a host whose underlay address changes', () => {
  const cases: { moves: KeyOrder; towards: 'mover' | 'still'; transport: Transport }[] = [
    { moves: 'lower', towards: 'still', transport: 'quic' },
    { moves: 'higher', towards: 'still', transport: 'quic' },
    { moves: 'lower', towards: 'mover', transport: 'quic' },
    { moves: 'higher', towards: 'mover', transport: 'quic' },
    { moves: 'higher', towards: 'mover', transport: 'webtransport' },
  ];

  test.concurrent('is found within 15 s, also by packets that only go towards it, and rekeys after', async () => {
    const measured = await Promise.all(
      cases.map(async ({ moves, towards, transport }) => {
        const pair = await startPair(moves, transport);
        const ms = await oneWayOutage(pair, towards);
        await expectWhole(pair);
        return { moves, towards, transport, ms };
      }),
    );
    for (const { ms } of measured) expect(ms).toBeLessThan(FOUND_MS);
    // Sooner than the control connection, which counts as dead after 7 s, could tell.
    expect(Math.max(...measured.map(({ ms }) => ms))).toBeLessThan(5_000);
  }, 90_000);

  test.concurrent('is found within 15 s of its restart when it was killed, its endpoint in the other config stale', async () => {
    const measured = await Promise.all(
      (['lower', 'higher'] as const).map(async (moves) => {
        const pair = await startPair(moves);
        await pair.moverAgent.stop('SIGKILL');
        move(pair.mover);
        const startedAtMs = performance.now();
        pair.moverAgent.start();
        await untilPing(pair.still, overlay4(1), 2 * FOUND_MS);
        const ms = Math.round(performance.now() - startedAtMs);
        await expectWhole(pair);
        return { moves, ms };
      }),
    );
    for (const { ms } of measured) expect(ms).toBeLessThan(FOUND_MS);
  }, 90_000);
});
