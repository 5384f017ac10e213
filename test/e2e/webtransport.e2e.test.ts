/** The other control transport: as fast to come up and as lossless as the first, and told apart. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { FirstPing } from '../support/first-ping.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import type { Namespace } from '../support/netns.ts';
import { Pair } from '../support/pair.ts';
import { ping } from '../support/traffic.ts';

const HTTP3 = fileURLToPath(
  new URL('../../node_modules/@fails-components/webtransport-transport-http3-quiche', import.meta.url),
);
const CARRIER = existsSync(HTTP3) ? 'HTTP/3 over QUIC' : 'HTTP/2 over TCP';
const FIRST_PING_MS = 3_000;
const REKEYS = 30;

describeHosts(`control_transport = "webtransport" (${CARRIER})`, () => {
  const directory = new AgentDirectory();
  let pair: Pair;

  beforeAll(() => {
    pair = new Pair(directory, { interface: { control_transport: 'webtransport' } });
  });
  afterAll(() => {
    pair.close();
    directory.remove();
  });

  test('the first ping of either family comes within 3 s of the second `icx up`', async () => {
    const [first, second] = pair.agents;
    const [a, b] = pair.hosts;
    first.start();
    await first.waitReady();
    const pings = await Promise.all([overlay4(1), overlay6(1)].map((address) => FirstPing.start(a, address)));
    const startedAtMs = Date.now();
    second.start();
    for (const ping of pings) expect((await ping.answeredAt()) - startedAtMs).toBeLessThan(FIRST_PING_MS);
    for (const address of [overlay4(0), overlay6(0)]) {
      expect((await ping(b, address, { count: 3 })).received).toBe(3);
    }
  });

  test('status and log say what carries it, and it is so', async () => {
    for (const agent of pair.agents) {
      const { interface: own } = await agent.status();
      expect(own.control).toEqual({ transport: 'webtransport', carrier: CARRIER });
      expect((await agent.cli('status', agent.name)).stdout).toContain(`control: webtransport (${CARRIER})`);
      expect(agent.log).toContain(`"carrier":"${CARRIER}"`);
    }
    const established = await establishedTcp(pair.hosts[0]);
    expect(established > 0).toBe(CARRIER === 'HTTP/2 over TCP');
  });

  test(`${REKEYS} \`icx rekey\` from alternating sides lose no packet of 40 Mbit/s each way`, async () => {
    const spis = new Set<string>();
    const results = await pair.underLoad(async () => {
      for (let round = 0; round < REKEYS; round++) {
        const { code, stdout, stderr } = await pair.agents[round % 2 === 0 ? 0 : 1].cli('rekey');
        expect({ round, code, stderr }).toEqual({ round, code: 0, stderr: '' });
        expect(stdout).toMatch(/^ {2}packets lost: 0 of [1-9]\d*$/m);
        const [, spi = ''] = /^ {2}tx: [0-9a-f ]+ → ([0-9a-f ]+)$/m.exec(stdout) ?? [];
        spis.add(`${round % 2} ${spi}`);
      }
    });
    for (const result of results) {
      expect(result).toMatchObject({ lostInTunnel: 0, duplicates: 0 });
      expect(result.sent).toBeGreaterThan(10_000);
    }
    expect(spis.size).toBe(REKEYS);
  }, 90_000);
});

/** TCP connections with the control port at either end. @see proc_net_tcp(5) */
async function establishedTcp(host: Namespace): Promise<number> {
  const { stdout } = await host.exec(['cat', '/proc/net/tcp']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const port = (6082).toString(16).toUpperCase().padStart(4, '0');
  return rows.filter(([, own = '', peer = '', state]) => {
    return state === '01' && (own.endsWith(`:${port}`) || peer.endsWith(`:${port}`));
  }).length;
}
