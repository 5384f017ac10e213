/** Agents with nothing to carry cost next to nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { cpuTimeMs } from '../support/cpu-time.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { Pair } from '../support/pair.ts';

/** The compiler is at work for a while after the start. */
const SETTLE_MS = 3_000;
const WINDOW_MS = 10_000;
/** The promise is 0.5 %; a busy machine and a short window take the rest. */
const MAX_SHARE = 0.02;

describeHosts('agents at rest', () => {
  const directory = new AgentDirectory();
  const pair = new Pair(directory, { interface: { queues: 2 } });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  test('use less than 2 % of a core', async () => {
    await pair.up();
    await sleep(SETTLE_MS);
    const used = () => pair.agents.map(({ pid = 0 }) => cpuTimeMs(pid));
    const before = used();
    const startedAtMs = performance.now();
    await sleep(WINDOW_MS);
    const windowMs = performance.now() - startedAtMs;
    const shares = used().map((ms, index) => (ms - (before[index] ?? 0)) / windowMs);
    expect(Math.max(...shares)).toBeLessThan(MAX_SHARE);
    // Else the wrong processes were looked at.
    expect(Math.min(...before)).toBeGreaterThan(100);
  });
});
