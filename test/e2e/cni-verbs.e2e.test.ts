/** What the plugin's verbs answer with a real agent: refusals, differences, garbage, and an agent that is away. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { type CniHosts, startCniHosts } from '../support/cni-hosts.ts';
import { CniFailure, type CniNetwork, containerTraces, TestContainer } from '../support/container.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { filesIn } from '../support/host-state.ts';
import { Lab } from '../support/netns.ts';
import { missingTools, testUnless } from '../support/tools.ts';
import { ping, untilPing } from '../support/traffic.ts';

/** Of two containers each; ICX_TEST_CONTAINERS asks for more, say 1,000. */
const ROUNDS = Math.ceil(Number(process.env.ICX_TEST_CONTAINERS ?? 20) / 2);

const WEB = { hostPort: 8_080, containerPort: 80, protocol: 'tcp' };
const PUBLISHED = { runtimeConfig: { portMappings: [WEB] } };
const GC_KEY = 'cni.dev/valid-attachments';

for (const mode of ['l3', 'l2'] as const) {
  describeHosts(
    `The plugin at an agent with an ${mode} network`,
    () => {
      const lab = new Lab();
      const directory = new AgentDirectory();
      let hosts: CniHosts;
      let network: CniNetwork;
      let before: string;
      let c1: TestContainer;
      let c2: TestContainer;

      beforeAll(async () => {
        hosts = await startCniHosts(lab, directory, mode);
        [network] = hosts.networks;
        [c1, c2] = [new TestContainer(lab, 'c1'), new TestContainer(lab, 'c2')];
        await c1.add(network);
        await c1.del(network);
        before = await containerTraces(network.agent);
      });
      afterEach(async () => {
        await network.call('GC', null, { [GC_KEY]: [] });
        expect(await containerTraces(network.agent)).toBe(before);
        expect(records()).toEqual([]);
        expect(
          filesIn(join(directory.path, 'leases-1', network.name)).filter((name) => !name.startsWith('.')),
        ).toEqual([]);
      });
      afterAll(() => {
        lab.close();
        directory.remove();
      });

      const records = () =>
        filesIn(join(dirname(network.agent.configFile), `${network.agent.name}.attachments`));

      test('STATUS says whether a container could be added', async () => {
        expect(await network.call('STATUS', null)).toBeNull();
        expect(await failure(network.call('STATUS', null, { network: 'nowhere' }))).toMatchObject({
          code: 50,
        });
        expect(await failure(network.call('STATUS', null, { agent: 'other' }))).toMatchObject({ code: 50 });
      });

      test('ADD refuses a second time, a namespace that is none, and a network that is none', async () => {
        await c1.add(network);
        expect(
          await failure(c1.add(network, { ipam: {}, args: { cni: { ips: ['10.99.0.2/24'] } } })),
        ).toMatchObject({ code: 103 });
        expect(
          (await failure(network.call('ADD', { ...away(c2), netns: '/run/netns/icxt-none' }))).code,
        ).toBe(3);
        expect((await failure(network.call('ADD', { ...away(c2), netns: '/etc/passwd' }))).code).toBe(3);
        expect((await failure(c2.add(network, { network: 'nowhere' }))).code).toBe(7);
        expect(records()).toHaveLength(1);
      });

      test('ADD refuses an interface name that the container has, and leaves nothing', async () => {
        c2.space.ip('link add eth0 type veth peer name other');
        try {
          expect((await failure(c2.add(network))).code).toBe(103);
          expect(records()).toEqual([]);
        } finally {
          c2.space.ip('link del eth0');
        }
      });

      test('ADD refuses an address that another container has, that the host has, and that a peer has', async () => {
        const [a4] = (await c1.add(network)).ips.map(({ address }) => address);
        const asking = (address: string) =>
          failure(c2.add(network, { ipam: {}, args: { cni: { ips: [address] } }, ipMasq: false }));
        expect(await asking(a4 ?? '')).toMatchObject({ code: 101, message: expect.stringContaining(c1.id) });
        const own = mode === 'l3' ? '10.77.1.254/24' : '10.88.0.1/16';
        expect(await asking(own)).toMatchObject({ code: 101, message: expect.stringContaining('n1') });
      });

      test('ADD refuses a port that another container publishes, or that a process has', async () => {
        await c1.add(network, PUBLISHED);
        expect(await failure(c2.add(network, PUBLISHED))).toMatchObject({
          code: 102,
          message: expect.stringContaining(c1.id),
        });
        const port = { ...WEB, hostPort: 8_081 };
        const script = `require('net').createServer().listen(${port.hostPort}, () => console.log('on'))`;
        const holder = network.agent.host.spawn([process.execPath, '-e', script]);
        await new Promise((resolve) => holder.stdout?.once('data', resolve));
        try {
          expect(await failure(c2.add(network, { runtimeConfig: { portMappings: [port] } }))).toMatchObject({
            code: 102,
            message: expect.stringContaining(`pid ${holder.pid}`),
          });
        } finally {
          holder.kill('SIGKILL');
        }
      });

      test('CHECK tells an address, a route, a rule and an interface that are gone', async () => {
        await c1.add(network, PUBLISHED);
        await c1.check(network, PUBLISHED);
        const { host } = network.agent;
        await host.exec(['nft', 'flush', 'chain', 'inet', 'icx_n1', 'ports']);
        expect(await difference(c1)).toContain('of chain ports is missing or changed');
        await network.call('GC', null, { [GC_KEY]: [{ containerID: c1.id, ifname: 'eth0' }] });
        await c1.check(network, PUBLISHED);
        c1.space.ip('route del default');
        expect(await difference(c1)).toContain('no route to 0.0.0.0/0');
        c1.space.ip(`address flush dev eth0 scope global`);
        expect(await difference(c1)).toContain(`lacks the address ${c1.ip(4)}`);
        c1.space.ip('link del eth0');
        expect(await difference(c1)).toContain('is not there');
      });

      const difference = async (container: TestContainer) => {
        const { code, details } = await failure(container.check(network, PUBLISHED));
        expect(code).toBe(104);
        return details;
      };

      test('DEL needs no namespace, and a container that has none any more is no error', async () => {
        await c1.add(network);
        await network.call('DEL', away(c1));
        expect(c1.space.ip('-o link show')).not.toContain('eth0');
        await network.call('DEL', away(c1));
        const short = new TestContainer(lab, 'short');
        await short.add(network, PUBLISHED);
        for (const space of lab.hosts.filter(({ label }) => label === 'short')) {
          await network.agent.host.exec(['ip', 'netns', 'del', space.name]);
        }
        await network.call('DEL', short);
        expect(records()).toEqual([]);
      });

      test('GC keeps what is valid', async () => {
        await Promise.all([c1.add(network, PUBLISHED), c2.add(network)]);
        await network.call('GC', null, { [GC_KEY]: [{ containerID: c1.id, ifname: 'eth0' }] });
        await c1.check(network, PUBLISHED);
        expect((await failure(c2.check(network))).code).toBe(104);
        expect(records()).toHaveLength(1);
      });

      test('an MTU that is asked for holds, up to that of the network', async () => {
        const { mtu } = (await network.agent.status()).interface;
        await Promise.all([c1.add(network, { mtu: 1_300 }), c2.add(network, { mtu: 9_000 })]);
        expect(c1.space.ip('-o link show eth0')).toContain('mtu 1300 ');
        expect(c2.space.ip('-o link show eth0')).toContain(`mtu ${mtu} `);
        await c1.del(network);
        expect(await failure(c1.add(network, { mtu: 1_000 }))).toMatchObject({
          code: 7,
          details: 'it needs 1280',
        });
        const args = { cni: { ips: [mode === 'l3' ? '10.77.1.7/24' : '10.88.0.7/16'] } };
        await c1.add(network, { mtu: 1_000, ipam: {}, args });
        expect(c1.space.ip('-o link show eth0')).toContain('mtu 1000 ');
      });

      testUnless(
        mode === 'l3' ? null : 'its peers have no prefixes',
        'what a reload gives to a peer is not masqueraded',
        async () => {
          const { agent } = network;
          const text = readFileSync(agent.configFile, 'utf8');
          const overlay = async () =>
            (await agent.host.exec(['nft', 'list', 'set', 'inet', 'icx_n1', 'overlay4'])).stdout;
          await c1.add(network);
          try {
            expect(await overlay()).not.toContain('203.0.113.0/24');
            writeFileSync(
              agent.configFile,
              text.replace('allowed_ips = [', 'allowed_ips = ["203.0.113.0/24",'),
            );
            expect((await agent.cli('reload', agent.name)).code).toBe(0);
            expect(await overlay()).toContain('203.0.113.0/24');
          } finally {
            writeFileSync(agent.configFile, text);
            await agent.cli('reload', agent.name);
          }
        },
      );

      test(
        `${2 * ROUNDS} containers that come and go leave nothing`,
        async () => {
          for (let round = 0; round < ROUNDS; round++) {
            await Promise.all([c1, c2].map((container) => container.add(network)));
            await Promise.all([c1, c2].map((container) => container.del(network)));
          }
          expect(records()).toEqual([]);
        },
        10_000 + ROUNDS * 2_000,
      );

      test.each(['SIGKILL', 'SIGTERM'] as const)('containers outlive their agent: %s', async (signal) => {
        const { agent } = network;
        const far = new TestContainer(lab, `far${signal.length}${mode}${signal.at(-1)}`);
        await Promise.all([c1.add(network, PUBLISHED), c2.add(network), far.add(hosts.networks[1])]);
        await agent.stop(signal);
        expect((await failure(network.call('STATUS', null))).code).toBe(50);
        // Meanwhile one of them goes.
        await network.call('DEL', c2);
        c2.space.ip('link del eth0');
        agent.start();
        await agent.waitPeers();
        for (const family of [4, 6] as const) {
          await untilPing(c1.space, far.ip(family), 15_000);
          expect((await ping(far.space, c1.ip(family), { count: 3, timeoutMs: 3_000 })).received).toBe(3);
        }
        await c1.check(network, PUBLISHED);
        expect(records()).toHaveLength(1);
        await far.del(hosts.networks[1]);
      });
    },
    missingTools(['nft']),
  );
}

function away({ id, ifname }: TestContainer) {
  return { id, ifname, netns: '' };
}

async function failure(promise: Promise<unknown>): Promise<CniFailure> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof CniFailure) return error;
  throw error ?? new Error('it was no failure');
}
