/** Ends of an agent, wished for and not: what is left, and how soon it works again. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Agent, AgentDirectory, type Exited } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { hostState, isRunning } from '../support/host-state.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Pair } from '../support/pair.ts';
import { untilPing } from '../support/traffic.ts';

/** Everything behind the other: makes policy rules and a table of their own, besides routes. */
const ALL = { peer: { allowed_ips: ['0.0.0.0/0', '::/0'] } };

function socketOf(agent: Agent): string {
  return join(dirname(agent.configFile), `${agent.name}.sock`);
}

/** Milliseconds until both families work both ways. */
async function untilTraffic({ hosts: [a, b] }: Pair, timeoutMs: number): Promise<number> {
  const startedAtMs = performance.now();
  for (const [host, other] of [
    [a, 1],
    [b, 0],
  ] as const) {
    for (const address of [overlay4(other), overlay6(other)]) await untilPing(host, address, timeoutMs);
  }
  return performance.now() - startedAtMs;
}

function expectOrderly(exited: Exited): void {
  expect(exited).toMatchObject({ code: 0, signal: null });
  expect(exited.ms).toBeLessThan(2_000);
}

/** The lower public key dials. */
function diallerOf({ agents: [a, b] }: Pair): Agent {
  const key = (agent: Agent) => Buffer.from(agent.keys.publicKey, 'base64');
  return Buffer.compare(key(a), key(b)) < 0 ? a : b;
}

function otherThan({ agents: [a, b] }: Pair, agent: Agent): Agent {
  return agent === a ? b : a;
}

async function untilNoProcess(agent: Agent, timeoutMs: number): Promise<void> {
  const endAtMs = performance.now() + timeoutMs;
  while (agent.host.pids().length > 0) {
    if (performance.now() > endAtMs) throw new Error(`processes are left: ${agent.host.pids()}`);
    await sleep(20);
  }
}

describeHosts('after kill -9', () => {
  const directories = [new AgentDirectory(), new AgentDirectory()];
  const pairs: Pair[] = [];
  const states = new Map<Agent, string>();
  beforeAll(async () => {
    for (const directory of directories) pairs.push(new Pair(directory, ALL));
    for (const { agents } of pairs)
      for (const agent of agents) states.set(agent, await hostState(agent.host));
    await Promise.all(pairs.map((pair) => pair.up()));
    await Promise.all(pairs.map((pair) => untilTraffic(pair, 5_000)));
  });
  afterAll(() => {
    for (const pair of pairs) pair.close();
    for (const directory of directories) directory.remove();
  });

  test('no interface and no process is left, and traffic is back within 15 s of the restart', async () => {
    // Where the one that dials dies, it restarts at once; where the other one does, the survivor
    // has noticed by then that its peer is dead.
    const times = await Promise.all(
      pairs.map((pair, index) => killAndRestart(pair, index * 8_000, index === 0)),
    );
    process.stderr.write(`traffic after kill -9 and restart: ${times.map(Math.round).join(', ')} ms\n`);
    for (const ms of times) expect(ms).toBeLessThan(15_000);
    for (const pair of pairs) {
      const ends = await Promise.all(pair.agents.map((agent) => agent.stop()));
      for (const exited of ends) expectOrderly(exited);
      for (const agent of pair.agents) {
        expect(await hostState(agent.host)).toBe(states.get(agent));
        expect(existsSync(socketOf(agent))).toBe(false);
      }
    }
  }, 90_000);

  async function killAndRestart(pair: Pair, pauseMs: number, dialler: boolean): Promise<number> {
    const victim = dialler ? diallerOf(pair) : otherThan(pair, diallerOf(pair));
    expect((await victim.stop('SIGKILL')).signal).toBe('SIGKILL');
    await untilNoProcess(victim, 2_000);
    expect(victim.host.ip('-o link show')).not.toContain(victim.name);
    expect(victim.host.ip('-4 route show table all')).not.toContain(victim.name);
    expect(existsSync(socketOf(victim))).toBe(true);
    const orphaned = await victim.cli('status', victim.name);
    expect(orphaned).toMatchObject({
      code: 1,
      stderr: `icx: ${victim.name} is not running; start it with icx up ${victim.name}\n`,
    });
    await sleep(pauseMs);
    victim.start();
    return await untilTraffic(pair, 15_000);
  }
});

describeHosts('an orderly end', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  let states: string[];
  beforeAll(async () => {
    pair = new Pair(directory, ALL);
    states = await Promise.all(pair.hosts.map(hostState));
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });
  beforeEach(async () => {
    await pair.up();
    await untilTraffic(pair, 10_000);
  });

  async function expectNothingLeft(): Promise<void> {
    for (const [index, agent] of pair.agents.entries()) {
      expect(await hostState(agent.host)).toBe(states[index]);
      expect(existsSync(socketOf(agent))).toBe(false);
    }
  }

  test('by SIGTERM and SIGINT exits 0 within 2 s and leaves nothing', async () => {
    const [a, b] = pair.agents;
    for (const exited of await Promise.all([a.stop('SIGTERM'), b.stop('SIGINT')])) expectOrderly(exited);
    await expectNothingLeft();
  }, 60_000);

  test('by `icx down`, which returns when the agent is gone, and by impatient signals', async () => {
    const [a, b] = pair.agents;
    const { pid } = a;
    const signalled = b.stop('SIGINT');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      await sleep(20);
      if (b.pid !== undefined) kill(b.pid, signal);
    }
    const startedAtMs = performance.now();
    expect(await a.cli('down', a.name)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(pid === undefined || isRunning(pid)).toBe(false);
    // Starting the command is part of it.
    expect(performance.now() - startedAtMs).toBeLessThan(4_000);
    expectOrderly(await signalled);
    await expectNothingLeft();
    expect(await a.cli('down', a.name)).toMatchObject({ code: 1, stdout: '' });
  }, 60_000);
});

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

describeHosts('a start that is interrupted', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  beforeAll(() => {
    pair = new Pair(directory, { interface: { pre_up: ['sleep 30'] } });
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  describe.each(['SIGTERM', 'SIGINT'] as const)('by %s', (signal) => {
    test('ends within 2 s, exits 0 and leaves nothing', async () => {
      const [agent] = pair.agents;
      const before = await hostState(agent.host);
      agent.start();
      while (agent.host.pids().length < 2) await sleep(20);
      // Not for a start to hear; it must not end it either.
      if (agent.pid !== undefined) process.kill(agent.pid, 'SIGHUP');
      await sleep(300);
      expectOrderly(await agent.stop(signal));
      expect(await hostState(agent.host)).toBe(before);
      expect(existsSync(socketOf(agent))).toBe(false);
    }, 30_000);
  });
});
