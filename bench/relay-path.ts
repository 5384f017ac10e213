/**
 * A guest, its host and a server in three network namespaces: the guest's datagrams leave by the host's
 * relay, or by the kernel's masquerade. They are counted where they arrive, at a socket that nobody reads.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeKeys } from '../cli/demo/demo-agent.ts';
import { exitOnSignals } from './end-to-end/signals.ts';

const PORT = 7_000;
const GUEST = '10.78.0.9';
const GATEWAY_MAC = '026963000007';
const SERVER = '198.51.100.2';
const PATIENCE_MS = 20_000;
const PAUSE_MS = 50;

export type Way = 'relay' | 'masquerade';

export interface RelayRound {
  /** Datagrams that arrived. */
  readonly datagrams: number;
  readonly seconds: number;
}

export class RelayPath {
  readonly #way: Way;
  readonly #directory = mkdtempSync(join(tmpdir(), 'icx-bench-relay-'));
  readonly #prefix = `icxb-${process.pid}`;
  readonly #children: ChildProcess[] = [];

  /** Makes hosts and links, and starts what the way needs. @throws {Error} with nothing left. */
  constructor(way: Way) {
    this.#way = way;
    exitOnSignals();
    process.once('exit', () => this.close());
    for (const name of ['guest', 'host', 'server']) run('ip', 'netns', 'add', this.#netns(name));
    this.#link('host', 'server', ['198.51.100.1/24', `${SERVER}/24`]);
    this.#link('guest', 'host', [`${GUEST}/24`, '10.78.0.1/24']);
    this.#start('server', ['sink', SERVER, `${PORT}`]);
    if (way === 'relay') this.#startRelay();
    else this.#startMasquerade();
    this.#untilOneArrives();
  }

  /** Sends for a while. @param len Bytes of each datagram's data. */
  round(len: number, ms: number): RelayRound {
    const before = this.#arrived();
    const sender = spawnSync('ip', this.#program(...this.#sender(len, ms)), { encoding: 'utf8' });
    if (sender.status !== 0) throw new Error(`the sender failed: ${sender.stderr}`);
    const seconds = Number(sender.stdout);
    pause(PAUSE_MS);
    return { datagrams: this.#arrived() - before, seconds };
  }

  close(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    for (const name of ['guest', 'host', 'server']) spawnSync('ip', ['netns', 'del', this.#netns(name)]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #sender(len: number, ms: number): [host: string, argv: string[]] {
    if (this.#way === 'masquerade') return ['guest', ['udp', SERVER, `${PORT}`, `${len}`, `${ms}`]];
    const target = [this.#file('port.sock'), GATEWAY_MAC, GUEST, SERVER, `${PORT}`];
    return ['host', ['frames', ...target, `${len}`, `${ms}`]];
  }

  #untilOneArrives(): void {
    for (const endAtMs = performance.now() + PATIENCE_MS; performance.now() < endAtMs; pause(PAUSE_MS)) {
      const before = this.#arrived();
      const { status } = spawnSync('ip', this.#program(...this.#sender(8, 1)));
      pause(PAUSE_MS);
      if (status === 0 && this.#arrived() > before) return;
    }
    throw new Error(`nothing arrives by the ${this.#way}`);
  }

  #startRelay(): void {
    const config = this.#file('bench.toml');
    const settings = [
      `[interface]\nname = "bench"\nprivate_key = "${makeKeys().privateKey}"\nvni = 7`,
      '[metrics]\nlisten = false',
      '[relay]',
      `[[port]]\ntype = "unix"\nname = "vm"\npath = "${this.#file('port.sock')}"\naddress = ["${GUEST}"]`,
    ];
    writeFileSync(config, `${settings.join('\n\n')}\n`, { mode: 0o600 });
    const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
    const argv = [process.execPath, main, 'up', '--userspace', '--config', config];
    const env = { ...process.env, ICX_RUN_DIR: this.#directory };
    this.#keep(spawn('ip', this.#inside('host', argv), { env, stdio: 'ignore' }));
  }

  #startMasquerade(): void {
    run('ip', '-n', this.#netns('guest'), 'route', 'add', 'default', 'via', '10.78.0.1');
    run('ip', ...this.#inside('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']));
    run('ip', ...this.#inside('host', ['nft', 'add', 'table', 'ip', 'nat']));
    run(
      'ip',
      ...this.#inside('host', ['nft', 'add chain ip nat out { type nat hook postrouting priority 100; }']),
    );
    run('ip', ...this.#inside('host', ['nft', 'add', 'rule', 'ip', 'nat', 'out', 'masquerade']));
  }

  /** UDP datagrams that the server's kernel had a socket for. @see proc_net_snmp(5) */
  #arrived(): number {
    const text = run('ip', ...this.#inside('server', ['cat', '/proc/net/snmp']));
    const [names = [], values = []] = text
      .split('\n')
      .filter((line) => line.startsWith('Udp:'))
      .map((line) => line.split(' '));
    const of = (name: string) => Number(values[names.indexOf(name)]);
    return of('InDatagrams') + of('RcvbufErrors');
  }

  #link(a: string, b: string, [own, theirs]: readonly [string, string]): void {
    const [left, right] = [`to-${b}`, `to-${a}`];
    const peer = ['peer', 'name', right, 'netns', this.#netns(b)];
    run('ip', '-n', this.#netns(a), 'link', 'add', left, 'type', 'veth', ...peer);
    for (const [host, device, address] of [
      [a, left, own],
      [b, right, theirs],
    ] as const) {
      run('ip', '-n', this.#netns(host), 'addr', 'add', address, 'dev', device);
      run('ip', '-n', this.#netns(host), 'link', 'set', device, 'up');
      run('ip', '-n', this.#netns(host), 'link', 'set', 'lo', 'up');
    }
  }

  #start(host: string, argv: readonly string[]): void {
    this.#keep(spawn('ip', this.#program(host, argv), { stdio: 'ignore' }));
  }

  /** The bench ends when it is through, and they with it. */
  #keep(child: ChildProcess): void {
    child.unref();
    this.#children.push(child);
  }

  #program(host: string, argv: readonly string[]): string[] {
    const sender = fileURLToPath(new URL('./relay-sender.js', import.meta.url));
    return this.#inside(host, [process.execPath, sender, ...argv]);
  }

  #inside(host: string, argv: readonly string[]): string[] {
    return ['netns', 'exec', this.#netns(host), ...argv];
  }

  #netns(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Nothing else is to happen meanwhile. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
