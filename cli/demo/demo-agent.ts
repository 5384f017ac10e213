/** One of the demo's two agents: its config, its process, its admin socket. */
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient } from '../admin-client.ts';
import type { Status } from '../status-schema.ts';
import { type DemoLab, type HostName, OVERLAY4, OVERLAY6, UNDERLAY } from './lab.ts';

const POLL_MS = 25;
const LOG_LINES = 5;

/** A key pair as `icx genkey` and `icx pubkey` write them. */
export interface DemoKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

export function makeKeys(): DemoKeys {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const base64 = (text: string) => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: base64(d), publicKey: base64(x) };
}

export class DemoAgent {
  readonly host: HostName;
  readonly #lab: DemoLab;
  readonly #directory: string;
  readonly #main: string;
  #process: ChildProcess | null = null;
  #exit: { code: number | null; signal: NodeJS.Signals | null } | null = null;

  /**
   * @param directory Private to the demo; holds keys, configs, logs and admin sockets.
   * @param main      Path of the program's entry point.
   */
  constructor(host: HostName, lab: DemoLab, directory: string, main: string) {
    this.host = host;
    this.#lab = lab;
    this.#directory = directory;
    this.#main = main;
  }

  get name(): string {
    return `demo-${this.host}`;
  }

  get admin(): AdminClient {
    return new AdminClient(this.name, this.#directory);
  }

  /** Starts the agent; it is up when `untilConnected` says so. */
  start(keys: DemoKeys, peerPublicKey: string): void {
    const file = (suffix: string) => join(this.#directory, `${this.name}.${suffix}`);
    writeFileSync(file('key'), `${keys.privateKey}\n`, { mode: 0o600 });
    writeFileSync(file('toml'), config(this.host, this.name, file('key'), peerPublicKey), { mode: 0o600 });
    const log = openSync(file('log'), 'w', 0o600);
    const argv = [process.execPath, this.#main, 'up', '--config', file('toml')];
    const env = { ...process.env, ICX_RUN_DIR: this.#directory };
    this.#process = this.#lab.spawn(this.host, argv, ['ignore', log, log], env);
    closeSync(log);
    this.#process.on('exit', (code, signal) => {
      this.#exit = { code, signal };
    });
    this.#process.on('error', () => {
      this.#exit = { code: null, signal: null };
    });
  }

  /**
   * @returns The agent's status once its peer is up.
   * @throws {Error} after `timeoutMs`, or when the agent ended; with the end of its log.
   */
  async untilConnected(timeoutMs: number): Promise<Status> {
    const endAtMs = performance.now() + timeoutMs;
    while (performance.now() < endAtMs) {
      if (this.#exit !== null) throw new Error(`agent ${this.host} ended: ${this.#logEnd()}`);
      const status = await this.admin.status().catch(() => null);
      const peer = status?.peers[0];
      if (status !== null && peer?.state === 'up' && peer.sas.tx.length > 0) return status;
      await sleep(POLL_MS);
    }
    throw new Error(`agent ${this.host} has no peer after ${timeoutMs / 1_000} s: ${this.#logEnd()}`);
  }

  /**
   * Ends the agent as systemd would.
   *
   * @returns How long it took in ms.
   * @throws {Error} when it does not end in time, or not with exit code 0.
   */
  async stop(timeoutMs: number): Promise<number> {
    const startedAtMs = performance.now();
    this.#process?.kill('SIGTERM');
    while (this.#exit === null && performance.now() - startedAtMs < timeoutMs) await sleep(POLL_MS / 5);
    if (this.#exit === null)
      throw new Error(`agent ${this.host} still runs ${timeoutMs / 1_000} s after SIGTERM`);
    if (this.#exit.code !== 0) {
      const { code, signal } = this.#exit;
      throw new Error(`agent ${this.host} ended with ${signal ?? `exit code ${code}`}: ${this.#logEnd()}`);
    }
    return performance.now() - startedAtMs;
  }

  #logEnd(): string {
    const log = readFileSync(join(this.#directory, `${this.name}.log`), 'utf8').trim();
    return log === '' ? 'its log is empty' : log.split('\n').slice(-LOG_LINES).join('\n');
  }
}

function config(host: HostName, name: string, keyFile: string, peerPublicKey: string): string {
  const peer = host === 'a' ? 'b' : 'a';
  return `[interface]
name = "${name}"
private_key_file = "${keyFile}"
address = ["${OVERLAY4[host]}/24", "${OVERLAY6[host]}/64"]

[metrics]
listen = false

[[peer]]
name = "demo-${peer}"
public_key = "${peerPublicKey}"
endpoint = "${UNDERLAY[peer]}"
allowed_ips = ["${OVERLAY4[peer]}/32", "${OVERLAY6[peer]}/128"]
`;
}
