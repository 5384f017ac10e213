import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentApi, PeerRekey } from '../../../cli/admin-api.ts';
import { type AdminSocket, openAdminSocket } from '../../../cli/admin-socket.ts';
import { ConfigError } from '../../../cli/config/config-error.ts';
import { STATUS } from '../../../cli/status-schema.ts';
import { ConfigDir, publicKeyText } from '../config/config-dir.ts';
import { fakeAttachments } from '../fake-attachments.ts';
import { FakeCli } from '../fake-context.ts';
import { fakeL2 } from '../fake-l2.ts';
import { fakeRelay } from '../fake-relay.ts';
import { sampleStatus } from '../sample-status.ts';

let cli: FakeCli;
let sockets: AdminSocket[];
beforeEach(() => {
  cli = new FakeCli();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) await socket.close();
  cli.remove();
});

const PEER: PeerRekey = {
  peer: 'host-b',
  ok: true,
  trigger: 'operator',
  old: { rx: ['40000001'], tx: ['00000001'] },
  new: { rx: ['c0000002'], tx: ['80000002'] },
  lost_packets: 0,
  sent_packets: 1234,
  duration_ms: 41.7,
  error: null,
};
const CHANGES = [
  { kind: 'added', subject: 'peer c', detail: '10.77.0.3/32', needs_restart: false },
  { kind: 'changed', subject: 'interface', detail: 'vni: 1 → 2', needs_restart: true },
] as const;

async function agent(name: string, changes: Partial<AgentApi> = {}, pid = process.pid): Promise<string[][]> {
  const rekeyed: string[][] = [];
  const status = sampleStatus();
  const api: AgentApi = {
    status: async () => ({ ...status, interface: { ...status.interface, name } }),
    rekey: async (peers) => {
      rekeyed.push([...peers]);
      return { interface: name, peers: [PEER] };
    },
    reload: async () => ({ interface: name, applied: true, changes: [...CHANGES] }),
    plan: async () => ({ interface: name, applied: false, changes: [...CHANGES] }),
    down: () => undefined,
    l2: fakeL2(),
    relay: fakeRelay(),
    attachments: fakeAttachments(),
    ...changes,
  };
  sockets.push(await openAdminSocket({ info: { interface: name, pid, version: '0' }, api, dir: cli.runDir }));
  return rekeyed;
}

describe('icx status', () => {
  test('fails when no agent runs', async () => {
    const line = 'icx: no agent is running; start one with icx up NAME\n';
    expect(await cli.run(['status'])).toEqual({ exit: 1, stdout: '', stderr: line });
    expect((await cli.run(['status', 'icx0'])).stderr).toBe(
      'icx: icx0 is not running; start it with icx up icx0\n',
    );
    await agent('icx1');
    expect((await cli.run(['status', 'icx0'])).stderr).toBe('icx: icx0 is not running; here are icx1\n');
  });

  test('shows all agents, or one', async () => {
    await agent('icx0');
    await agent('icx1');
    const names = (text: string) => [...text.matchAll(/^interface: (.*)$/gm)].map(([, name]) => name);
    expect(names((await cli.run(['status'])).stdout)).toEqual(['icx0', 'icx1']);
    expect(names((await cli.run(['status', 'icx1'])).stdout)).toEqual(['icx1']);
  });

  test('--json prints what the schema describes', async () => {
    await agent('icx0');
    const { stdout } = await cli.run(['status', '--json']);
    expect(STATUS.parse(JSON.parse(stdout))).toEqual(JSON.parse(stdout));
  });

  test('--schema needs no agent', async () => {
    const { exit, stdout } = await cli.run(['status', '--schema']);
    expect([exit, JSON.parse(stdout).title]).toEqual([0, 'icx status']);
  });
});

