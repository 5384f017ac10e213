import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { L2Api } from '../../../cli/admin-l2-api.ts';
import { type AdminSocket, openAdminSocket } from '../../../cli/admin-socket.ts';
import { L2, networkFor, noNetwork } from '../../../cli/agent/l2-networks.ts';
import { renderFdb, renderNeighbours, renderPorts } from '../../../cli/l2-text.ts';
import { fakeAttachments } from '../fake-attachments.ts';
import { FakeCli } from '../fake-context.ts';
import { FDB, fakeL2, NEIGHBOURS, PORTS } from '../fake-l2.ts';
import { fakeRelay } from '../fake-relay.ts';

const refuse = () => Promise.reject(noNetwork(L2));
const NO_L2 = { fdbShow: refuse, portList: refuse, neighShow: refuse };
const MAC = '02:42:ac:11:00:02';

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

/** @returns What it is asked, as it comes. */
async function agent(name = 'icx0', changes: Partial<L2Api> = {}): Promise<unknown[]> {
  const asked: unknown[] = [];
  const never = () => Promise.reject(new Error('not asked for'));
  const api = { status: never, rekey: never, reload: never, plan: never, down: () => undefined };
  const l2 = { ...fakeL2(asked), ...changes };
  const info = { interface: name, pid: process.pid, version: '0' };
  sockets.push(
    await openAdminSocket({
      info,
      api: { ...api, l2, relay: fakeRelay(), attachments: fakeAttachments() },
      dir: cli.runDir,
    }),
  );
  return asked;
}

const REPORTS = [
  [['fdb', 'show'], 'fdbShow', FDB, renderFdb(FDB, false)],
  [['port', 'list'], 'portList', PORTS, renderPorts(PORTS, false)],
  [['neigh', 'show'], 'neighShow', NEIGHBOURS, renderNeighbours(NEIGHBOURS, false)],
] as const;

describe.each(REPORTS)('icx %j', (words, method, report, text) => {
  test('prints a table, or JSON', async () => {
    await agent();
    expect(await cli.run(words)).toEqual({ exit: 0, stdout: text, stderr: '' });
    const { exit, stdout } = await cli.run([...words, '--json']);
    expect([exit, JSON.parse(stdout)]).toEqual([0, report]);
  });

  test('asks the agent that is named, either way, for the network that is named', async () => {
    const [first, second] = [await agent('icx0'), await agent('icx1')];
    await cli.run([...words, 'icx1']);
    await cli.run([...words, '-i', 'icx1', '-n', 'lan0']);
    await cli.run([...words, 'icx1', '--interface', 'icx1', '--network', '8']);
    expect(first).toEqual([]);
    expect(second).toEqual([
      [method, {}],
      [method, { network: 'lan0' }],
      [method, { network: '8' }],
    ]);
  });

  test('asks for a name when several agents run', async () => {
    await agent('icx0');
    await agent('icx1');
    const line = 'icx: several agents are running; name one of icx0, icx1\n';
    expect(await cli.run(words)).toEqual({ exit: 2, stdout: '', stderr: line });
  });

  test('refuses two names of agents', async () => {
    const line = 'icx: icx0 and --interface icx1 are two agents; name one\n';
    expect(await cli.run([...words, 'icx0', '-i', 'icx1'])).toEqual({ exit: 2, stdout: '', stderr: line });
  });

  test('fails when no agent runs, and when it has no L2 network', async () => {
    expect((await cli.run(words)).exit).toBe(1);
    await agent('icx0', NO_L2);
    const line = 'icx: no L2 network; mode = "l2" in the config makes one\n';
    expect(await cli.run(words)).toEqual({ exit: 1, stdout: '', stderr: line });
  });
});

