/** Talks to running agents over their admin sockets. */
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { basename, join, resolve } from 'node:path';
import type { z } from 'zod';
import {
  AGENT_INFO,
  type AgentInfo,
  REKEY_REPORT,
  RELOAD_REPORT,
  type RekeyReport,
  type ReloadReport,
} from './admin-api.ts';
import { AdminCode, AdminError, ERROR_BODY } from './admin-error.ts';
import type { L2Api } from './admin-l2-api.ts';
import { l2Client } from './admin-l2-routes.ts';
import type { RelayApi } from './admin-relay-api.ts';
import { relayClient } from './admin-relay-routes.ts';
import { orAsRoot, RUN_DIR, refuseForeignDir } from './run-dir.ts';
import { STATUS, type Status } from './status-schema.ts';

const TIMEOUT_MS = {
  info: 2000,
  status: 5000,
  plan: 10_000,
  l2: 20_000,
  relay: 20_000,
  reload: 60_000,
  rekey: 120_000,
} as const;

export function socketPath(name: string, dir: string = RUN_DIR): string {
  return join(dir, `${name}.sock`);
}

/** Names of the sockets in `dir`, sorted; their agents may be dead. @throws {AdminError} */
export function listAgents(dir: string = RUN_DIR): string[] {
  refuseForeignDir(dir);
  try {
    const files = readdirSync(dir).filter((file) => file.endsWith('.sock'));
    return files.map((file) => basename(file, '.sock')).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return [];
    throw new AdminError(AdminCode.socket, `cannot look for agents in ${dir}: ${code}`, 'run as root');
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One agent. Every method rejects with AdminError, also with the codes of the agent's own errors. */
export class AdminClient {
  readonly name: string;
  readonly l2: L2Api = l2Client((path, answer, request) =>
    this.#ask('POST', path, answer, TIMEOUT_MS.l2, request),
  );
  readonly relay: RelayApi = relayClient((path, answer, request) =>
    this.#ask('POST', path, answer, TIMEOUT_MS.relay, request),
  );
  readonly #dir: string;
  readonly #path: string;

  constructor(name: string, dir: string = RUN_DIR) {
    this.name = name;
    this.#dir = dir;
    this.#path = socketPath(name, dir);
  }

  info(): Promise<AgentInfo> {
    return this.#ask('GET', '/v1/agent', AGENT_INFO, TIMEOUT_MS.info);
  }

  status(): Promise<Status> {
    return this.#ask('GET', '/v1/status', STATUS, TIMEOUT_MS.status);
  }

  rekey(peers: readonly string[]): Promise<RekeyReport> {
    return this.#ask('POST', '/v1/rekey', REKEY_REPORT, TIMEOUT_MS.rekey, { peers });
  }

  reload(): Promise<ReloadReport> {
    return this.#ask('POST', '/v1/reload', RELOAD_REPORT, TIMEOUT_MS.reload);
  }

  plan(file: string): Promise<ReloadReport> {
    return this.#ask('POST', '/v1/plan', RELOAD_REPORT, TIMEOUT_MS.plan, { file: resolve(file) });
  }

  /** Asks for the shutdown; resolves when the agent agreed. */
  down(): Promise<AgentInfo> {
    return this.#ask('POST', '/v1/down', AGENT_INFO, TIMEOUT_MS.info);
  }

  async #ask<T extends z.ZodType>(
    method: string,
    path: string,
    schema: T,
    timeoutMs: number,
    body: object = {},
  ): Promise<z.output<T>> {
    refuseForeignDir(this.#dir);
    const answer = await this.#send(method, path, timeoutMs, method === 'GET' ? '' : JSON.stringify(body));
    const json = this.#parse(answer.body);
    if (answer.status >= 300) {
      const { data } = ERROR_BODY.safeParse(json);
      const { code, message, hint } = data?.error ?? this.#strange();
      throw new AdminError(code, message, hint);
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) throw this.#strange();
    return parsed.data;
  }

  #parse(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch {
      throw this.#strange();
    }
  }

  #strange(): AdminError {
    const hint = 'is the running agent another version of icx? Restart it';
    return new AdminError(
      AdminCode.protocol,
      `the agent ${this.name} gave an answer that makes no sense`,
      hint,
    );
  }

  #send(method: string, path: string, timeoutMs: number, body: string): Promise<Answer> {
    return new Promise((resolveAnswer, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const outgoing = request(
        { socketPath: this.#path, method, path, headers, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => reject(this.#unreachable(error)));
          response.on('end', () => {
            resolveAnswer({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      outgoing.setTimeout(timeoutMs, () => {
        const message = `the agent ${this.name} did not answer within ${timeoutMs / 1000} s`;
        outgoing.destroy(new AdminError(AdminCode.timeout, message, this.#hungHint()));
      });
      outgoing.on('error', (error) => reject(this.#unreachable(error)));
      outgoing.end(body);
    });
  }

  #hungHint(): string {
    return `look at its log; if it hangs, ss -xlp src ${this.#path} shows its pid, kill -9 ends it, and the next icx up clears up`;
  }

  #unreachable(error: NodeJS.ErrnoException): AdminError {
    if (error instanceof AdminError) return error;
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
      const others = listAgents(this.#dir).filter((name) => name !== this.name);
      const start = `start it with icx up ${this.name}${orAsRoot(this.#dir)}`;
      const hint = others.length > 0 ? `here are ${others.join(', ')}` : start;
      return new AdminError(AdminCode.notRunning, `${this.name} is not running`, hint);
    }
    const hint =
      error.code === 'EACCES' || error.code === 'EPERM' ? 'run as root' : 'is the agent still running?';
    return new AdminError(
      AdminCode.socket,
      `cannot talk to ${this.#path}: ${error.code ?? error.message}`,
      hint,
    );
  }
}
