/** Hosts for end-to-end tests: network namespaces joined by veth links or a bridge, always removed. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import koffi from 'koffi';

const PREFIX = 'icxt';
const CLONE_NEWNET = 0x40000000;
const setns = koffi.load('libc.so.6').func('setns', 'int', ['int', 'int']) as (
  fd: number,
  kind: number,
) => number;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Standard input. */
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
}

/** Why tests with namespaces can't run here; null when they can. Printed by whoever skips. */
export function skipReason(): string | null {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  try {
    const probe = `${PREFIX}-${process.pid}-probe`;
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'del', probe], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `needs iproute2 and the right to make namespaces: ${error instanceof Error ? error.message : error}`;
  }
}

/** One host. */
export class Namespace {
  readonly name: string;
  readonly label: string;

  constructor(name: string, label: string) {
    this.name = name;
    this.label = label;
  }

  /** Runs `ip` in here, arguments as on the command line; throws with its stderr. */
  ip(command: string): string {
    return runIp(['-n', this.name, ...command.split(' ')]);
  }

  ipBatch(commands: readonly string[], family: 4 | 6 = 4): void {
    runIp(['-n', this.name, `-${family}`, '-batch', '-'], commands.join('\n'));
  }

  /** Processes that run in here. */
  pids(): number[] {
    return runIp(['netns', 'pids', this.name]).split('\n').filter(Boolean).map(Number);
  }

  /** Starts a program in here; its pid is the program's own. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.name, ...argv], { stdio: 'pipe', ...options });
  }

  /** Runs a program in here to its end; killed after `timeoutMs`. */
  exec(argv: readonly string[], { input = '', timeoutMs = 20_000 }: ExecOptions = {}): Promise<Finished> {
    const child = this.spawn(argv);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** `enter` for what ends before it returns, so that nothing else can run meanwhile. */
  inside<T>(body: () => T): T {
    const home = openSync('/proc/thread-self/ns/net', 'r');
    try {
      const there = openSync(`/run/netns/${this.name}`, 'r');
      joinNamespace(there);
      closeSync(there);
      return body();
    } finally {
      joinNamespace(home);
      closeSync(home);
    }
  }

  /**
   * Runs `body` with this process's own main thread in here: sockets it opens and programs it
   * starts belong to the namespace. Nothing else of the test may run meanwhile.
   */
  async enter<T>(body: () => T | Promise<T>): Promise<T> {
    const home = openSync('/proc/thread-self/ns/net', 'r');
    try {
      const there = openSync(`/run/netns/${this.name}`, 'r');
      joinNamespace(there);
      closeSync(there);
      return await body();
    } finally {
      joinNamespace(home);
      closeSync(home);
    }
  }
}

function joinNamespace(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0)
    throw new Error(`Cannot change network namespace: errno ${koffi.errno()}`);
}

export interface LinkOptions {
  readonly mtu?: number;
  /** Underlay addresses with prefix length of either end. */
  readonly addresses: readonly [readonly string[], readonly string[]];
  /** Whether the link carries single packets, as wires do, not the super-packets that veth passes whole. */
  readonly segmented?: boolean;
}

export interface MeshOptions {
  readonly mtu?: number;
  readonly segmented?: boolean;
  /** Whether hosts get `fd00:192::N/64` instead of `192.0.2.N/24`; N counts from 1. */
  readonly ipv6?: boolean;
}

let labs = 0;

/** A set of hosts that goes away as a whole. */
export class Lab {
  readonly hosts: Namespace[] = [];
  readonly #id = `${PREFIX}-${process.pid}-${++labs}`;
  readonly #onExit = () => this.close();

  constructor() {
    removeAbandoned();
    process.once('exit', this.#onExit);
  }

  /** @param label Short name, unique in the lab. */
  addHost(label: string): Namespace {
    const host = new Namespace(`${this.#id}-${label}`, label);
    runIp(['netns', 'add', host.name]);
    this.hosts.push(host);
    host.ip('link set lo up');
    return host;
  }

  /** Joins two hosts by a veth pair that is called `eth0` at both ends. */
  link(a: Namespace, b: Namespace, { mtu = 1500, addresses, segmented = false }: LinkOptions): void {
    a.ip(`link add eth0 mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${b.name}`);
    bringUp(a, 'eth0', addresses[0], segmented);
    bringUp(b, 'eth0', addresses[1], segmented);
  }

  /** Hosts that all reach each other through a bridge; the bridge lives in a host of its own. */
  mesh(
    labels: readonly string[],
    { mtu = 1500, segmented = false, ipv6 = false }: MeshOptions = {},
  ): Namespace[] {
    const bridge = this.addHost('br');
    bridge.ip(`link add br0 type bridge mcast_snooping 0`);
    bridge.ip(`link set br0 mtu ${mtu} up`);
    return labels.map((label, index) => {
      const host = this.addHost(label);
      host.ip(`link add eth0 mtu ${mtu} type veth peer name port${index} mtu ${mtu} netns ${bridge.name}`);
      bridge.ip(`link set port${index} master br0 up`);
      if (segmented) bridge.ip(`link set port${index} gso_max_segs 1`);
      bringUp(host, 'eth0', [ipv6 ? `fd00:192::${index + 1}/64` : `192.0.2.${index + 1}/24`], segmented);
      return host;
    });
  }

  /** Kills what still runs in the hosts and removes them. Idempotent; throws nothing. */
  close(): void {
    process.removeListener('exit', this.#onExit);
    for (const host of this.hosts.splice(0)) removeNamespace(host.name);
  }
}

function bringUp(host: Namespace, device: string, addresses: readonly string[], segmented: boolean): void {
  host.ip(`link set ${device} up`);
  if (segmented) host.ip(`link set ${device} gso_max_segs 1`);
  for (const address of addresses) {
    host.ip(`address add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`);
  }
}

/** Namespaces of test processes that were killed. */
function removeAbandoned(): void {
  for (const line of runIp(['netns', 'list']).split('\n')) {
    const [, name = '', pid = ''] = /^((?:icxt)-(\d+)-\S+)/.exec(line) ?? [];
    if (name !== '' && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

function removeNamespace(name: string): void {
  try {
    const pids = new Namespace(name, '').pids();
    for (const pid of pids.filter((pid) => pid !== process.pid)) killQuietly(pid);
    runIp(['netns', 'del', name]);
  } catch {
    // Already gone.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

function runIp(args: readonly string[], input = ''): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], input });
}
