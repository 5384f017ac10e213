/** Containers on two hosts reach each other through the overlay, the outside, and are reached from there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { type CniHosts, OUTSIDE, OUTSIDE6, startCniHosts, UNDERLAY6 } from '../support/cni-hosts.ts';
import { containerTraces, TestContainer } from '../support/container.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { Lab } from '../support/netns.ts';
import { missingTools, testUnless } from '../support/tools.ts';
import { copyTcp, ping, untilPing } from '../support/traffic.ts';

const COPIED = 2_000_000;
const MAPPED = { hostPort: 8_080, containerPort: 7_300, protocol: 'tcp' };
/** Tells whoever connects what address it sees them with. */
const SERVER = `require('net').createServer((s) => s.end(s.remoteAddress)).listen(${MAPPED.containerPort}, '::')`;

for (const mode of ['l3', 'l2'] as const) {
  describeHosts(
    `Containers on two hosts of an ${mode} network`,
    () => {
      const lab = new Lab();
      const directory = new AgentDirectory();
      let hosts: CniHosts;
      let a: TestContainer;
      let sibling: TestContainer;
      let b: TestContainer;
      let before: string[];

      beforeAll(async () => {
        hosts = await startCniHosts(lab, directory, mode);
        // The first one switches forwarding on, which stays and gives interfaces more addresses.
        const first = new TestContainer(lab, 'c0');
        for (const network of hosts.networks) {
          await first.add(network);
          await first.del(network);
        }
        before = await Promise.all(hosts.agents.map(containerTraces));
        [a, sibling, b] = [
          new TestContainer(lab, 'c1'),
          new TestContainer(lab, 'c2'),
          new TestContainer(lab, 'c3'),
        ];
        await a.add(hosts.networks[0], { runtimeConfig: { portMappings: [MAPPED] } });
        await Promise.all([sibling.add(hosts.networks[0]), b.add(hosts.networks[1])]);
        a.space.spawn([process.execPath, '-e', SERVER], { stdio: 'ignore' });
      });
      afterAll(() => {
        lab.close();
        directory.remove();
      });

      test('have what the result of ADD says', async () => {
        const [host, inner] = a.result?.interfaces ?? [];
        expect(inner).toMatchObject({ name: 'eth0', sandbox: a.netns });
        const link = a.space.ip('-o link show eth0');
        expect(link).toContain(inner?.mac);
        expect(hosts.agents[0].host.ip(`-o link show ${host?.name}`)).toContain(host?.mac);
        for (const { address } of a.result?.ips ?? [])
          expect(a.space.ip('address show eth0')).toContain(address);
        const { mtu } = (await hosts.agents[0].status()).interface;
        expect(link).toContain(`mtu ${mtu} `);
        await a.check(hosts.networks[0], { runtimeConfig: { portMappings: [MAPPED] } });
      });

      test.each([4, 6] as const)('reach each other over IPv%i, on one host and on two', async (family) => {
        const settings = { count: 5, timeoutMs: 4_000 };
        expect((await ping(a.space, sibling.ip(family), settings)).received).toBe(5);
        expect((await ping(a.space, b.ip(family), settings)).received).toBe(5);
        expect((await ping(b.space, a.ip(family), settings)).received).toBe(5);
        const copied = await copyTcp(a.space, b.space, b.ip(family), COPIED);
        expect(copied).toMatchObject({ bytes: COPIED, intact: true });
      });

      test('keep their addresses within the overlay', async () => {
        for (const family of [4, 6] as const) {
          const seen = await knock(b.space, a.ip(family), MAPPED.containerPort);
          expect(seen.replace('::ffff:', '')).toBe(b.ip(family));
        }
      });

      test.each([
        [4, OUTSIDE],
        [6, OUTSIDE6],
      ] as const)('reach the outside over IPv%i with the address of their host', async (_, address) => {
        const { received } = await ping(a.space, address, { count: 3, timeoutMs: 3_000 });
        expect(received).toBe(3);
      });

      test.each([
        ['192.0.2.1', 'IPv4'],
        [UNDERLAY6[0], 'IPv6'],
      ])(
        'a published port is reached at %s from outside, from the host and by the container itself',
        async (address) => {
          const { outside, agents } = hosts;
          for (const client of [outside, agents[1].host, agents[0].host, a.space, sibling.space]) {
            expect(await knock(client, address, MAPPED.hostPort)).not.toBe('');
          }
        },
      );

      test('have no other addresses than their own towards the host', async () => {
        const listen = `const d = require('dgram').createSocket('udp4').on('message', (m) => console.log(String(m)));
          d.bind(7400, () => console.log('on')); setTimeout(() => process.exit(), 4000);`;
        const heard = hosts.outside.exec([process.execPath, '-e', listen]);
        a.space.ip('address add 10.66.66.66/32 dev eth0');
        const send = `const dgram = require('dgram'); for (const from of ['${a.ip(4)}', '10.66.66.66']) {
          const d = dgram.createSocket('udp4'); d.bind(0, from, () => setInterval(() => d.send(from, 7400, '${OUTSIDE}'), 100)); }
          setTimeout(() => process.exit(), 2500);`;
        await a.space.exec([process.execPath, '-e', send]);
        a.space.ip('address del 10.66.66.66/32 dev eth0');
        const lines = new Set((await heard).stdout.trim().split('\n'));
        expect(lines).toContain(a.ip(4));
        if (mode === 'l3') expect(lines).not.toContain('10.66.66.66');
        const { host } = hosts.agents[0];
        const device = a.result?.interfaces[0]?.name;
        const { stdout } = await host.exec(['cat', `/proc/sys/net/ipv4/conf/${device}/rp_filter`]);
        expect(stdout.trim()).toBe('1');
      });

      test('the status and the metrics count them', async () => {
        const [network] = (await hosts.agents[0].status()).networks ?? [];
        expect(network?.attachments).toBe(2);
        expect(hosts.agents[0].log).toContain('switched net.ipv4.ip_forward on');
        const { stdout } = await hosts.agents[0].host.exec([
          process.execPath,
          '-e',
          'fetch("http://127.0.0.1:6083/metrics").then((r) => r.text()).then(console.log)',
        ]);
        expect(stdout).toMatch(/^icx_attachments\{[^}]*\} 2$/m);
        expect(stdout).toMatch(
          /^icx_attachment_duration_seconds_count\{[^}]*operation="attach"[^}]*result="ok"[^}]*\} 3$/m,
        );
      });

      testUnless(
        mode === 'l2' ? null : 'a segment has gateways',
        'a gateway that another host has stays there',
        async () => {
          const { host } = hosts.agents[1];
          const [shared, ...more] = [new TestContainer(lab, 'c4'), new TestContainer(lab, 'c5')];
          const ipam = (address: string, gateway: string) => ({
            ipam: {
              subnet: '10.88.0.0/16',
              rangeStart: address,
              rangeEnd: address,
              gateway,
              dataDir: directory.path,
            },
          });
          await shared?.add(hosts.networks[1], ipam('10.88.3.1', '10.88.0.1'));
          expect(host.ip('address show n2')).not.toContain('10.88.0.1/');
          if (shared !== undefined) await untilPing(shared.space, '10.88.0.1', 5_000);
          // Nobody has this one.
          await more[0]?.add(hosts.networks[1], ipam('10.88.3.2', '10.88.0.77'));
          expect(host.ip('address show n2')).toContain('10.88.0.77/16');
          await Promise.all([shared, ...more].map((container) => container?.del(hosts.networks[1])));
          expect(host.ip('address show n2')).not.toContain('10.88.0.77/16');
          expect(host.ip('address show n2')).toContain('10.88.0.2/16');
        },
      );

      test('leave nothing on their hosts when they go', async () => {
        await a.del(hosts.networks[0]);
        await Promise.all([sibling.del(hosts.networks[0]), b.del(hosts.networks[1])]);
        await a.del(hosts.networks[0]);
        expect(await Promise.all(hosts.agents.map(containerTraces))).toEqual(before);
        expect(a.space.ip('-o link show')).not.toContain('eth0');
      });
    },
    missingTools(['nft']),
  );
}

/** Tries until somebody listens. */
async function knock(client: TestContainer['space'], address: string, port: number): Promise<string> {
  const script = `const net = require('net'); const end = Date.now() + 6000; let text = '';
    const go = () => net.connect(${port}, '${address}')
      .on('data', (d) => { text += d; }).on('error', () => Date.now() < end && setTimeout(go, 50))
      .on('close', (failed) => { if (!failed) { console.log(text); process.exit(); } });
    go(); setTimeout(() => process.exit(), 7000);`;
  return (await client.exec([process.execPath, '-e', script])).stdout.trim();
}
