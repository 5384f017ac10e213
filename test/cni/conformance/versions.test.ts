/** Each version of the specification gets its own form of result, and its own verbs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CONTAINER_MAC, HOST_MAC } from './fake-agent.ts';
import { failure, NETNS, Runtime, VERSIONS } from './runtime.ts';

let runtime: Runtime;

beforeEach(async () => {
  runtime = new Runtime();
  await runtime.startAgent();
});
afterEach(() => runtime.stop());

const old = (version: string) => version.startsWith('0.');

function dualStack(cniVersion: string): object {
  const ipam = {
    ranges: [[{ subnet: '10.1.0.0/29' }], [{ subnet: 'fd01::/64' }]],
    routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1', mtu: 1300, priority: 5 }],
    dataDir: runtime.dataDir,
  };
  return runtime.config({ cniVersion, ipam });
}

describe('a result', () => {
  test.each(VERSIONS)('of version %s has its form', async (cniVersion) => {
    const { exit, json } = await runtime.call('ADD', dualStack(cniVersion));
    expect(exit).toBe(0);
    const ip = (version: string, address: string, gateway: string) => ({
      ...(old(cniVersion) ? { version } : {}),
      address,
      gateway,
      interface: 1,
    });
    const newest = cniVersion === '1.1.0';
    expect(json).toEqual({
      cniVersion,
      interfaces: [
        { name: 'icx0', mac: HOST_MAC },
        { name: 'eth0', mac: CONTAINER_MAC, sandbox: NETNS, ...(newest ? { mtu: 1372 } : {}) },
      ],
      ips: [ip('4', '10.1.0.2/29', '10.1.0.1'), ip('6', 'fd01::2/64', 'fd01::1')],
      routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1', ...(newest ? { mtu: 1300 } : {}) }],
      dns: {},
    });
  });

  test.each(VERSIONS)('of version %s is taken back as prevResult', async (cniVersion) => {
    const { json: prevResult } = await runtime.call('ADD', dualStack(cniVersion));
    const config = { ...dualStack(cniVersion), prevResult };
    const check = await runtime.call('CHECK', config);
    expect(check).toMatchObject(
      old(cniVersion) && cniVersion < '0.4.0' ? failure(1, cniVersion) : { exit: 0 },
    );
    expect(await runtime.call('DEL', config)).toMatchObject({ exit: 0, json: null });
  });
});

describe('a version', () => {
  test.each<[string, string, boolean]>([
    ['CHECK', '0.3.1', false],
    ['CHECK', '0.4.0', true],
    ['GC', '1.0.0', false],
    ['GC', '1.1.0', true],
    ['STATUS', '1.0.0', false],
    ['STATUS', '1.1.0', true],
  ])('has %s by %s: %s %s', async (verb, cniVersion, has) => {
    const { json: prevResult } = await runtime.call('ADD', runtime.config({ cniVersion }));
    const config = runtime.config({ cniVersion, prevResult, 'cni.dev/valid-attachments': [] });
    const answer = await runtime.call(verb, config);
    expect(answer).toMatchObject(has ? { exit: 0 } : failure(1, cniVersion));
  });

  test.each([
    ['0.1.0', 1],
    ['0.2.0', 1],
    ['1.2.0', 1],
    ['1.1.0-rc1', 1],
    ['2.0.0', 1],
    ['one', 6],
    ['1.1', 6],
  ])('%s is refused with code %i, and echoed', async (cniVersion, code) => {
    const { exit, json } = await runtime.call('ADD', runtime.config({ cniVersion }));
    expect([exit, json.cniVersion, json.code]).toEqual([1, cniVersion, code]);
  });

  test('that is missing is the first one, that is a number none', async () => {
    const missing = await runtime.call('ADD', runtime.config({ cniVersion: undefined }));
    expect(missing.json).toMatchObject({ code: 1, msg: expect.stringContaining('0.1.0') });
    expect(await runtime.call('ADD', runtime.config({ cniVersion: 1 }))).toMatchObject(failure(6));
  });
});