describe('icx rekey', () => {
  test('prints old and new SPIs and the packets lost', async () => {
    await agent('icx0');
    expect(await cli.run(['rekey', 'icx0'])).toEqual({
      exit: 0,
      stdout:
        'host-b: rekeyed in 42 ms\n  rx: 40000001 → c0000002\n  tx: 00000001 → 80000002\n  packets lost: 0 of 1234\n',
      stderr: '',
    });
  });

  test('tells the networks of a peer apart when it is in several', async () => {
    const peers = [
      { ...PEER, vni: 7 },
      { ...PEER, vni: 9, ok: false, error: 'no answer' },
      { ...PEER, peer: 'host-c', vni: 7 },
    ];
    await agent('icx0', { rekey: async () => ({ interface: 'icx0', peers }) });
    const { stdout, stderr } = await cli.run(['rekey', 'icx0']);
    expect(stdout.match(/^host.*$/gm)).toEqual([
      'host-b (vni 7): rekeyed in 42 ms',
      'host-c: rekeyed in 42 ms',
    ]);
    expect(stderr).toBe('icx: cannot rekey host-b (vni 9): no answer\n');
  });

  test('finds out which words are the agent and which its peers', async () => {
    const rekeyed = await agent('icx0');
    await cli.run(['rekey']);
    await cli.run(['rekey', 'icx0']);
    await cli.run(['rekey', 'icx0', 'b', 'c']);
    await cli.run(['rekey', 'b', 'c']);
    expect(rekeyed).toEqual([[], [], ['b', 'c'], ['b', 'c']]);
  });

  test('asks for a name when several agents run', async () => {
    await agent('icx0');
    await agent('icx1');
    const { exit, stderr } = await cli.run(['rekey']);
    expect([exit, stderr]).toEqual([2, 'icx: several agents are running; name one of icx0, icx1\n']);
  });

  test.each([
    ['a failed rekey', { ok: false, error: 'no answer' }, 'icx: cannot rekey host-b: no answer\n'],
    [
      'a rekey without a connection',
      { ok: false, error: 'Cannot rekey with host-b: no control connection (none yet)' },
      'icx: cannot rekey host-b: no control connection (none yet)\n',
    ],
    ['lost packets', { lost_packets: 3 }, 'icx: the rekey of host-b lost 3 packets\n'],
  ])('exits 1 and says why after %s', async (_, change, line) => {
    await agent('icx0', { rekey: async () => ({ interface: 'icx0', peers: [{ ...PEER, ...change }] }) });
    expect(await cli.run(['rekey'])).toMatchObject({ exit: 1, stderr: line });
    const json = await cli.run(['rekey', '--json']);
    expect([json.exit, JSON.parse(json.stdout).peers[0]]).toEqual([1, { ...PEER, ...change }]);
  });

  test('exits 1 when there is nothing to rekey', async () => {
    await agent('icx0', { rekey: async () => ({ interface: 'icx0', peers: [] }) });
    expect(await cli.run(['rekey'])).toMatchObject({ exit: 1, stderr: 'icx: icx0 has no peers to rekey\n' });
  });

  test('names the agent that is not running', async () => {
    expect(await cli.run(['rekey', 'icx9'])).toMatchObject({
      exit: 1,
      stderr: 'icx: icx9 is not running; start it with icx up icx9\n',
    });
  });
});

describe('icx reload', () => {
  test('prints what changed', async () => {
    await agent('icx0');
    expect((await cli.run(['reload'])).stdout).toBe(
      'icx0: changed\n  + peer c: 10.77.0.3/32\n  ~ interface: vni: 1 → 2 (not applied: needs a restart)\n',
    );
  });

  test('passes on the problems of the config and exits 2', async () => {
    const error = new ConfigError('/etc/icx/icx0.toml', [{ line: 3, message: 'x', hint: '' }]);
    await agent('icx0', { reload: () => Promise.reject(error) });
    expect(await cli.run(['reload'])).toMatchObject({ exit: 2, stderr: '/etc/icx/icx0.toml:3: x\n' });
  });
});

