/** Commands around an agent's life, and what the service manager hears of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Agent, AgentDirectory, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { hostState } from '../support/host-state.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { ServiceManager } from '../support/service-manager.ts';

let directory: AgentDirectory;
let lab: Lab;
let host: Namespace;
let before: string;
let count = 0;

/** Notes when it ran, and whether the interface and its address were there. */
function note(stage: string): string {
  const file = join(directory.path, 'notes');
  return `echo ${stage} %i $(ip -o address show dev %i 2>/dev/null | grep -c 'inet ') >>${file}`;
}

function notes(): string[] {
  const file = join(directory.path, 'notes');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

function makeAgent(own: Settings): Agent {
  const agent = new Agent(host, directory, `h${++count}`);
  agent.writeConfig({ interface: { address: ['10.77.0.1/24'], ...own }, peers: [] });
  return agent;
}

function setUp(): void {
  beforeAll(() => {
    lab = new Lab();
    host = lab.addHost('a');
  });
  beforeEach(async () => {
    directory = new AgentDirectory();
    before = await hostState(host);
  });
  afterEach(() => directory.remove());
  afterAll(() => lab.close());
}

describeHosts('hooks', () => {
  setUp();

  test('run in order, with the interface there for post_up and pre_down alone', async () => {
    const stages = ['pre_up', 'post_up', 'pre_down', 'post_down'];
    const agent = makeAgent(Object.fromEntries(stages.map((stage) => [stage, [note(stage), 'true']])));
    agent.start();
    await agent.waitReady();
    await agent.until('ran post_up', 5_000, () => notes().length === 2);
    expect(await agent.stop()).toMatchObject({ code: 0 });
    const { name } = agent;
    expect(notes()).toEqual([
      `pre_up ${name} 0`,
      `post_up ${name} 1`,
      `pre_down ${name} 1`,
      `post_down ${name} 0`,
    ]);
    expect(await hostState(host)).toBe(before);
  }, 30_000);

  test('that fail going up end the start with a reason, and nothing is left', async () => {
    for (const stage of ['pre_up', 'post_up'] as const) {
      const agent = makeAgent({
        [stage]: [note(stage), 'exit 7', note('never')],
        post_down: [note('post_down')],
      });
      const { code, stdout, stderr } = await agent.cli('up', '--config', agent.configFile);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      const [complaint] = stderr.split('\n').filter((line) => line.startsWith('icx: '));
      expect(complaint).toBe(
        `icx: cannot run ${stage} command 'exit 7': exit status 7; correct ${stage} in the config`,
      );
      expect(await hostState(host)).toBe(before);
    }
    expect(notes().map((line) => line.split(' ')[0])).toEqual([
      'pre_up',
      'post_down',
      'post_up',
      'post_down',
    ]);
  }, 30_000);

  test('that fail or hang going down do not keep anything', async () => {
    const agent = makeAgent({
      pre_down: ['false', note('pre_down'), 'sleep 20'],
      post_down: [note('post_down')],
    });
    agent.start();
    await agent.waitReady();
    const exited = await agent.stop();
    expect(exited.code).toBe(0);
    expect(exited.ms).toBeLessThan(2_000);
    expect(notes()).toEqual([`pre_down ${agent.name} 1`, `post_down ${agent.name} 0`]);
    expect(agent.log).toContain("Cannot run pre_down command 'sleep 20': interrupted");
    expect(agent.log).toContain("Cannot run pre_down command 'false': exit status 1");
    expect(await hostState(host)).toBe(before);
    expect(existsSync(join(directory.path, agent.name, `${agent.name}.sock`))).toBe(false);
  }, 30_000);

  test('leave programs behind that hold neither interface nor port', async () => {
    const pidFile = join(directory.path, 'pid');
    const agent = makeAgent({ post_up: [`sleep 60 & echo $! >${pidFile}`] });
    agent.start();
    await agent.waitReady();
    await agent.until('ran post_up', 5_000, () => existsSync(pidFile));
    await agent.stop('SIGKILL');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(host.pids()).toContain(pid);
    // The kernel takes the device down a moment after its last descriptor.
    for (let look = 0; look < 50 && host.ip('-o link show').includes(agent.name); look++) await sleep(20);
    process.kill(pid, 'SIGKILL');
    expect(host.ip('-o link show')).not.toContain(agent.name);
  }, 30_000);
});

describeHosts('the service manager', () => {
  setUp();

  test('hears READY=1 once the interface is up and hooks ran, and STOPPING=1 before it goes', async () => {
    const manager = new ServiceManager(join(directory.path, 'notify'));
    const agent = makeAgent({ post_up: ['sleep 0.3', note('post_up')], pre_down: [note('pre_down')] });
    agent.start({ NOTIFY_SOCKET: manager.path });
    await manager.until('READY=1', 10_000);
    expect(notes()).toEqual([`post_up ${agent.name} 1`]);
    expect(manager.states()).toEqual(['READY=1', `STATUS=${agent.name} is up`]);
    const stopped = agent.stop();
    await manager.until('STOPPING=1', 2_000);
    expect(await stopped).toMatchObject({ code: 0 });
    expect(manager.states().filter((state) => state === 'STOPPING=1')).toHaveLength(1);
    manager.close();
  }, 30_000);

  test('may be gone: the agent says so and goes on', async () => {
    const agent = makeAgent({});
    agent.start({ NOTIFY_SOCKET: join(directory.path, 'nobody') });
    await agent.waitReady();
    expect((await agent.status()).interface.name).toBe(agent.name);
    expect(agent.log).toContain('the service manager was not told');
    expect(await agent.stop()).toMatchObject({ code: 0 });
  }, 30_000);
});
