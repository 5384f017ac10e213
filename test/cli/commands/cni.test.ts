import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeAgent } from '../../cni/conformance/fake-agent.ts';
import { FakeCli } from '../fake-context.ts';

let cli: FakeCli;
let agent: FakeAgent | null = null;

beforeEach(() => {
  cli = new FakeCli();
});
afterEach(async () => {
  await agent?.close();
  agent = null;
  cli.remove();
});

describe('icx cni install', () => {
  const config = () => join(cli.dir, 'net.d/10-icx.conflist');
  const launcher = () => join(cli.dir, 'bin/icx-cni');
  const install = (...options: string[]) =>
    cli.run([
      'cni',
      'install',
      '--dir',
      join(cli.dir, 'net.d'),
      '--bin-dir',
      join(cli.dir, 'bin'),
      ...options,
    ]);

  test('writes a configuration that the options describe, and a launcher', async () => {
    const options = ['-i', 'icx0', '-n', 'pods', '--name', 'cluster', '--mtu', '1280', '--no-masquerade'];
    const subnets = ['10.1.0.0/24', 'fd01::/64', '10.1.1.0/24'].flatMap((subnet) => ['--subnet', subnet]);
    expect(await install(...options, ...subnets)).toEqual({
      exit: 0,
      stdout: `${config()}\n${launcher()}\n`,
      stderr: '',
    });
    expect(JSON.parse(readFileSync(config(), 'utf8'))).toEqual({
      cniVersion: '1.0.0',
      cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
      name: 'cluster',
      plugins: [
        {
          type: 'icx-cni',
          agent: 'icx0',
          network: 'pods',
          mtu: 1280,
          ipMasq: false,
          ipam: {
            ranges: [[{ subnet: '10.1.0.0/24' }, { subnet: '10.1.1.0/24' }], [{ subnet: 'fd01::/64' }]],
            routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
          },
          capabilities: { portMappings: true, ips: true, mac: true },
        },
      ],
    });
    const text = readFileSync(launcher(), 'utf8');
    expect(text).toContain(`exec '${process.execPath}' '`);
    expect(text).toMatch(/^#!\/bin\/sh\n(.*\n)+.*cni\/main\.js'\n$/);
    expect([statSync(config()).mode & 0o777, statSync(launcher()).mode & 0o777]).toEqual([0o644, 0o755]);
    expect([readdirSync(join(cli.dir, 'bin')), readdirSync(join(cli.dir, 'net.d'))]).toEqual([
      ['icx-cni'],
      ['10-icx.conflist'],
    ]);
  });

  test('without options makes an L2 network of it, and says so', async () => {
    expect(await install()).toMatchObject({ exit: 0, stderr: expect.stringContaining('no addresses') });
    const { name, plugins } = JSON.parse(readFileSync(config(), 'utf8'));
    expect(name).toBe('icx');
    expect(plugins[0]).toEqual({ type: 'icx-cni', ipMasq: true, capabilities: expect.any(Object) });
  });

  test('replaces what it wrote before', async () => {
    await install('--subnet', '10.1.0.0/24');
    expect(await install('--subnet', '10.2.0.0/24')).toMatchObject({ exit: 0 });
    expect(readFileSync(config(), 'utf8')).toContain('10.2.0.0/24');
  });

  test.each<[string, string]>([
    ['net.d/10-icx.conflist', '{"plugins": [{"type": "bridge"}]}'],
    ['net.d/10-icx.conflist', 'not JSON'],
    ['bin/icx-cni', '#!/bin/sh\n'],
  ])('does not touch another one’s %s', async (name, text) => {
    const path = join(cli.dir, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    const { exit, stderr } = await install('--subnet', '10.1.0.0/24');
    expect([exit, stderr]).toEqual([1, expect.stringContaining(`${path} was not written by icx`)]);
    expect(readFileSync(path, 'utf8')).toBe(text);
    const all = ['bin', 'net.d'].flatMap((dir) => {
      mkdirSync(join(cli.dir, dir), { recursive: true });
      return readdirSync(join(cli.dir, dir));
    });
    expect(all).toHaveLength(1);
  });

  test.each<[string, string[]]>([
    ['a subnet with host bits', ['--subnet', '10.1.0.1/24']],
    ['a subnet that is a name', ['--subnet', 'pods']],
    ['a subnet of one address', ['--subnet', '10.1.0.1/32']],
    ['subnets that overlap', ['--subnet', '10.1.0.0/24', '--subnet', '10.1.0.0/25']],
    ['a name that is a path', ['--name', '../x']],
    ['an agent that is a path', ['-i', '../x']],
    ['an MTU that is none', ['--mtu', 'auto']],
    ['an MTU that is too small', ['--mtu', '100']],
  ])('refuses %s before it writes', async (_, options) => {
    const { exit, stderr } = await install(...options);
    expect([exit, stderr]).toEqual([2, expect.stringMatching(/^icx: .*\n$/)]);
    expect(readdirSync(cli.dir)).toEqual([]);
  });

  test('tells why it can not write', async () => {
    writeFileSync(join(cli.dir, 'bin'), '');
    const { exit, stderr } = await install();
    expect([exit, stderr]).toEqual([1, expect.stringContaining('cannot write')]);
  });
});

describe('icx cni status', () => {
  const ATTACH = {
    confName: 'pods',
    containerId: 'c0ffee0123456789',
    ifname: 'eth0',
    netns: '/run/netns/a',
    ips: [{ address: '10.1.0.5/24' }, { address: 'fd01::5/64' }],
    routes: [],
    portMappings: [
      { hostPort: 80, containerPort: 8080, protocol: 'tcp' as const },
      { hostPort: 53, containerPort: 53, protocol: 'udp' as const, hostIP: '::' },
    ],
    masquerade: true,
  };
  const MAC = '02:00:00:00:00:01';
  const attached = {
    hostInterface: { name: 'icx-a', mac: MAC },
    containerInterface: { name: 'eth0', mac: MAC, mtu: 1372, sandbox: '/run/netns/a' },
    ips: ATTACH.ips,
    routes: [],
  };

  beforeEach(async () => {
    agent = await FakeAgent.listen(join(cli.runDir, 'icx0.sock'));
  });

  test('lists containers', async () => {
    agent?.attachments.set('a', { ...ATTACH, attached });
    expect(await cli.run(['cni', 'status', 'icx0'])).toEqual({
      exit: 0,
      stderr: '',
      stdout: `ready for containers
container     interface  network  host interface  addresses               ports
c0ffee012345  eth0       pods     icx-a           10.1.0.5/24 fd01::5/64  80→8080/tcp [::]:53→53/udp
`,
    });
    const { stdout } = await cli.run(['cni', 'status', '-i', 'icx0', '-n', 'pods', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ready: true,
      attachments: [{ containerId: ATTACH.containerId }],
    });
    expect(agent?.asked).toContainEqual(['ready', { network: 'pods' }]);
  });

  test('says what is missing', async () => {
    if (agent !== null) agent.readiness = { ready: false, reason: 'no\u001b[31m network', limited: false };
    const { stdout } = await cli.run(['cni', 'status', 'icx0']);
    expect(stdout).toMatch(/^not ready: no.*network\nno containers\n$/);
    expect(stdout).not.toContain('\u001b');
  });

  test('passes the agent’s refusal on', async () => {
    agent?.failures.set('ready', { code: 'ERR_ICX_ATTACH_NETWORK', message: 'no network x', hint: 'try y' });
    expect(await cli.run(['cni', 'status', 'icx0'])).toMatchObject({
      exit: 1,
      stderr: 'icx: no network x; try y\n',
    });
  });
});
