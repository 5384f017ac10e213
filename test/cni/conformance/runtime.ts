/** A container runtime for tests: calls the plugin as the specification says, with an agent at a real socket. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SUPPORTED_VERSIONS } from '../../../cni/cni-version.ts';
import { runPlugin } from '../../../cni/plugin.ts';
import { FakeAgent } from './fake-agent.ts';

export const CONTAINER = 'c0ffee';
export const NETNS = '/run/netns/c0ffee';
export const VERSIONS = SUPPORTED_VERSIONS;

export interface Answer {
  readonly exit: number;
  /** Parsed standard output; null when it was empty. */
  // biome-ignore lint/suspicious/noExplicitAny: tests name what they expect of it.
  readonly json: any;
  readonly log: readonly string[];
}

type Variables = Readonly<Record<string, string | undefined>>;

export class Runtime {
  readonly dir = mkdtempSync(join(tmpdir(), 'icx-cni-'));
  readonly runDir = join(this.dir, 'run');
  readonly dataDir = join(this.dir, 'leases');
  readonly binDir = join(this.dir, 'bin');
  agent: FakeAgent | null = null;

  async startAgent(name = 'icx0'): Promise<FakeAgent> {
    this.agent = await FakeAgent.listen(join(this.runDir, `${name}.sock`));
    return this.agent;
  }

  async stop(): Promise<void> {
    await this.agent?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A configuration with a small range of addresses. */
  config(changes: object = {}): object {
    const ipam = { ranges: [[{ subnet: '10.1.0.0/29' }]], dataDir: this.dataDir };
    return { cniVersion: '1.1.0', name: 'pods', type: 'icx-cni', ipam, ...changes };
  }

  /** Runs a verb for the container `CONTAINER`, unless `variables` say otherwise. */
  call(verb: string, config: object | string = this.config(), variables: Variables = {}): Promise<Answer> {
    const standard = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: CONTAINER,
      CNI_NETNS: NETNS,
      CNI_IFNAME: 'eth0',
      CNI_PATH: this.binDir,
    };
    return this.raw(
      { ...standard, ...variables },
      typeof config === 'string' ? config : JSON.stringify(config),
    );
  }

  async raw(variables: Variables, stdin: string): Promise<Answer> {
    const log: string[] = [];
    const { exit, stdout } = await runPlugin({
      variables,
      stdin: () => stdin,
      runDir: this.runDir,
      log: (line) => log.push(line),
    });
    return { exit, json: stdout === '' ? null : JSON.parse(stdout), log };
  }

  /** A container by number, with a namespace of its own. */
  static container(index: number): Variables {
    return { CNI_CONTAINERID: `c${index}`, CNI_NETNS: `/run/netns/c${index}` };
  }

  /** Puts a plugin into CNI_PATH: a shell script that notes what it got. */
  plugin(name: string, script: string): void {
    mkdirSync(this.binDir, { recursive: true });
    const path = join(this.binDir, name);
    writeFileSync(
      path,
      `#!/bin/sh\nstdin=$(cat)\necho "$CNI_COMMAND $stdin" >> ${this.dir}/calls\n${script}\n`,
    );
    chmodSync(path, 0o755);
  }
}

/** The form of an error, with its code. */
export function failure(code: number, cniVersion = '1.1.0'): object {
  return { exit: 1, json: { cniVersion, code } };
}
