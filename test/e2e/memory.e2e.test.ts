/** What an agent takes of the host's memory at most: with one queue, one peer and traffic. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4 } from '../support/mesh.ts';
import { Pair } from '../support/pair.ts';
import { copyTcp } from '../support/traffic.ts';

/** The promise; 120 to 123 are measured. */
const MAX_RSS_MB = 150;
const COPY_BYTES = 400e6;

/** Largest resident size so far, in MB of 10^6 bytes. @see proc_pid_status(5) */
function peakRssMb({ pid }: Agent): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024) / 1e6;
}

describeHosts('the memory of an agent', () => {
  const directory = new AgentDirectory();
  let pair: Pair;
  beforeAll(async () => {
    pair = new Pair(directory, { interface: { queues: 1 }, metrics: { listen: '127.0.0.1:6083' } });
    // As developers have it set: the QUIC library must not resolve backtraces then.
    for (const agent of pair.agents) agent.start({ RUST_BACKTRACE: '1' });
    await Promise.all(pair.agents.map((agent) => agent.waitPeers()));
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  test(`stays below ${MAX_RSS_MB} MB while it moves 400 MB each way and rekeys`, async () => {
    const [a, b] = pair.hosts;
    expect(await copyTcp(a, b, overlay4(1), COPY_BYTES)).toMatchObject({ intact: true });
    for (const agent of pair.agents) expect(await agent.cli('rekey', agent.name)).toMatchObject({ code: 0 });
    expect(await copyTcp(b, a, overlay4(0), COPY_BYTES)).toMatchObject({ intact: true });
    const peaks = pair.agents.map(peakRssMb);
    // Less would be another process than the agent.
    for (const peak of peaks) expect(peak).toBeGreaterThan(40);
    expect(Math.max(...peaks), `peaks ${peaks.join(', ')}`).toBeLessThan(MAX_RSS_MB);
  }, 60_000);
});