describe('icx check', () => {
  let configs: ConfigDir;
  beforeEach(() => {
    configs = new ConfigDir();
  });
  afterEach(() => configs.remove());

  test('says that a config is right', async () => {
    const file = configs.write('icx0.toml', '[interface]\nprivate_key_file = "own.key"\n');
    expect(await cli.run(['check', file])).toEqual({
      exit: 0,
      stdout: `${file}: ok: icx0, vni 1, 0 peers\n`,
      stderr: '',
    });
  });

  test('tells which networks a right config has', async () => {
    const own = '[interface]\nprivate_key_file = "own.key"\n';
    const port = '[[port]]\ntype = "interface"\nname = "lan"\ndevice = "veth0"\n';
    const segment = configs.write('icx0.toml', `${own}mode = "l2"\nvni = 7\n${port}`);
    expect((await cli.run(['check', segment])).stdout).toBe(
      `${segment}: ok: icx0, l2, vni 7, 1 port, 0 peers\n`,
    );
    const exit = configs.write('icx0.toml', `${own}[relay]\n`);
    expect((await cli.run(['check', exit])).stdout).toBe(`${exit}: ok: icx0, vni 1, relay, 0 peers\n`);
    const peer = `[[peer]]\npublic_key = "${publicKeyText(2)}"\n`;
    const networks = '[[network]]\nname = "red"\nvni = 1\n[[network]]\nname = "blue"\nvni = 2\nmode = "l2"\n';
    const several = configs.write('icx0.toml', `${own}${peer}${networks}`);
    expect((await cli.run(['check', several])).stdout).toBe(
      `${several}: ok: icx0, network red (vni 1), network blue (l2, vni 2), 1 peer\n`,
    );
  });

  test('tells what a running agent would change', async () => {
    await agent('icx0');
    const file = configs.write('icx0.toml', '[interface]\nprivate_key_file = "own.key"\n');
    expect((await cli.run(['check', file])).stdout).toContain('icx0: icx reload would change\n  + peer c');
  });

  test('prints every problem on a line of its own and exits 2', async () => {
    const file = configs.write('icx0.toml', '[interface]\nprivate_key_file = "own.key"\nvni = 0\nmtuu = 1\n');
    const { exit, stdout, stderr } = await cli.run(['check', file]);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      `${file}:3: cannot use vni = 0; expected a whole number from 1 to 16777215\n${file}:4: unknown key "mtuu"; did you mean mtu?\n`,
    );
  });
});

describe('icx down', () => {
  test('waits until the process is gone', async () => {
    const child = spawn('sleep', ['60']);
    const exited = once(child, 'exit');
    await agent('icx0', { down: () => setTimeout(() => child.kill('SIGKILL'), 200) }, child.pid);
    const startMs = performance.now();
    expect(await cli.run(['down', 'icx0'])).toEqual({ exit: 0, stdout: '', stderr: '' });
    // This test is the parent, so the process may still be a zombie here.
    expect(performance.now() - startMs).toBeGreaterThan(190);
    await exited;
  });

  test('waits for the socket of a process it cannot see', async () => {
    const down = () => setTimeout(() => void sockets.pop()?.close(), 100);
    await agent('icx0', { down }, 2 ** 22 + 1);
    expect(await cli.run(['down', 'icx0'])).toMatchObject({ exit: 0 });
    expect(sockets).toEqual([]);
  });

  test('fails when the agent is not running', async () => {
    expect(await cli.run(['down', 'icx0'])).toMatchObject({
      exit: 1,
      stderr: 'icx: icx0 is not running; start it with icx up icx0\n',
    });
  });
});

test('commands name the directory they may not read', async () => {
  const { exit, stderr } = await cli.run(['status'], { runDir: join(cli.dir, 'nothing') });
  expect([exit, stderr]).toEqual([1, 'icx: no agent is running; start one with icx up NAME\n']);
});
