/** IPAM by other plugins. @see CNI specification 1.1, section 4 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FakeAgent } from './fake-agent.ts';
import { failure, Runtime } from './runtime.ts';

let runtime: Runtime;
let agent: FakeAgent;

beforeEach(async () => {
  runtime = new Runtime();
  agent = await runtime.startAgent();
});
afterEach(() => runtime.stop());

const RESULT = {
  cniVersion: '1.1.0',
  ips: [{ address: '10.5.0.7/24', gateway: '10.5.0.1' }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: { nameservers: ['10.5.0.53'] },
};
const works = (result: object = RESULT) =>
  runtime.plugin('host-local', `[ "$CNI_COMMAND" != ADD ] || echo '${JSON.stringify(result)}'`);
const config = (changes: object = {}) => runtime.config({ ipam: { type: 'host-local', own: 1 }, ...changes });

/** Verbs and configurations that the plugin was called with. */
function calls(): [string, unknown][] {
  const lines = readFileSync(join(runtime.dir, 'calls'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const spaceAt = line.indexOf(' ');
    return [line.slice(0, spaceAt), JSON.parse(line.slice(spaceAt + 1))];
  });
}
const verbs = () => calls().map(([verb]) => verb);

describe('a delegated plugin', () => {
  test('gives addresses, routes and DNS, and gets the same configuration', async () => {
    works();
    const { json } = await runtime.call('ADD', config());
    expect(json).toMatchObject({
      ips: [{ address: '10.5.0.7/24', gateway: '10.5.0.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: { nameservers: ['10.5.0.53'] },
    });
    expect(agent.asked[0]?.[1]).toMatchObject({ ips: [{ address: '10.5.0.7/24', gateway: '10.5.0.1' }] });
    expect(calls()).toEqual([['ADD', config()]]);
  });

  test('may answer as versions before 1.0.0 did', async () => {
    works({ cniVersion: '0.4.0', ips: [{ version: '4', address: '10.5.0.7/24', gateway: '' }], dns: {} });
    const { json } = await runtime.call('ADD', config({ cniVersion: '0.4.0' }));
    expect(json.ips).toEqual([{ version: '4', address: '10.5.0.7/24', interface: 1 }]);
  });

  test('is asked on every verb', async () => {
    works();
    const { json: prevResult } = await runtime.call('ADD', config());
    const more = config({ prevResult, 'cni.dev/valid-attachments': [] });
    for (const verb of ['CHECK', 'STATUS', 'GC', 'DEL']) {
      expect([verb, await runtime.call(verb, more)]).toMatchObject([verb, { exit: 0 }]);
    }
    expect(verbs()).toEqual(['ADD', 'CHECK', 'STATUS', 'GC', 'DEL']);
  });

  test('is asked to take back what a later failure leaves over', async () => {
    works();
    agent.failures.set('attach', { code: 'ERR_ICX_ATTACH_KERNEL', message: 'EBUSY', hint: '' });
    expect(await runtime.call('ADD', config())).toMatchObject(failure(5));
    expect(verbs()).toEqual(['ADD', 'DEL']);
  });

  test('that fails to take back does not hide why', async () => {
    runtime.plugin('host-local', `[ "$CNI_COMMAND" = ADD ] || exit 1; echo '${JSON.stringify(RESULT)}'`);
    agent.failures.set('attach', { code: 'ERR_ICX_ATTACH_KERNEL', message: 'EBUSY', hint: '' });
    const { json, log } = await runtime.call('ADD', config());
    expect([json.code, log.length]).toEqual([5, 1]);
  });

  test.each(['ADD', 'CHECK', 'DEL', 'STATUS', 'GC'])('passes its errors on: %s', async (verb) => {
    works();
    const { json: prevResult } = await runtime.call('ADD', config());
    runtime.plugin(
      'host-local',
      `echo '{"cniVersion":"1.1.0","code":123,"msg":"no","details":"why"}'; exit 7`,
    );
    const more = config(verb === 'ADD' ? {} : { prevResult, 'cni.dev/valid-attachments': [] });
    const { exit, json } = await runtime.call(verb, more);
    expect([exit, json]).toEqual([1, { cniVersion: '1.1.0', code: 123, msg: 'no', details: 'why' }]);
  });

  test.each<[string, string]>([
    ['ends without a word', 'exit 3'],
    ['says something else', 'echo panic; exit 3'],
    ['has an error without code', `echo '{"msg":"no"}'; exit 3`],
    ['is killed', 'kill -9 $$'],
    ['succeeds without result', ''],
    ['succeeds with no address', `echo '{"ips":[]}'`],
    ['gives an address without length', `echo '{"ips":[{"address":"10.0.0.1"}]}'`],
  ])('that %s is an error', async (_, script) => {
    runtime.plugin('host-local', script);
    const { exit, json } = await runtime.call('ADD', config());
    expect([exit, [7, 105]]).toEqual([1, expect.arrayContaining([json.code])]);
    expect(agent.asked).toEqual([]);
  });

  test('is looked for in all of CNI_PATH', async () => {
    works();
    const path = `/nowhere:${runtime.binDir}`;
    expect(await runtime.call('ADD', config(), { CNI_PATH: path })).toMatchObject({ exit: 0 });
  });

  test('that is nowhere is an error with the places', async () => {
    const { json } = await runtime.call('ADD', config());
    expect(json).toMatchObject({ code: 105, details: expect.stringContaining(runtime.binDir) });
    expect(await runtime.call('ADD', config(), { CNI_PATH: '' })).toMatchObject(failure(4));
  });
});
