/** Agents under test: the real program in a host, from config to exit code. */
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient } from '../../cli/admin-client.ts';
import type { Status } from '../../cli/status-schema.ts';
import { MAIN, requireDist } from './dist.ts';
import type { Finished, Namespace } from './netns.ts';

/** What TOML can say on one line. */
export type Setting = string | number | boolean | readonly string[];
export type Settings = Readonly<Record<string, Setting>>;

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Base64 with padding, as `icx genkey` and `icx pubkey` write them. */
export function makeKeyPair(): KeyPair {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const base64 = (text: string) => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: base64(d), publicKey: base64(x) };
}

export interface AgentConfig {
  /** Keys of `[interface]` besides name and private key. */
  readonly interface: Settings;
  /** `[[peer]]` sections, complete. */
  readonly peers: readonly Settings[];
  readonly metrics?: Settings;
  readonly log?: Settings;
  /** What follows the peers, in order: titles as `[[port]]` or `[[network]]`. */
  readonly sections?: readonly ConfigSection[];
}

export interface ConfigSection {
  readonly title: string;
  readonly settings: Settings;
}

export interface Exited {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal to the exit. */
  readonly ms: number;
}

const POLL_MS = 20;

/** A directory for configs, keys, logs and admin sockets of one test file. */
export class AgentDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'icx-e2e-'));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export class Agent {
  readonly host: Namespace;
  readonly name: string;
  readonly keys: KeyPair;
  readonly #directory: string;
  #process: ChildProcess | null = null;
  #exited: Promise<Exited> | null = null;

  /** @param name Of interface, config and socket: at most 15 characters, unique in the directory. */
  constructor(host: Namespace, directory: AgentDirectory, name: string, keys: KeyPair = makeKeyPair()) {
    requireDist();
    this.host = host;
    this.name = name;
    this.keys = keys;
    this.#directory = join(directory.path, name);
    mkdirSync(this.#directory, { mode: 0o700 });
  }

  get configFile(): string {
    return join(this.#directory, `${this.name}.toml`);
  }

  /** Gives config, key and socket to an ordinary user; to be called again when the config was written anew. */
  giveTo(uid: number): void {
    for (const name of ['', ...readdirSync(this.#directory)])
      chownSync(join(this.#directory, name), uid, uid);
  }

  get admin(): AdminClient {
    return new AdminClient(this.name, this.#directory);
  }

  /** Everything the agent wrote to stdout and stderr, over all its runs. */
  get log(): string {
    return readFileSync(join(this.#directory, 'log'), 'utf8');
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  writeConfig(config: AgentConfig): void {
    const keyFile = join(this.#directory, 'key');
    writeFileSync(keyFile, `${this.keys.privateKey}\n`, { mode: 0o600 });
    const base = { name: this.name, private_key_file: keyFile };
    const sections = [
      section('[interface]', { ...base, ...config.interface }),
      section('[metrics]', config.metrics ?? { listen: false }),
      section('[log]', config.log ?? { level: 'info' }),
      ...config.peers.map((peer) => section('[[peer]]', peer)),
      ...(config.sections ?? []).map(({ title, settings }) => section(title, settings)),
    ];
    writeFileSync(this.configFile, sections.join('\n'), { mode: 0o600 });
  }

  /**
   * Starts the agent without waiting for it.
   *
   * @param prefix Words of a command that runs the rest of its line.
   * @param more   Options of `icx up`.
   */
  start(env: NodeJS.ProcessEnv = {}, prefix: readonly string[] = [], more: readonly string[] = []): void {
    // The child writes by itself: what it says last must not arrive when the directory is gone.
    const log = openSync(join(this.#directory, 'log'), 'a');
    const argv = [...prefix, process.execPath, MAIN, 'up', '--config', this.configFile, ...more];
    const child = this.host.spawn(argv, { env: this.#env(env), stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.on('exit', (code, signal) => resolve({ code, signal, ms: 0 }));
      child.on('error', () => resolve({ code: null, signal: null, ms: 0 }));
    });
  }

  /** Resolves when the admin socket answers. @throws {Error} with the log's end when it does not. */
  async waitReady(timeoutMs = 10_000): Promise<void> {
    await this.until('answers', timeoutMs, () => true);
  }

  /** Resolves when the peers (all by default) are up. */
  waitPeers(names: readonly string[] = [], timeoutMs = 15_000): Promise<Status> {
    return this.until(`has ${names.join(', ') || 'its peers'} up`, timeoutMs, (status) =>
      status.peers
        .filter((peer) => names.length === 0 || names.includes(peer.name))
        .every((peer) => peer.state === 'up' && peer.sas.tx.length > 0),
    );
  }

  /** Polls the status until `done`. @throws {Error} with the log's end when the time is over. */
  async until(what: string, timeoutMs: number, done: (status: Status) => boolean): Promise<Status> {
    const endAtMs = performance.now() + timeoutMs;
    let last: unknown;
    for (;;) {
      const status = await this.admin.status().catch((error: unknown) => {
        last = error;
        return null;
      });
      if (status !== null && done(status)) return status;
      if (status !== null) last = JSON.stringify(status.peers);
      if (performance.now() > endAtMs) {
        const log = this.log.split('\n').slice(-20).join('\n');
        throw new Error(`${this.name} never ${what} within ${timeoutMs} ms; last: ${last}\n${log}`);
      }
      await sleep(POLL_MS);
    }
  }

  status(): Promise<Status> {
    return this.admin.status();
  }

  /** Runs `icx ARGS…` in the agent's host, against its admin socket. */
  cli(...args: string[]): Promise<Finished> {
    const variables = [`ICX_RUN_DIR=${this.#directory}`];
    return this.host.exec(['env', ...variables, process.execPath, MAIN, ...args], { timeoutMs: 60_000 });
  }

  /** Sends a signal and waits for the exit. @throws {Error} when it does not come in time. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 10_000): Promise<Exited> {
    const startedAtMs = performance.now();
    this.#process?.kill(signal);
    const late = sleep(timeoutMs, null, { ref: false });
    const exited = await Promise.race([this.#exited, late]);
    if (exited === null) {
      this.#process?.kill('SIGKILL');
      throw new Error(`${this.name} still runs ${timeoutMs} ms after ${signal}`);
    }
    return { ...exited, ms: performance.now() - startedAtMs };
  }

  #env(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { ...process.env, ICX_RUN_DIR: this.#directory, ...extra };
  }
}

function section(title: string, settings: Settings): string {
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${[title, ...lines].join('\n')}\n`;
}
