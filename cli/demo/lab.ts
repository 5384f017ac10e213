/** The demo's two hosts: network namespaces joined by a veth pair. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CliError } from '../cli-error.ts';

const PREFIX = 'icx-demo';
const UNDERLAY_MTU = 1_500;

export type HostName = 'a' | 'b';
export const HOSTS = ['a', 'b'] as const;

/** Addresses of a host. TEST-NET-1 and unique local ones: they exist in the namespaces only. */
export const UNDERLAY = { a: '192.0.2.1', b: '192.0.2.2' } as const;
export const OVERLAY4 = { a: '10.77.0.1', b: '10.77.0.2' } as const;
export const OVERLAY6 = { a: 'fd77::1', b: 'fd77::2' } as const;

export class DemoLab {
  readonly #names = { a: `${PREFIX}-${process.pid}-a`, b: `${PREFIX}-${process.pid}-b` } as const;

  /** @throws {CliError} where namespaces can't be made, as in most unprivileged containers. */
  create(): void {
    removeAbandoned();
    try {
      for (const host of HOSTS) ip(['netns', 'add', this.#names[host]]);
      const end = ['mtu', `${UNDERLAY_MTU}`];
      const pair = ['link', 'add', 'eth0', ...end, 'type', 'veth', 'peer', 'name', 'eth0', ...end];
      ip(['-n', this.#names.a, ...pair, 'netns', this.#names.b]);
      for (const host of HOSTS) {
        this.ip(host, ['link', 'set', 'lo', 'up']);
        this.ip(host, ['address', 'add', `${UNDERLAY[host]}/24`, 'dev', 'eth0']);
        this.ip(host, ['link', 'set', 'eth0', 'up']);
      }
    } catch (error) {
      const came = error instanceof Error ? (error.message.split('\n').at(1) ?? error.message) : `${error}`;
      throw new CliError(
        `cannot make two network namespaces: ${came}`,
        'in a container: start it with --privileged',
      );
    }
  }

  /** Runs `ip` in a host. */
  ip(host: HostName, args: readonly string[]): string {
    return ip(['-n', this.#names[host], ...args]);
  }

  /**
   * Starts a program in a host. It does not hear the terminal's Ctrl-C: the demo decides when
   * it ends.
   */
  spawn(
    host: HostName,
    argv: readonly string[],
    stdio: ['ignore' | 'pipe', number | 'pipe', number | 'pipe'],
    env: NodeJS.ProcessEnv = process.env,
  ): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.#names[host], ...argv], { stdio, env, detached: true });
  }

  /** Interfaces and rules of a host that should not be there any more. */
  leftovers(host: HostName): string[] {
    const links = this.ip(host, ['-o', 'link', 'show']).split('\n');
    const rules = [...this.ip(host, ['rule']).split('\n'), ...this.ip(host, ['-6', 'rule']).split('\n')];
    return [
      ...links.filter((line) => line !== '' && !/^\d+: (lo|eth0)[:@]/.test(line)),
      ...rules.filter((line) => line !== '' && !/lookup (local|main|default)\s*$/.test(line)),
    ].map((line) => line.trim());
  }

  /** Kills what still runs in the hosts and removes them. Idempotent; throws nothing. */
  removeSync(): void {
    for (const host of HOSTS) removeNamespace(this.#names[host]);
  }
}

function removeNamespace(name: string): void {
  if (!existsSync(`/run/netns/${name}`)) return;
  try {
    for (const pid of ip(['netns', 'pids', name]).split('\n').filter(Boolean)) killQuietly(Number(pid));
    ip(['netns', 'del', name]);
  } catch {
    // Somebody else removed it.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

/** Hosts of demos that were killed. */
function removeAbandoned(): void {
  const list = ip(['netns', 'list']);
  for (const [, name = '', pid = ''] of list.matchAll(/^(icx-demo-(\d+)-[ab])\b/gm)) {
    if (!existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

function ip(args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
