/** Configs and hosts that an agent refuses: what it says, and that it changes nothing. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Agent, AgentDirectory, makeKeyPair, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { MAIN } from '../support/dist.ts';
import { filesIn, hostState, restingState } from '../support/host-state.ts';
import { Lab, type Namespace } from '../support/netns.ts';

const PEER_KEY = makeKeyPair().publicKey;

/** A good config by lines; tests break one or more. Line 1 is `[interface]`. */
const GOOD: readonly string[] = [
  '[interface]',
  'private_key_file = "key"',
  'address = ["10.77.0.1/24", "fd77::1/64"]',
  'vni = 1',
  '[[peer]]',
  'name = "host-b"',
  `public_key = "${PEER_KEY}"`,
  'endpoint = "192.0.2.2"',
  'allowed_ips = ["10.77.0.2/32", "fd77::2/128"]',
];

/** Line number → what stands there instead; lines beyond the end are added. */
type Changes = Readonly<Record<number, string>>;

interface Bad {
  readonly what: string;
  readonly changes: Changes;
  /** Line numbers and words of the complaints, in order. */
  readonly says: readonly (readonly [line: number, text: RegExp])[];
}

const BAD: readonly Bad[] = [
  { what: 'an unknown key', changes: { 4: 'vnii = 1' }, says: [[4, /unknown key "vnii"; did you mean vni/]] },
  { what: 'a VNI too large', changes: { 4: 'vni = 16777216' }, says: [[4, /vni.*16777216.*1 to 16777215/]] },
  { what: 'a broken key', changes: { 7: 'public_key = "c2hvcnQ="' }, says: [[7, /public_key is not a key/]] },
  {
    what: 'host bits in a prefix',
    changes: { 9: 'allowed_ips = ["10.77.0.2/24"]' },
    says: [[9, /10\.77\.0\.2\/24.*10\.77\.0\.0\/24/]],
  },
  {
    what: 'a duplicate peer',
    changes: { 10: '[[peer]]', 11: 'name = "host-c"', 12: `public_key = "${PEER_KEY}"` },
    says: [[12, /public_key is that of peer host-b too/]],
  },
  { what: 'a TOML syntax error', changes: { 3: 'address = ["10.77.0.1/24"' }, says: [[4, /./]] },
  {
    what: 'a missing key file',
    changes: { 2: 'private_key_file = "absent"' },
    says: [[2, /does not exist/]],
  },
  {
    what: 'several mistakes at once',
    changes: {
      2: 'private_key_file = "open-key"',
      4: 'vni = 0',
      6: 'nam = "host-b"',
      8: 'endpoint = "192.0.2.2:99999"',
      9: 'allowed_ips = ["10.77.0.1/32"]',
    },
    says: [
      [2, /open-key is open to group or others \(mode 0644\); run chmod 600/],
      [4, /vni/],
      [6, /unknown key "nam"; did you mean name/],
      [8, /99999/],
      [9, /10\.77\.0\.1\/32 is an address of this host/],
    ],
  },
];

