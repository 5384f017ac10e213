/** Plugin and agent are killed in the middle of every verb: what is left, the next GC and the next start clear up. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentDirectory } from '../support/agent.ts';
import { startCniHosts } from '../support/cni-hosts.ts';
import { type CniNetwork, containerTraces, TestContainer, type Verb } from '../support/container.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { filesIn } from '../support/host-state.ts';
import { Lab } from '../support/netns.ts';
import { missingTools } from '../support/tools.ts';

const WEB = { runtimeConfig: { portMappings: [{ hostPort: 8_080, containerPort: 80, protocol: 'tcp' }] } };
const GC_KEY = 'cni.dev/valid-attachments';
/** From before the plugin has said a word to after its answer. */
const PLUGIN_DELAYS_MS = [60, 100, 150];
/** From when the agent has written what it is about to do, to when it is done. */
const AGENT_DELAYS_MS = [0, 6, 15];
/** A network of frames differs in a few steps only: one moment of each is enough. */
const momentsOf = (mode: 'l2' | 'l3', delaysMs: readonly number[]) =>
  mode === 'l3' ? delaysMs : [delaysMs[1]];
const VERBS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS'] as const;

for (const mode of ['l3', 'l2'] as const) {
  describeHosts(
    `Killed in the middle, with an ${mode} network`,
    () => {
      const lab = new Lab();
      const directory = new AgentDirectory();
      let network: CniNetwork;
      let container: TestContainer;
      let before: string;

      beforeAll(async () => {
        [network] = (await startCniHosts(lab, directory, mode)).networks;
        container = new TestContainer(lab, 'c1');
        await container.add(network, WEB);
        await container.del(network);
        before = await everything();
      });
      afterAll(() => {
        lab.close();
        directory.remove();
      });

      const recordDir = () => join(dirname(network.agent.configFile), `${network.agent.name}.attachments`);

      /** With records, leases and what is in the container. */
      async function everything(): Promise<string> {
        const leases = filesIn(join(directory.path, 'leases-1', network.name)).filter(
          (name) => !name.startsWith('.last'),
        );
        const parts = [
          await containerTraces(network.agent),
          '# records',
          ...filesIn(recordDir()),
          '# leases',
          ...leases,
        ];
        return [...parts, '# container', container.space.ip('-o link show')].join('\n');
      }

      /** What it is about is there before, but for ADD. */
      async function begin(verb: Verb) {
        if (verb !== 'ADD') await container.add(network, WEB);
        const isOfContainer = verb !== 'GC' && verb !== 'STATUS';
        const more = {
          ADD: WEB,
          DEL: WEB,
          CHECK: { ...WEB, prevResult: { cniVersion: '1.1.0', ...container.result } },
          GC: { [GC_KEY]: [] },
          STATUS: {},
          VERSION: {},
        }[verb];
        return network.spawn(verb, isOfContainer ? container : null, more);
      }

      async function clearUp(): Promise<void> {
        await network.call('GC', null, { [GC_KEY]: [] });
        expect(await everything()).toBe(before);
        await container.add(network, WEB);
        await container.check(network, WEB);
        await container.del(network);
        expect(await everything()).toBe(before);
      }

      test.each(VERBS)(
        'the plugin, by SIGKILL, in %s',
        async (verb) => {
          const delaysMs = verb === 'ADD' || verb === 'DEL' ? momentsOf(mode, PLUGIN_DELAYS_MS) : [100];
          for (const delayMs of delaysMs) {
            const child = await begin(verb);
            await sleep(delayMs);
            child.kill('SIGKILL');
            await clearUp();
          }
        },
        120_000,
      );

      test.each(VERBS)(
        'the agent, by SIGKILL, in %s',
        async (verb) => {
          const { agent } = network;
          const writes = verb === 'ADD' || verb === 'DEL' || verb === 'GC';
          for (const delayMs of writes ? momentsOf(mode, AGENT_DELAYS_MS) : [0]) {
            const child = await begin(verb);
            const ended = new Promise((resolve) => child.on('exit', resolve));
            if (writes) await untilRecord(verb === 'ADD' ? 'making' : 'removing');
            else await sleep(100);
            await sleep(delayMs);
            await agent.stop('SIGKILL');
            await ended;
            agent.start();
            await agent.waitPeers();
            await clearUp();
          }
        },
        180_000,
      );

      /** Or until it is too late to see it, which counts as the moment after. */
      async function untilRecord(state: string): Promise<void> {
        const endAtMs = performance.now() + 1_000;
        while (performance.now() < endAtMs) {
          for (const name of filesIn(recordDir()))
            if (textOf(join(recordDir(), name)).includes(`"${state}"`)) return;
          if (state === 'removing' && readdirSync(recordDir()).length === 0) return;
          await sleep(0);
        }
      }
    },
    missingTools(['nft']),
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
