/** Keys are replaced under load without losing a packet: by operators, and by the timer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Status } from '../../cli/status-schema.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { Pair, type TunnelLoss } from '../support/pair.ts';

const SPI_LINE = /^ {2}(rx|tx): ([0-9a-f]{8}) → ([0-9a-f]{8})$/gm;

/** Old and new SPIs as `icx rekey` printed them. */
interface Printed {
  readonly old: { readonly rx: string; readonly tx: string };
  readonly new: { readonly rx: string; readonly tx: string };
}

function parseRekey(stdout: string): Printed {
  const lines = [...stdout.matchAll(SPI_LINE)];
  const column = (index: number) => {
    const of = (way: string) => lines.find((line) => line[1] === way)?.[index] ?? 'missing';
    return { rx: of('rx'), tx: of('tx') };
  };
  return { old: column(2), new: column(3) };
}

/** 40 Mbit/s are 4,166 datagrams of 1,200 bytes a second; a loaded machine may manage less. */
function expectNothingLost(results: readonly TunnelLoss[], seconds: number): void {
  for (const result of results) {
    expect(result).toMatchObject({ lostInTunnel: 0, duplicates: 0 });
    expect(result.sent).toBeGreaterThan(2_000 * seconds);
  }
}

/** Drops that a rekey could cause. Control packets that try the overlay are refused at all times. */
function expectNoDrops({ drops }: Status): void {
  const { control_loop: _, ...tx } = drops.tx;
  const counted = Object.entries({ ...drops.rx, ...tx }).filter(([, packets]) => packets > 0);
  expect(counted).toEqual([]);
}

/** Each rekey replaces what the one before installed, seen from the other side the other way round. */
function expectChain(printed: readonly Printed[]): void {
  const used = new Set<string>();
  for (const [index, rekey] of printed.entries()) {
    expect(new Set([...Object.values(rekey.old), ...Object.values(rekey.new)])).toHaveProperty('size', 4);
    const before = printed[index - 1];
    if (before !== undefined) expect(rekey.old).toEqual({ rx: before.new.tx, tx: before.new.rx });
    for (const spi of Object.values(rekey.new)) {
      expect(used).not.toContain(spi);
      used.add(spi);
    }
  }
}

describeHosts('icx rekey', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  beforeAll(async () => {
    pair = new Pair(directory);
    await pair.up();
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  test('30 times from alternating sides loses no packet of 40 Mbit/s each way', async () => {
    const printed: Printed[] = [];
    const startedAtMs = performance.now();
    const results = await pair.underLoad(async () => {
      for (let round = 0; round < 30; round++) {
        const agent: Agent = pair.agents[round % 2] ?? pair.agents[0];
        const { code, stdout, stderr } = await agent.cli('rekey', agent.name);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout).toMatch(/^ {2}packets lost: 0 of [1-9]\d*$/m);
        printed.push(parseRekey(stdout));
      }
    });
    expectNothingLost(results, (performance.now() - startedAtMs) / 1_000);
    expectChain(printed);
    for (const agent of pair.agents) expectNoDrops(await agent.status());
  }, 90_000);

  test('names what it cannot do, and exits 1', async () => {
    const [agent, other] = pair.agents;
    const unknown = await agent.cli('rekey', agent.name, 'nobody');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^icx: no peer nobody; peers here: t2\n$/);
    await other.stop();
    await agent.until('misses its peer', 5_000, ({ peers }) => peers[0]?.state !== 'up');
    const gone = await agent.cli('rekey', agent.name);
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toMatch(/^icx: cannot rekey t2: .*no control connection.*\n$/);
  });
});

describeHosts('the rekey timer', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  beforeAll(async () => {
    pair = new Pair(directory, { interface: { rekey_interval: '2s', queues: 2 } });
    await pair.up();
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  test('every 2 s, on two lanes, loses no packet of 40 Mbit/s each way', async () => {
    const generations = new Set<string>();
    const results = await pair.underLoad(async () => {
      for (let look = 0; look < 18; look++) {
        const { peers } = await pair.agents[0].status();
        expect(peers[0]?.state).toBe('up');
        generations.add(peers[0]?.handshake?.at ?? 'none');
        await sleep(500);
      }
    });
    expectNothingLost(results, 9);
    expect(generations.size).toBeGreaterThanOrEqual(4);
    for (const agent of pair.agents) expectNoDrops(await agent.status());
  }, 60_000);
});
