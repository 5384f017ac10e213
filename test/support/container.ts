/** Containers for end-to-end tests: namespaces that the real plugin attaches to a real agent. */
import type { ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Agent } from './agent.ts';
import { MAIN } from './dist.ts';
import type { Finished, Lab, Namespace } from './netns.ts';

/** The plugin under test. */
export const CNI_MAIN = join(dirname(MAIN), '../cni/main.js');

export type Verb = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

export interface CniResult {
  readonly interfaces: readonly { readonly name: string; readonly mac: string; readonly sandbox?: string }[];
  readonly ips: readonly {
    readonly address: string;
    readonly gateway?: string;
    readonly interface: number;
  }[];
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

/** An answer of the plugin that is an error. */
export class CniFailure extends Error {
  readonly code: number;
  readonly details: string;

  constructor(verb: Verb, { code, msg, details = '' }: { code: number; msg: string; details?: string }) {
    super(`${verb}: ${msg}${details === '' ? '' : `: ${details}`}`);
    this.code = code;
    this.details = details;
  }
}

export interface NetworkSetup {
  readonly name: string;
  /** Directory of the leases. */
  readonly dataDir: string;
  readonly ranges: readonly (readonly object[])[];
  /** More keys of the network configuration. */
  readonly more?: object;
}

/** One network configuration of a host, as an operator writes it for all containers. */
export class CniNetwork {
  readonly agent: Agent;
  readonly #setup: NetworkSetup;

  constructor(agent: Agent, setup: NetworkSetup) {
    this.agent = agent;
    this.#setup = setup;
  }

  get name(): string {
    return this.#setup.name;
  }

  config(more: object = {}): object {
    const { name, ranges, dataDir } = this.#setup;
    const families = new Set(JSON.stringify(ranges).includes('::') ? ['0.0.0.0/0', '::/0'] : ['0.0.0.0/0']);
    return {
      cniVersion: '1.1.0',
      name,
      type: 'icx-cni',
      ipam: { ranges, dataDir, routes: [...families].map((dst) => ({ dst })) },
      ...this.#setup.more,
      ...more,
    };
  }

  /** Starts the plugin without waiting for it. */
  spawn(verb: Verb, container: Container | null, more: object = {}): ChildProcess {
    const child = this.agent.host.spawn(this.#argv(verb, container), { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin?.on('error', () => {});
    child.stdin?.end(JSON.stringify(this.config(more)));
    return child;
  }

  /** @throws {CniFailure} */
  async call(verb: Verb, container: Container | null, more: object = {}): Promise<unknown> {
    const input = JSON.stringify(this.config(more));
    const done = await this.agent.host.exec(this.#argv(verb, container), { input, timeoutMs: 70_000 });
    return answerOf(verb, done);
  }

  #argv(verb: Verb, container: Container | null): string[] {
    const variables = [
      `ICX_RUN_DIR=${dirname(this.agent.configFile)}`,
      `CNI_COMMAND=${verb}`,
      'CNI_PATH=/nowhere',
    ];
    if (container !== null) {
      variables.push(`CNI_CONTAINERID=${container.id}`, `CNI_IFNAME=${container.ifname}`);
      if (container.netns !== '') variables.push(`CNI_NETNS=${container.netns}`);
    }
    return ['env', ...variables, process.execPath, CNI_MAIN];
  }
}

/** What a runtime knows of a container. */
export interface Container {
  readonly id: string;
  readonly ifname: string;
  /** Path; empty where it is not known any more. */
  readonly netns: string;
}

/** A container with a namespace, attached or not. */
export class TestContainer implements Container {
  readonly id: string;
  readonly ifname = 'eth0';
  readonly space: Namespace;
  result: CniResult | null = null;

  constructor(lab: Lab, label: string) {
    this.space = lab.addHost(label);
    this.id = `${label}-0123456789abcdef`;
  }

  get netns(): string {
    return `/run/netns/${this.space.name}`;
  }

  async add(network: CniNetwork, more: object = {}): Promise<CniResult> {
    this.result = (await network.call('ADD', this, more)) as CniResult;
    return this.result;
  }

  async del(network: CniNetwork): Promise<void> {
    await network.call('DEL', this);
  }

  async check(network: CniNetwork, more: object = {}): Promise<void> {
    await network.call('CHECK', this, { prevResult: { cniVersion: '1.1.0', ...this.result }, ...more });
  }

  /** Its address of a family, without length. */
  ip(family: 4 | 6): string {
    const found = this.result?.ips.find(({ address }) => address.includes(':') === (family === 6));
    return found?.address.split('/')[0] ?? '';
  }
}

/** @throws {CniFailure} */
function answerOf(verb: Verb, { code, stdout, stderr }: Finished): unknown {
  const answer: unknown = stdout === '' ? null : JSON.parse(stdout);
  if (code === 0) return answer;
  if (answer === null) throw new Error(`${verb} ended with ${code} and no answer: ${stderr}`);
  throw new CniFailure(verb, answer as { code: number; msg: string; details?: string });
}

/** What containers could leave on a host: interfaces, addresses, routes, rules of nftables, the agent's ports. */
export async function containerTraces(agent: Agent): Promise<string> {
  const { host } = agent;
  const views = ['-o link show', '-o address show', '-4 route show table all', '-6 route show table all'];
  const network = views.map((view) => `# ${view}\n${withoutAccidents(host.ip(view))}`);
  const rules = (await host.exec(['nft', 'list', 'ruleset'])).stdout;
  const { networks } = await agent.admin.l2.portList({}).catch(() => ({ networks: [] }));
  const ports = networks.flatMap(({ network: name, ports: own }) =>
    own.map((port) => `${name} ${port.name}`),
  );
  return [...network, '# rules', rules, '# ports', ...ports].join('\n');
}

function withoutAccidents(text: string): string {
  return text
    .replace(/ (valid_lft|preferred_lft|expires|qdisc|qlen|tentative) ?\S*/g, '')
    .split('\n')
    .map((line) => line.replace(/^\d+: /, ''))
    .filter((line) => !/fe80:|^$/.test(line))
    .sort()
    .join('\n');
}