describe('icx fdb add', () => {
  test('adds a station behind a port or a peer, without a word', async () => {
    const asked = await agent();
    const quiet = { exit: 0, stdout: '', stderr: '' };
    expect(await cli.run(['fdb', 'add', MAC.toUpperCase(), '--port', 'vm1'])).toEqual(quiet);
    expect(await cli.run(['fdb', 'add', MAC, '--peer', 'host-b', '-n', 'lan0', '-i', 'icx0'])).toEqual(quiet);
    expect(asked).toEqual([
      ['fdbAdd', { mac: MAC, port: 'vm1' }],
      ['fdbAdd', { network: 'lan0', mac: MAC, peer: 'host-b' }],
    ]);
  });

  test.each([
    [[], "icx: missing required argument 'MAC';"],
    [[MAC], `icx: nothing says where ${MAC} is; name it with --port or --peer\n`],
    [
      [MAC, '--port', 'a', '--peer', 'b'],
      'icx: a station is behind a port or a peer; give --port or --peer, not both\n',
    ],
    [['ff:ff:ff:ff:ff:ff', '--port', 'a'], 'icx: ff:ff:ff:ff:ff:ff is the address of a group;'],
    [['vm1', '--port', 'a'], 'icx: "vm1" is not a MAC address;'],
  ])('answers %j with 2 and asks no agent', async (words, line) => {
    const asked = await agent();
    const { exit, stderr } = await cli.run(['fdb', 'add', ...words]);
    expect([exit, stderr.slice(0, line.length)]).toEqual([2, line]);
    expect(asked).toEqual([]);
  });

  test('passes on which networks there are and exits 2', async () => {
    const two = [
      { name: 'lan0', vni: 7 },
      { name: 'lan1', vni: 8 },
    ];
    await agent('icx0', { fdbAdd: async () => ({ network: networkFor(two).name, removed: 0 }) });
    expect(await cli.run(['fdb', 'add', MAC, '--port', 'vm1'])).toEqual({
      exit: 2,
      stdout: '',
      stderr: 'icx: there are several L2 networks; name one with --network: lan0 (vni 7), lan1 (vni 8)\n',
    });
  });

  test('says how long an entry lives', async () => {
    const { stdout } = await cli.run(['fdb', 'add', '--help']);
    expect(stdout.replace(/\s+/g, ' ')).toContain('it lives until the agent ends');
  });
});

describe('icx fdb del', () => {
  test('removes a station, without a word', async () => {
    const asked = await agent();
    expect(await cli.run(['fdb', 'del', MAC])).toEqual({ exit: 0, stdout: '', stderr: '' });
    expect(asked).toEqual([['fdbDel', { mac: MAC }]]);
    expect((await cli.run(['fdb', 'del', 'x'])).exit).toBe(2);
  });
});

describe('icx fdb flush', () => {
  test('tells how many stations it forgot', async () => {
    const asked = await agent();
    expect(await cli.run(['fdb', 'flush'])).toMatchObject({
      exit: 0,
      stdout: 'lan0: 5 stations forgotten\n',
    });
    await cli.run(['fdb', 'flush', '--port', 'vm1']);
    await cli.run(['fdb', 'flush', '--peer', 'host-b', '-n', '7']);
    expect(asked).toEqual([
      ['fdbFlush', {}],
      ['fdbFlush', { port: 'vm1' }],
      ['fdbFlush', { network: '7', peer: 'host-b' }],
    ]);
  });

  test('takes one place at a time', async () => {
    const asked = await agent();
    expect((await cli.run(['fdb', 'flush', '--port', 'a', '--peer', 'b'])).exit).toBe(2);
    expect(asked).toEqual([]);
  });
});

describe('icx port add', () => {
  test('adds a port and tells its name', async () => {
    const asked = await agent();
    const add = ['port', 'add', '--type'];
    expect(await cli.run([...add, 'unix', '--path', 'vm2.sock'])).toEqual({
      exit: 0,
      stdout: 'lan0: port vm2 added\n',
      stderr: '',
    });
    await cli.run([...add, 'interface', '--device', 'veth0', '-n', 'lan0', '--max-stations', '5']);
    await cli.run([...add, 'vxlan', '--remote', '192.0.2.1', '--remote', '192.0.2.2', '--learn-remotes']);
    expect(asked).toEqual([
      ['portAdd', { port: { type: 'unix', name: 'vm2', path: resolve('vm2.sock') } }],
      [
        'portAdd',
        { network: 'lan0', port: { type: 'interface', name: 'veth0', device: 'veth0', max_stations: 5 } },
      ],
      [
        'portAdd',
        {
          port: { type: 'vxlan', name: 'vxlan', remotes: ['192.0.2.1', '192.0.2.2'], learn_remotes: true },
        },
      ],
    ]);
  });

  test.each([
    [[], "icx: required option '-t, --type <TYPE>' not specified;"],
    [['--type', 'tap'], "icx: option '-t, --type <TYPE>' argument 'tap' is invalid."],
    [['--type', 'unix'], 'icx: --type unix needs --path; icx port add --help explains it\n'],
    [['--type', 'interface', '--device', 'a', '--vni', '1'], 'icx: --vni is not for --type interface;'],
  ])('answers %j with 2 and asks no agent', async (words, line) => {
    const asked = await agent();
    const { exit, stderr } = await cli.run(['port', 'add', ...words]);
    expect([exit, stderr.slice(0, line.length)]).toEqual([2, line]);
    expect(asked).toEqual([]);
  });
});

describe('icx port del', () => {
  test('removes a port, without a word', async () => {
    const asked = await agent();
    expect(await cli.run(['port', 'del', 'vm2', '-n', 'lan0'])).toEqual({ exit: 0, stdout: '', stderr: '' });
    expect(asked).toEqual([['portDel', { network: 'lan0', name: 'vm2' }]]);
  });
});
