/** Each error code, by what brings it about. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AttachCode } from '../../../cni/attach-protocol.ts';
import type { FakeAgent } from './fake-agent.ts';
import { failure, Runtime } from './runtime.ts';

let runtime: Runtime;
let agent: FakeAgent;

beforeEach(async () => {
  runtime = new Runtime();
  agent = await runtime.startAgent();
});
afterEach(() => runtime.stop());

describe('code 2, unsupported field', () => {
  test.each<[string, object, string]>([
    ['of the configuration', { bridge: 'cni0' }, 'bridge = "cni0"'],
    ['of ipam', { ipam: { subnet: '10.1.0.0/24', range: 5 } }, 'ipam.range = 5'],
    [
      'of a range',
      { ipam: { ranges: [[{ subnet: '10.1.0.0/24', start: 1 }]] } },
      'ipam.ranges[0][0].start = 1',
    ],
    ['of the capabilities', { runtimeConfig: { bandwidth: {} } }, 'runtimeConfig.bandwidth = {}'],
  ])('%s is named with its value', async (_, changes, shown) => {
    const { json } = await runtime.call('ADD', runtime.config(changes));
    expect(json).toMatchObject({ code: 2, msg: expect.stringContaining(shown) });
    expect(agent.asked).toEqual([]);
  });

  test('is not what runtimes add for themselves', async () => {
    const config = {
      cniVersions: ['1.1.0'],
      disableCheck: false,
      capabilities: {},
      'cni.dev/attachments': [],
      x: null,
    };
    expect(await runtime.call('ADD', runtime.config(config))).toMatchObject({ exit: 0 });
  });
});

describe('code 4, environment', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['no verb', { CNI_COMMAND: undefined }],
    ['an unknown verb', { CNI_COMMAND: 'UPDATE' }],
    ['a verb in lower case', { CNI_COMMAND: 'add' }],
    ['no container', { CNI_CONTAINERID: '' }],
    ['a container that is a path', { CNI_CONTAINERID: '../x' }],
    ['a container that starts with a dot', { CNI_CONTAINERID: '.x' }],
    ['a container with a space', { CNI_CONTAINERID: 'a b' }],
    ['a container with a line behind', { CNI_CONTAINERID: 'a\n' }],
    ['a container of 256 characters', { CNI_CONTAINERID: 'a'.repeat(256) }],
    ['no namespace', { CNI_NETNS: undefined }],
    ['a relative namespace', { CNI_NETNS: 'netns/x' }],
    ['no interface', { CNI_IFNAME: undefined }],
    ['an interface of 16 bytes', { CNI_IFNAME: 'a'.repeat(16) }],
    ['an interface of 8 characters in 16 bytes', { CNI_IFNAME: 'é'.repeat(8) }],
    ['an interface with a slash', { CNI_IFNAME: 'a/b' }],
    ['an interface with a colon', { CNI_IFNAME: 'a:1' }],
    ['an interface with a space', { CNI_IFNAME: 'a b' }],
    ['an interface named .', { CNI_IFNAME: '.' }],
    ['an interface named ..', { CNI_IFNAME: '..' }],
    ['arguments without =', { CNI_ARGS: 'A=1;B' }],
    ['arguments without name', { CNI_ARGS: '=1' }],
  ])('%s', async (_, variables) => {
    expect(await runtime.call('ADD', runtime.config(), variables)).toMatchObject(failure(4));
    expect(agent.asked).toEqual([]);
  });

  test('takes the longest names', async () => {
    const variables = {
      CNI_CONTAINERID: 'a'.repeat(255),
      CNI_IFNAME: 'a'.repeat(15),
      CNI_ARGS: ';A=;B=x=y;',
    };
    expect(await runtime.call('ADD', runtime.config(), variables)).toMatchObject({ exit: 0 });
  });

  test('CHECK needs a namespace, DEL does not', async () => {
    const { json: prevResult } = await runtime.call('ADD');
    const config = runtime.config({ prevResult });
    expect(await runtime.call('CHECK', config, { CNI_NETNS: '' })).toMatchObject(failure(4));
    expect(await runtime.call('DEL', config, { CNI_NETNS: '' })).toMatchObject({ exit: 0 });
  });
});

describe('code 5, input and output', () => {
  test('a directory of leases that can not be made', async () => {
    const file = join(runtime.dir, 'file');
    writeFileSync(file, '');
    const ipam = { subnet: '10.1.0.0/29', dataDir: file };
    const { json } = await runtime.call('ADD', runtime.config({ ipam }));
    expect(json).toMatchObject({ code: 5, msg: expect.stringContaining(file) });
  });

  test('a resolvConf that is not there', async () => {
    const ipam = { subnet: '10.1.0.0/29', dataDir: runtime.dataDir, resolvConf: '/nowhere' };
    expect(await runtime.call('ADD', runtime.config({ ipam }))).toMatchObject(failure(5));
  });

  test('a directory of sockets that is none', async () => {
    const other = new Runtime();
    writeFileSync(other.runDir, '');
    const { json } = await other.call('STATUS');
    await other.stop();
    expect(json).toMatchObject({ code: 5, msg: expect.stringContaining(other.runDir) });
  });
});

describe('code 6, decoding', () => {
  test.each([
    ['nothing', ''],
    ['half a document', '{"cniVersion": "1.1.0"'],
    ['a list', '[]'],
    ['null', 'null'],
  ])('%s', async (_, text) => {
    expect(await runtime.call('ADD', text)).toMatchObject(failure(6));
  });
});

describe('code 7, configuration', () => {
  const portMapping = (changes: object) => ({
    runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'tcp', ...changes }] },
  });
  const range = (changes: object) => ({ ipam: { ranges: [[{ subnet: '10.1.0.0/24', ...changes }]] } });
  const prevResult = (changes: object) => ({ prevResult: { interfaces: [{ name: 'x' }], ...changes } });

  test.each<[string, object]>([
    ['no name', { name: undefined }],
    ['a name that is a path', { name: '../x' }],
    ['a name that is a number', { name: 5 }],
    ['an agent that is a path', { agent: '../x' }],
    ['a network that is a number', { network: 7 }],
    ['an MTU below 576', { mtu: 575 }],
    ['an MTU above 65535', { mtu: 65_536 }],
    ['an MTU with a fraction', { mtu: 1400.5 }],
    ['ipMasq as text', { ipMasq: 'true' }],
    ['ipam that is a list', { ipam: [] }],
    ['ipam without ranges', { ipam: { dataDir: '/x' } }],
    ['a type of ipam that is a path', { ipam: { type: '../host-local' } }],
    ['a type of ipam that is a directory', { ipam: { type: '..' } }],
    ['a type of ipam that is a number', { ipam: { type: 5 } }],
    ['an empty set of ranges', { ipam: { ranges: [[]] } }],
    ['ranges that are no lists', { ipam: { ranges: [{ subnet: '10.1.0.0/24' }] } }],
    ['a set of two families', { ipam: { ranges: [[{ subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' }]] } }],
    ['ranges that overlap', { ipam: { ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: '10.1.0.0/25' }]] } }],
    ['a range without subnet', { ipam: { ranges: [[{}]] } }],
    ['a subnet with host bits', range({ subnet: '10.1.0.1/24' })],
    ['a subnet of one address', range({ subnet: '10.1.0.1/32' })],
    ['a subnet of two addresses', range({ subnet: 'fd00::/127' })],
    ['a start outside', range({ rangeStart: '10.2.0.1' })],
    ['an end of another family', range({ rangeEnd: 'fd00::1' })],
    ['a gateway outside', range({ gateway: '10.1.1.1' })],
    ['an end before the start', range({ rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8' })],
    ['a route that is an address', { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '10.0.0.0' }] } }],
    [
      'a route by a prefix',
      { ipam: { subnet: '10.1.0.0/24', routes: [{ dst: '10.0.0.0/8', gw: '10.1.0.1/24' }] } },
    ],
    ['a host port of 65536', portMapping({ hostPort: 65_536 })],
    ['a host port below 0', portMapping({ hostPort: -1 })],
    ['a container port of 0', portMapping({ containerPort: 0 })],
    ['an unknown protocol', portMapping({ protocol: 'icmp' })],
    ['a host address with a length', portMapping({ hostIP: '192.0.2.1/32' })],
    ['the MAC address of a group', { runtimeConfig: { mac: '03:00:00:00:00:01' } }],
    ['the MAC address of nobody', { runtimeConfig: { mac: '00:00:00:00:00:00' } }],
    ['a MAC address of five bytes', { runtimeConfig: { mac: '02:00:00:00:00' } }],
    ['a requested address that is a name', { runtimeConfig: { ips: ['web'] } }],
    ['a requested address of no range', { runtimeConfig: { ips: ['10.9.0.1'] } }],
    ['the gateway as requested address', { runtimeConfig: { ips: ['10.1.0.1'] } }],
    ['two requested addresses of a set', { runtimeConfig: { ips: ['10.1.0.2', '10.1.0.3'] } }],
    ['a prevResult that is a list', { prevResult: [] }],
    ['a prevResult with an address without length', prevResult({ ips: [{ address: '10.0.0.1' }] })],
    ['a prevResult with a wrong index', prevResult({ ips: [{ address: '10.0.0.1/8', interface: 1 }] })],
    ['DNS servers that are no list', { dns: { nameservers: '10.0.0.1' } }],
    ['DNS servers that are numbers', { dns: { nameservers: [5] } }],
  ])('%s', async (_, changes) => {
    expect(await runtime.call('ADD', runtime.config(changes))).toMatchObject(failure(7));
    expect(agent.asked).toEqual([]);
  });

  test('the same port twice', async () => {
    const mapping = { hostPort: 80, containerPort: 80, protocol: 'tcp' };
    const publish = (second: object) =>
      runtime.call(
        'ADD',
        runtime.config({ runtimeConfig: { portMappings: [mapping, { ...mapping, ...second }] } }),
      );
    expect(await publish({ containerPort: 81 })).toMatchObject(failure(7));
    expect(await publish({ protocol: 'udp' })).toMatchObject({ exit: 0 });
  });

  test('no agent named where several run', async () => {
    const second = await runtime.startAgent('icx1');
    const { json } = await runtime.call('ADD');
    expect(json).toMatchObject({ code: 7, details: expect.stringContaining('icx0, icx1') });
    expect(await runtime.call('ADD', runtime.config({ agent: 'icx1' }))).toMatchObject({ exit: 0 });
    expect(second.asked.map(([word]) => word)).toEqual(['attach']);
    await agent.close();
  });
});

describe('code 50, no agent', () => {
  test('on ADD, CHECK, GC and STATUS', async () => {
    const { json: prevResult } = await runtime.call('ADD');
    await agent.close();
    const config = runtime.config({ prevResult, 'cni.dev/valid-attachments': [] });
    expect(await runtime.call('ADD', runtime.config(), Runtime.container(1))).toMatchObject(failure(50));
    for (const verb of ['CHECK', 'GC', 'STATUS']) {
      expect([verb, await runtime.call(verb, config)]).toMatchObject([verb, failure(50)]);
    }
  });

  test('with the name of an agent that does not run', async () => {
    const { json } = await runtime.call('STATUS', runtime.config({ agent: 'icx9' }));
    expect(json).toMatchObject({ code: 50, details: expect.stringContaining('icx9.sock') });
  });
});

describe('what the agent refuses', () => {
  const MEANING: [string, number][] = [
    [AttachCode.noNetwork, 7],
    [AttachCode.unsupported, 7],
    [AttachCode.noNetns, 3],
    [AttachCode.exists, 103],
    [AttachCode.addressTaken, 101],
    [AttachCode.portTaken, 102],
    [AttachCode.kernel, 5],
    [AttachCode.busy, 11],
    ['ERR_ICX_SOMETHING', 106],
  ];

  test.each(MEANING)('%s is code %i', async (code, cniCode) => {
    agent.failures.set('attach', { code, message: 'what came', hint: 'what to do' });
    const { json } = await runtime.call('ADD');
    expect(json).toEqual({ cniVersion: '1.1.0', code: cniCode, msg: 'what came', details: 'what to do' });
  });

  test('every code of the agent has one of ours', () => {
    expect(MEANING.map(([code]) => code)).toEqual(expect.arrayContaining(Object.values(AttachCode)));
  });
});

describe('code 100, addresses', () => {
  test('when the range is used up, until one is released', async () => {
    for (let index = 0; index < 5; index++) {
      expect(await runtime.call('ADD', runtime.config(), Runtime.container(index))).toMatchObject({
        exit: 0,
      });
    }
    const { json } = await runtime.call('ADD');
    expect(json).toMatchObject({ code: 100, msg: expect.stringContaining('10.1.0.0/29') });
    await runtime.call('DEL', runtime.config(), Runtime.container(3));
    const freed = await runtime.call('ADD');
    expect(freed.json.ips[0].address).toBe('10.1.0.5/29');
  });

  test('101 names the owner of a requested address', async () => {
    await runtime.call('ADD', runtime.config(), { ...Runtime.container(1), CNI_ARGS: 'IP=10.1.0.4' });
    const { json } = await runtime.call('ADD', runtime.config(), { CNI_ARGS: 'IP=10.1.0.4' });
    expect(json).toMatchObject({ code: 101, msg: '10.1.0.4 is reserved for container c1 (eth0)' });
  });
});
