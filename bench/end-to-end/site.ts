/** Two hosts with one tunnel between them: its processes, its files, and the end of both. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DemoLab, HOSTS, type HostName } from '../../cli/demo/lab.ts';

/** Inner MTU of every tunnel, and of the link where there is none. */
export const MTU = 1_400;
const UP_TIMEOUT_MS = 20_000;
const LOG_LINES = 5;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Site {
  readonly lab = new DemoLab();
  /** Processes of the tunnel. */
  readonly pids: number[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'icx-bench-'));
  /** Files outside of the directory that go with the site. */
  readonly leftovers: string[] = [];
  readonly #ended: string[] = [];
  readonly #onExit = () => this.close();
  readonly #noOffload: boolean;

  /** @param noOffload Whether the link is to carry single packets, as most wires do. */
  constructor(noOffload: boolean) {
    this.#noOffload = noOffload;
    process.once('exit', this.#onExit);
    try {
      this.lab.create();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** To be called before anything is started. */
  async prepare(): Promise<void> {
    if (!this.#noOffload) return;
    const features = ['tso', 'gso', 'gro', 'tx-udp-segmentation'].flatMap((feature) => [feature, 'off']);
    for (const host of HOSTS) await this.run(host, ['ethtool', '-K', 'eth0', ...features]);
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): string {
    writeFileSync(this.file(name), text, { mode: 0o600 });
    return this.file(name);
  }

  /** Starts a process of the tunnel in a host. */
  start(host: HostName, argv: readonly string[], env: NodeJS.ProcessEnv = {}): void {
    const log = openSync(this.file(`${host}.log`), 'a');
    const child = this.lab.spawn(host, argv, ['ignore', log, log], { ...process.env, ...env });
    closeSync(log);
    if (child.pid !== undefined) this.pids.push(child.pid);
    const end = (how: string) => this.#ended.push(`${argv[0]} in host ${host} ended: ${how}`);
    child.on('exit', (code, signal) => end(`${signal ?? `exit code ${code}`}`));
    child.on('error', (error) => end(error.message));
  }

  /** Runs a program in a host to its end. @throws {Error} with its output when it fails or takes too long. */
  async run(host: HostName, argv: readonly string[], timeoutMs = 10_000): Promise<string> {
    const finished = await finish(this.lab.spawn(host, argv, ['ignore', 'pipe', 'pipe']), timeoutMs);
    if (finished.code === 0) return finished.stdout;
    const why = (finished.stderr || finished.stdout).trim().split('\n').slice(-LOG_LINES).join('\n');
    throw new Error(
      `${argv.join(' ')}: ${finished.code === null ? 'no end in time' : `exit code ${finished.code}`}: ${why}`,
    );
  }

  /** Waits until host a gets an answer. @throws {Error} with the logs' ends when none comes. */
  async untilAnswers(target: string): Promise<void> {
    const endAtMs = performance.now() + UP_TIMEOUT_MS;
    while (performance.now() < endAtMs && this.#ended.length === 0) {
      const answered = await this.run('a', ['ping', '-n', '-c', '1', '-W', '1', target]).then(
        () => true,
        () => false,
      );
      if (answered) return;
      await sleep(50);
    }
    const why = this.#ended.length > 0 ? this.#ended.join('; ') : `no answer from ${target}`;
    throw new Error([why, ...HOSTS.map((host) => this.#logEnd(host))].filter(Boolean).join('\n'));
  }

  /** Ends and removes everything. Idempotent; throws nothing. */
  close(): void {
    process.off('exit', this.#onExit);
    this.lab.removeSync();
    rmSync(this.directory, { recursive: true, force: true });
    for (const path of this.leftovers) rmSync(path, { force: true });
  }

  #logEnd(host: HostName): string {
    try {
      return readFileSync(this.file(`${host}.log`), 'utf8')
        .trim()
        .split('\n')
        .slice(-LOG_LINES)
        .join('\n');
    } catch {
      return '';
    }
  }
}

/** Collects what a process says until it ends; killed after `timeoutMs`. */
export function finish(child: ChildProcess, timeoutMs: number): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
