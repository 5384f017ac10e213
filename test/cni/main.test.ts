/** The program itself: environment, standard input and output, exit code. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DIST, requireDist } from '../support/dist.ts';
import { FakeAgent } from './conformance/fake-agent.ts';

const MAIN = join(DIST, 'cni/main.js');

let dir: string;
let agent: FakeAgent;

beforeAll(requireDist);
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'icx-cni-main-'));
  agent = await FakeAgent.listen(join(dir, 'run', 'icx0.sock'));
});
afterEach(async () => {
  await agent.close();
  rmSync(dir, { recursive: true, force: true });
});

function run(
  variables: object,
  stdin: string,
): Promise<{ exit: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN], { env: { ICX_RUN_DIR: join(dir, 'run'), ...variables } });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.on('close', (exit) => resolve({ exit, ...output }));
  });
}

const container = (index: number) => ({
  CNI_CONTAINERID: `c${index}`,
  CNI_NETNS: `/run/netns/c${index}`,
  CNI_IFNAME: 'eth0',
});
const config = (changes: object = {}) => {
  const ipam = { subnet: '10.1.0.0/24', dataDir: join(dir, 'leases') };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', type: 'icx-cni', ipam, ...changes });
};

test('VERSION answers on standard output alone', async () => {
  const { exit, stdout, stderr } = await run({ CNI_COMMAND: 'VERSION' }, '{"cniVersion":"1.0.0"}');
  expect([exit, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({ cniVersion: '1.0.0', supportedVersions: expect.any(Array) });
});

test('an error is JSON on standard output and exit code 1', async () => {
  const { exit, stdout, stderr } = await run({ CNI_COMMAND: 'ADD', ...container(1) }, '{');
  expect([exit, stderr, JSON.parse(stdout)]).toMatchObject([1, '', { code: 6, msg: expect.any(String) }]);
});

test('what is to be logged goes to standard error', async () => {
  await agent.close();
  const { exit, stdout, stderr } = await run({ CNI_COMMAND: 'DEL', ...container(1) }, config());
  expect([exit, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(/^icx-cni: .*\n$/);
});

test('many at once get an address each, and give it back', async () => {
  const indexes = [...Array(12).keys()];
  const all = (verb: string) =>
    Promise.all(indexes.map((index) => run({ CNI_COMMAND: verb, ...container(index) }, config())));
  const added = await all('ADD');
  const addresses = added.map(({ stdout }) => JSON.parse(stdout).ips[0].address);
  expect(new Set(addresses).size).toBe(indexes.length);
  expect((await all('DEL')).every(({ exit }) => exit === 0)).toBe(true);
  expect(readdirSync(join(dir, 'leases/pods')).filter((name) => !name.startsWith('.'))).toEqual([]);
});
