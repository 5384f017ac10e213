/** An interface that somebody else removes: the agent ends, says so, and leaves nothing. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { hostState } from '../support/host-state.ts';
import { overlay4 } from '../support/mesh.ts';
import { Pair } from '../support/pair.ts';
import { untilPing } from '../support/traffic.ts';

/** Everything behind the other: makes policy rules and a table of their own, besides routes. */
const ALL = { interface: { queues: 2 }, peer: { allowed_ips: ['0.0.0.0/0', '::/0'] } };

describeHosts('ip link del, while an agent runs', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  let state: string;

  beforeAll(async () => {
    pair = new Pair(directory, ALL);
    state = await hostState(pair.hosts[0]);
    await pair.up();
  });
  afterAll(() => {
    pair?.close();
    directory.remove();
  });

  test('ends it with an error within 2 s, nothing left, and it starts again', async () => {
    const [agent] = pair.agents;
    const [host] = pair.hosts;
    host.ip(`link del ${agent.name}`);
    // The signal 0 is none: it ends by itself.
    const exited = await agent.stop(0 as unknown as NodeJS.Signals);
    expect(exited).toMatchObject({ code: 1, signal: null });
    expect(exited.ms).toBeLessThan(2_000);
    expect(agent.log).toMatch(/^icx: somebody removed the interface t1; start the agent again/m);
    expect(agent.log).not.toMatch(/internal error|at file:/);
    expect(await hostState(host)).toBe(state);
    expect(existsSync(join(dirname(agent.configFile), `${agent.name}.sock`))).toBe(false);
    await sleep(100);
    agent.start();
    await untilPing(host, overlay4(1), 15_000);
  });
});
