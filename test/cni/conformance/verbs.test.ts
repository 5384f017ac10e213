/** Each verb, as the CNI specification 1.1 describes it, against an agent at a real socket. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONTAINER_MAC, type FakeAgent, HOST_MAC } from './fake-agent.ts';
import { CONTAINER, failure, NETNS, Runtime } from './runtime.ts';

let runtime: Runtime;
let agent: FakeAgent;

beforeEach(async () => {
  runtime = new Runtime();
  agent = await runtime.startAgent();
});
afterEach(() => runtime.stop());

const leases = () => readdirSync(join(runtime.dataDir, 'pods')).filter((name) => !name.startsWith('.'));

describe('ADD', () => {
  test('attaches the container and answers with interfaces, addresses and routes', async () => {
    const ipam = {
      ranges: [[{ subnet: '10.1.0.0/29' }], [{ subnet: 'fd01::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: 'fd00::/8', gw: 'fd01::9', mtu: 1300 }],
      dataDir: runtime.dataDir,
    };
    const dns = { nameservers: ['10.1.0.1'], search: ['example.net'] };
    const config = runtime.config({ ipam, dns, network: 'pods', mtu: 1280, ipMasq: true });
    expect(await runtime.call('ADD', config)).toEqual({
      exit: 0,
      log: [],
      json: {
        cniVersion: '1.1.0',
        interfaces: [
          { name: 'icx0', mac: HOST_MAC },
          { name: 'eth0', mac: CONTAINER_MAC, mtu: 1280, sandbox: NETNS },
        ],
        ips: [
          { address: '10.1.0.2/29', gateway: '10.1.0.1', interface: 1 },
          { address: 'fd01::2/64', gateway: 'fd01::1', interface: 1 },
        ],
        routes: [{ dst: '0.0.0.0/0' }, { dst: 'fd00::/8', gw: 'fd01::9', mtu: 1300 }],
        dns,
      },
    });
    expect(agent.asked).toEqual([
      [
        'attach',
        {
          confName: 'pods',
          containerId: CONTAINER,
          ifname: 'eth0',
          netns: NETNS,
          network: 'pods',
          ips: [
            { address: '10.1.0.2/29', gateway: '10.1.0.1' },
            { address: 'fd01::2/64', gateway: 'fd01::1' },
          ],
          routes: [{ dst: '0.0.0.0/0' }, { dst: 'fd00::/8', gw: 'fd01::9', mtu: 1300 }],
          portMappings: [],
          mtu: 1280,
          masquerade: true,
        },
      ],
    ]);
  });

  test('gives what a runtime asks for: ports, address, MAC address', async () => {
    const portMappings = [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '' },
      { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
      { hostPort: 0, containerPort: 9, protocol: 'tcp' },
    ];
    const runtimeConfig = { portMappings, ips: ['10.1.0.5/29'], mac: '02-42-AC-11-00-02' };
    const { json } = await runtime.call('ADD', runtime.config({ runtimeConfig }));
    expect(json.ips).toEqual([{ address: '10.1.0.5/29', gateway: '10.1.0.1', interface: 1 }]);
    expect(json.interfaces[1].mac).toBe('02:42:ac:11:00:02');
    expect(agent.asked[0]?.[1]).toMatchObject({
      mac: '02:42:ac:11:00:02',
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
      ],
    });
  });

  test('takes address and MAC address from CNI_ARGS, among those of others', async () => {
    const args = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.1.0.6;MAC=02:42:ac:11:00:03' };
    const { json } = await runtime.call('ADD', runtime.config(), args);
    expect(json.ips[0].address).toBe('10.1.0.6/29');
    expect(json.interfaces[1].mac).toBe('02:42:ac:11:00:03');
  });

  test('without ipam attaches with the addresses that were asked for, or none', async () => {
    const none = await runtime.call('ADD', runtime.config({ ipam: {} }));
    expect(none.json).toMatchObject({ ips: [], routes: [] });
    const args = { cni: { ips: ['10.9.0.1/24'] } };
    const some = await runtime.call('ADD', runtime.config({ ipam: undefined, args }), Runtime.container(2));
    expect(some.json.ips).toEqual([{ address: '10.9.0.1/24', interface: 1 }]);
    const bare = runtime.config({ ipam: null, args: { cni: { ips: ['10.9.0.1'] } } });
    expect(await runtime.call('ADD', bare, Runtime.container(3))).toMatchObject(failure(7));
  });

  test('later in a chain keeps what came before and counts on from there', async () => {
    const prevResult = {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'net1', sandbox: NETNS, mac: '02:00:00:00:00:09' }],
      ips: [{ address: '10.2.0.1/24', interface: 0 }],
      routes: [{ dst: '10.2.0.0/16' }],
      dns: { nameservers: ['10.2.0.53'] },
    };
    const { json } = await runtime.call('ADD', runtime.config({ prevResult }));
    expect(json.interfaces.map(({ name }: { name: string }) => name)).toEqual(['net1', 'icx0', 'eth0']);
    expect(json.ips).toEqual([
      { address: '10.2.0.1/24', interface: 0 },
      { address: '10.1.0.2/29', gateway: '10.1.0.1', interface: 2 },
    ]);
    expect(json.routes).toEqual(prevResult.routes);
    expect(json.dns).toEqual(prevResult.dns);
  });

  test('refuses an interface that an earlier plugin made', async () => {
    const prevResult = { interfaces: [{ name: 'eth0', sandbox: NETNS }], ips: [] };
    expect(await runtime.call('ADD', runtime.config({ prevResult }))).toMatchObject(failure(103));
    expect(agent.asked).toEqual([]);
  });

  test('gives the addresses back when the agent refuses', async () => {
    agent.failures.set('attach', { code: 'ERR_ICX_ATTACH_PORT', message: 'nginx has 80', hint: 'stop it' });
    expect(await runtime.call('ADD')).toMatchObject({
      exit: 1,
      json: { code: 102, msg: 'nginx has 80', details: 'stop it' },
    });
    expect(leases()).toEqual([]);
  });

  test.each<[string, object]>([
    ['of a family that the container has not', { hostPort: 80, containerPort: 80, hostIP: '2001:db8::1' }],
    ['of a loopback address', { hostPort: 80, containerPort: 80, hostIP: '127.0.0.1' }],
  ])('refuses a published port %s, and gives the addresses back', async (_, mapping) => {
    const config = runtime.config({ runtimeConfig: { portMappings: [mapping] } });
    expect(await runtime.call('ADD', config)).toMatchObject(failure(7));
    expect(leases()).toEqual([]);
    expect(agent.asked).toEqual([]);
  });

  test('refuses a second ADD without DEL, with the address that is there', async () => {
    await runtime.call('ADD');
    const second = await runtime.call('ADD');
    expect(second).toMatchObject({ exit: 1, json: { code: 101 } });
    expect(second.json.msg).toContain('10.1.0.2');
    // The first stays as it was.
    expect(leases()).toEqual(['10.1.0.2']);
  });
});

describe('DEL', () => {
  test('detaches first, then frees the address, and says nothing', async () => {
    await runtime.call('ADD');
    expect(await runtime.call('DEL')).toEqual({ exit: 0, json: null, log: [] });
    expect(agent.asked.at(-1)).toEqual([
      'detach',
      { confName: 'pods', containerId: CONTAINER, ifname: 'eth0', netns: NETNS },
    ]);
    expect(agent.attachments.size).toBe(0);
    expect(leases()).toEqual([]);
  });

  test('does well again, without a namespace, and for what was never added', async () => {
    await runtime.call('ADD');
    const forgotten = { CNI_NETNS: undefined };
    expect(await runtime.call('DEL', runtime.config(), forgotten)).toMatchObject({ exit: 0 });
    expect(agent.asked.at(-1)?.[1]).not.toHaveProperty('netns');
    expect(await runtime.call('DEL', runtime.config(), { CNI_NETNS: '' })).toMatchObject({ exit: 0 });
    expect(await runtime.call('DEL', runtime.config(), Runtime.container(7))).toMatchObject({ exit: 0 });
  });

  test('frees the address though no agent runs, and says so in the log', async () => {
    await runtime.call('ADD');
    await agent.close();
    const { exit, log } = await runtime.call('DEL');
    expect([exit, log.length]).toEqual([0, 1]);
    expect(leases()).toEqual([]);
  });

  test('keeps the address while the agent fails to detach', async () => {
    await runtime.call('ADD');
    agent.failures.set('detach', { code: 'ERR_ICX_ATTACH_BUSY', message: 'reloading', hint: '' });
    expect(await runtime.call('DEL')).toMatchObject(failure(11));
    expect(leases()).toEqual(['10.1.0.2']);
  });
});

describe('CHECK', () => {
  const added = async () => (await runtime.call('ADD')).json;

  test('accepts what ADD made, also with more of a later plugin', async () => {
    const result = await added();
    const prevResult = {
      ...result,
      interfaces: [...result.interfaces, { name: 'tunl0', sandbox: NETNS }],
      ips: [...result.ips, { address: '10.9.0.1/32', interface: 2 }],
    };
    expect(await runtime.call('CHECK', runtime.config({ prevResult }))).toEqual({
      exit: 0,
      json: null,
      log: [],
    });
    expect(agent.asked.at(-1)?.[1]).toMatchObject({
      mac: CONTAINER_MAC,
      ips: [{ address: '10.1.0.2/29', gateway: '10.1.0.1' }],
    });
  });

  test('tells what the agent finds', async () => {
    const prevResult = await added();
    agent.differences = ['eth0 is down', '10.1.0.2/29 is missing'];
    const { json } = await runtime.call('CHECK', runtime.config({ prevResult }));
    expect(json).toMatchObject({ code: 104, details: 'eth0 is down; 10.1.0.2/29 is missing' });
  });

  test('misses a lease', async () => {
    const prevResult = await added();
    const { json } = await runtime.call('CHECK', runtime.config({ prevResult }), {
      CNI_CONTAINERID: 'other',
    });
    expect(json.code).toBe(104);
    const ips = [{ address: '10.1.0.3/29', interface: 1 }];
    const other = await runtime.call('CHECK', runtime.config({ prevResult: { ...prevResult, ips } }));
    expect(other.json).toMatchObject({ code: 104, msg: expect.stringContaining('10.1.0.3') });
    expect(agent.asked.map(([word]) => word)).toEqual(['attach']);
  });

  test.each<[string, number, object | undefined]>([
    ['no prevResult', 7, undefined],
    ['a prevResult without the interface', 104, { interfaces: [{ name: 'eth0' }], ips: [] }],
    ['another namespace', 104, { interfaces: [{ name: 'eth0', sandbox: '/run/netns/other' }], ips: [] }],
  ])('refuses %s', async (_, code, prevResult) => {
    await added();
    expect(await runtime.call('CHECK', runtime.config({ prevResult }))).toMatchObject(failure(code));
  });
});

describe('GC', () => {
  const VALID = 'cni.dev/valid-attachments';
  const containers = [1, 2, 3].map(Runtime.container);

  beforeEach(async () => {
    for (const variables of containers) await runtime.call('ADD', runtime.config(), variables);
  });

  test('removes attachments and leases of what is not listed', async () => {
    const valid = [
      { containerID: 'c2', ifname: 'eth0' },
      { containerID: 'c3', ifname: 'eth1' },
    ];
    expect(await runtime.call('GC', runtime.config({ [VALID]: valid }))).toEqual({
      exit: 0,
      json: null,
      log: [],
    });
    expect([...agent.attachments.keys()]).toEqual(['pods/c2/eth0']);
    expect(leases()).toEqual(['10.1.0.3']);
  });

  test('needs no container, and leaves other networks alone', async () => {
    const bare = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
    const config = { name: 'other', [VALID]: [] };
    expect(await runtime.call('GC', runtime.config(config), bare)).toMatchObject({ exit: 0 });
    expect([agent.attachments.size, leases().length]).toEqual([3, 3]);
  });

  test('refuses a missing list, which is not an empty one', async () => {
    expect(await runtime.call('GC')).toMatchObject(failure(7));
    expect(leases()).toHaveLength(3);
    expect(await runtime.call('GC', runtime.config({ [VALID]: [] }))).toMatchObject({ exit: 0 });
    expect(leases()).toHaveLength(0);
  });

  test('removes what it can when the agent fails, and tells', async () => {
    agent.failures.set('gc', { code: 'ERR_ICX_ATTACH_KERNEL', message: 'EBUSY', hint: '' });
    expect(await runtime.call('GC', runtime.config({ [VALID]: [] }))).toMatchObject(failure(5));
    expect(leases()).toHaveLength(0);
  });
});

describe('STATUS', () => {
  test('is well when the agent is ready', async () => {
    const bare = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
    const config = runtime.config({ network: 'pods' });
    expect(await runtime.call('STATUS', config, bare)).toEqual({ exit: 0, json: null, log: [] });
    expect(agent.asked).toEqual([['ready', { network: 'pods' }]]);
  });

  test.each([
    [50, false],
    [51, true],
  ])('answers %i when the agent is not ready', async (code, limited) => {
    agent.readiness = { ready: false, reason: 'no peer yet', limited };
    const answer = await runtime.call('STATUS');
    expect(answer).toMatchObject({ exit: 1, json: { code, details: 'no peer yet' } });
  });

  test('answers 50 when leases can not be kept', async () => {
    const ipam = { subnet: '10.1.0.0/29', dataDir: join(runtime.runDir, 'icx0.sock') };
    expect(await runtime.call('STATUS', runtime.config({ ipam }))).toMatchObject(failure(50));
  });
});

describe('VERSION', () => {
  test('needs nothing but the verb', async () => {
    const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
    const variables = { CNI_COMMAND: 'VERSION' };
    expect(await runtime.raw(variables, '')).toMatchObject({
      exit: 0,
      json: { cniVersion: '1.1.0', supportedVersions },
    });
    expect(await runtime.raw(variables, '{"cniVersion":"9.0.0"}')).toMatchObject({
      exit: 0,
      json: { cniVersion: '9.0.0', supportedVersions },
    });
    expect(await runtime.raw(variables, '{')).toMatchObject(failure(6));
  });
});