/** A plain line: no stack, no source location of ours, no error class, no secret. */
function expectPlain(text: string): string[] {
  expect(text).not.toMatch(/\n\s+at |node:|\.js:\d|\.ts:\d|Error:|undefined|\[object/);
  return text.split('\n').filter((line) => line !== '');
}

describeHosts('a bad config', () => {
  const directory = new AgentDirectory();
  const lab = new Lab();
  let host: Namespace;
  const keys = makeKeyPair();
  const file = join(directory.path, 'icx0.toml');
  beforeAll(() => {
    host = lab.addHost('a');
    writeFileSync(join(directory.path, 'key'), `${keys.privateKey}\n`, { mode: 0o600 });
    copyFileSync(join(directory.path, 'key'), join(directory.path, 'open-key'));
    chmodSync(join(directory.path, 'open-key'), 0o644);
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  function write(changes: Changes): void {
    const lines = [...GOOD];
    for (const [line, text] of Object.entries(changes)) lines[Number(line) - 1] = text;
    writeFileSync(file, `${lines.join('\n')}\n`);
  }

  function icx(...args: string[]) {
    return host.exec(['env', `ICX_RUN_DIR=${join(directory.path, 'run')}`, process.execPath, MAIN, ...args]);
  }

  test('is told from a good one', async () => {
    write({});
    expect(await icx('check', file)).toEqual({
      code: 0,
      stdout: `${file}: ok: icx0, vni 1, 1 peer\n`,
      stderr: '',
    });
  });

  test.each(BAD)(
    'with $what: exit 2, a line each with file and line, nothing changed',
    async ({ changes, says }) => {
      write(changes);
      const before = await hostState(host);
      const [checked, up] = await Promise.all([icx('check', file), icx('up', '--config', file)]);
      for (const { code, stdout, stderr } of [checked, up]) {
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        const lines = expectPlain(stderr);
        expect(lines.map((line) => line.split(':').slice(0, 2).join(':'))).toEqual(
          says.map(([line]) => `${file}:${line}`),
        );
        for (const [index, [, text]] of says.entries()) expect(lines[index]).toMatch(text);
        expect(stderr).not.toContain(keys.privateKey.slice(0, 20));
      }
      expect(await hostState(host)).toBe(before);
      expect(filesIn(join(directory.path, 'run'))).toEqual([]);
    },
  );

  test('that is not there, or has no name: exit 2 and one line', async () => {
    for (const args of [
      ['check', '/nowhere/x.toml'],
      ['up', '--config', '/nowhere/x.toml'],
      ['up'],
      ['up', 'a/b'],
    ]) {
      const { code, stdout, stderr } = await icx(...args);
      expect({ code, stdout, lines: expectPlain(stderr).length }).toEqual({ code: 2, stdout: '', lines: 1 });
    }
  });
});

describeHosts('a host that has no room', () => {
  const directory = new AgentDirectory();
  const others = [new AgentDirectory(), new AgentDirectory(), new AgentDirectory()];
  const lab = new Lab();
  let host: Namespace;
  let running: Agent;
  let state: string;

  beforeAll(async () => {
    host = lab.addHost('a');
    host.ip('link add eth0 type veth peer name far0');
    host.ip('link set far0 up');
    host.ip('link set eth0 up');
    host.ip('address add 192.0.2.1/24 dev eth0');
    running = new Agent(host, directory, 't1');
    running.writeConfig({
      interface: { address: ['10.77.0.1/24'], queues: 2 },
      peers: [peerBehind('10.77.0.2/32')],
      metrics: { listen: '127.0.0.1:6083' },
    });
    running.start();
    await running.waitReady();
  });
  beforeEach(async () => {
    state = await restingState(host);
  });
  afterAll(() => {
    lab.close();
    for (const each of [directory, ...others]) each.remove();
  });

  function peerBehind(allowed: string): Settings {
    return { name: 'host-b', public_key: PEER_KEY, endpoint: '192.0.2.2', allowed_ips: [allowed] };
  }

  /** Starts an agent that must refuse. @returns What it said. */
  async function refused(
    agent: Agent,
    own: Settings,
    metrics: Settings = { listen: false },
  ): Promise<string> {
    const ports = { listen_port: 7_081, control_port: 7_082 };
    agent.writeConfig({
      interface: { address: ['10.78.0.1/24'], ...ports, ...own },
      peers: [peerBehind('10.78.0.2/32')],
      metrics,
      log: { level: 'warn' },
    });
    const { code, stdout, stderr } = await agent.cli('up', '--config', agent.configFile);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = expectPlain(stderr).filter((line) => !line.startsWith('{'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^icx: /);
    return lines[0] ?? '';
  }

  async function expectUnharmed(): Promise<void> {
    // The running agent looks at the routes anew when interfaces come and go: give it time to rest.
    await expect.poll(() => hostState(host), { timeout: 10_000 }).toBe(state);
    expect((await running.status()).pid).toBe(running.pid);
  }

  test('a second `icx up` of the same config names the one that runs', async () => {
    const { code, stdout, stderr } = await running.cli('up', '--config', running.configFile);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(`icx: t1 is already running (pid ${running.pid}); stop it with icx down t1\n`);
    await expectUnharmed();
  });

  describe.each([1, 2])('an interface of that name, with queues = %i', (queues) => {
    test('of another agent is left alone', async () => {
      const [elsewhere = directory] = others.splice(0, 1);
      const second = new Agent(host, elsewhere, 't1');
      expect(await refused(second, { queues })).toMatch(/t1.*(exists|in use|busy)/i);
      await expectUnharmed();
      elsewhere.remove();
    });
  });

  test.each([1, 2])('of another kind is left alone, with queues = %i', async (queues) => {
    host.ip(`link add d${queues} type veth peer name e${queues}`);
    state = await restingState(host);
    const agent = new Agent(host, directory, `d${queues}`);
    expect(await refused(agent, { queues })).toMatch(/d\d.*(exists|in use|busy|invalid)/i);
    await expectUnharmed();
  });

  test.each([
    ['the data port', { listen_port: 6_081, queues: 1 }, /6081/],
    ['the data port, with two queues,', { listen_port: 6_081, queues: 2 }, /6081/],
    ['the control port', { control_port: 6_082 }, /6082/],
  ])('%s in use is named', async (what, own, says) => {
    const agent = new Agent(host, directory, `p${what.length}`);
    expect(await refused(agent, own)).toMatch(says);
    await expectUnharmed();
  });

  test('the metrics port in use is named', async () => {
    const agent = new Agent(host, directory, 'm1');
    expect(await refused(agent, {}, { listen: '127.0.0.1:6083' })).toMatch(/6083/);
    await expectUnharmed();
  });

  test('without /dev/net/tun says so', async () => {
    const agent = new Agent(host, directory, 'n1');
    agent.writeConfig({
      interface: { address: ['10.78.0.1/24'], listen_port: 7_081, control_port: 7_082 },
      peers: [],
    });
    // `ip netns exec` gives every program mounts of its own.
    const script = `mount -t tmpfs none /dev/net && exec ${process.execPath} ${MAIN} up --config ${agent.configFile}`;
    const { code, stderr } = await host.exec(['env', `ICX_RUN_DIR=${directory.path}/n1`, 'sh', '-c', script]);
    expect(code).toBe(1);
    expect(expectPlain(stderr).at(-1)).toMatch(/^icx: .*\/dev\/net\/tun.*no such file/i);
    await expectUnharmed();
  });
});
