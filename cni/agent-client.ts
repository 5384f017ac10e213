/** Asks a running agent about containers, over its admin socket and without a schema library. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type {
  Attach,
  Attached,
  AttachmentList,
  Checked,
  Detach,
  Detached,
  Gc,
  GcReport,
  List,
  Readiness,
  Ready,
} from './attach-api.ts';
import { ATTACH_PATH, AttachCode } from './attach-protocol.ts';
import { CniCode, CniError } from './cni-error.ts';
import { isObject } from './fields.ts';

/** kubelet gives a sandbox four minutes. */
const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const CNI_CODE: Readonly<Record<string, number>> = {
  [AttachCode.noNetwork]: CniCode.invalidConfig,
  [AttachCode.unsupported]: CniCode.invalidConfig,
  [AttachCode.noNetns]: CniCode.unknownContainer,
  [AttachCode.exists]: CniCode.exists,
  [AttachCode.addressTaken]: CniCode.addressTaken,
  [AttachCode.portTaken]: CniCode.portTaken,
  [AttachCode.kernel]: CniCode.io,
  [AttachCode.busy]: CniCode.tryLater,
};

/** Methods reject with CniError: 50 when no agent runs, 11 when it is late, or what the agent's code means. */
export class AgentClient {
  readonly #runDir: string;
  readonly #name: string | null;
  readonly #timeoutMs: number;

  /** @param name Null means the only agent. */
  constructor(runDir: string, name: string | null, timeoutMs = TIMEOUT_MS) {
    this.#runDir = runDir;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
  }

  attach(request: Attach): Promise<Attached> {
    return this.#ask(ATTACH_PATH.attach, request);
  }

  detach(request: Detach): Promise<Detached> {
    return this.#ask(ATTACH_PATH.detach, request);
  }

  check(request: Attach): Promise<Checked> {
    return this.#ask(ATTACH_PATH.check, request);
  }

  gc(request: Gc): Promise<GcReport> {
    return this.#ask(ATTACH_PATH.gc, request);
  }

  ready(request: Ready): Promise<Readiness> {
    return this.#ask(ATTACH_PATH.ready, request);
  }

  list(request: List): Promise<AttachmentList> {
    return this.#ask(ATTACH_PATH.list, request);
  }

  /** What the agent writes is trusted as far as its shape goes: plugin and agent are of one package. */
  async #ask<T>(path: string, request: object): Promise<T> {
    const { status, body } = await this.#post(this.#socket(), path, JSON.stringify(request));
    const answer = parse(body);
    if (status < 300 && isObject(answer)) return answer as T;
    throw refusal(answer);
  }

  #socket(): string {
    if (this.#name !== null) return join(this.#runDir, `${this.#name}.sock`);
    const sockets = listSockets(this.#runDir);
    const [only, ...others] = sockets;
    if (only === undefined) {
      throw new CniError(CniCode.unavailable, 'no icx agent is running', 'start one with icx up NAME');
    }
    if (others.length === 0) return join(this.#runDir, only);
    const names = sockets.map((socket) => socket.slice(0, -'.sock'.length)).join(', ');
    throw new CniError(
      CniCode.invalidConfig,
      'several icx agents are running',
      `set agent to one of ${names}`,
    );
  }

  async #post(socketPath: string, path: string, body: string): Promise<{ status: number; body: string }> {
    // Not at the top: VERSION needs none of it.
    const { request } = await import('node:http');
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const outgoing = request({ socketPath, method: 'POST', path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_ANSWER_BYTES) outgoing.destroy(strange());
          else chunks.push(chunk);
        });
        response.on('error', (error) => reject(unreachable(socketPath, error)));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      outgoing.setTimeout(this.#timeoutMs, () => {
        const seconds = this.#timeoutMs / 1000;
        outgoing.destroy(new CniError(CniCode.tryLater, `the icx agent did not answer within ${seconds} s`));
      });
      outgoing.on('error', (error) => reject(unreachable(socketPath, error)));
      outgoing.end(body);
    });
  }
}

function listSockets(runDir: string): string[] {
  try {
    return readdirSync(runDir)
      .filter((file) => file.endsWith('.sock'))
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new CniError(CniCode.io, `cannot look for icx agents in ${runDir}: ${code}`);
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw strange();
  }
}

function refusal(answer: unknown): CniError {
  const error = isObject(answer) ? answer.error : undefined;
  if (!isObject(error) || typeof error.code !== 'string' || typeof error.message !== 'string')
    return strange();
  const details = typeof error.hint === 'string' ? error.hint : '';
  return new CniError(CNI_CODE[error.code] ?? CniCode.agent, error.message, details);
}

function strange(): CniError {
  const details = 'are plugin and agent of the same version? Restart the agent';
  return new CniError(CniCode.agent, 'the icx agent gave an answer that makes no sense', details);
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): CniError {
  if (error instanceof CniError) return error;
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    const details = `nobody listens at ${socketPath}: start it with icx up NAME`;
    return new CniError(CniCode.unavailable, 'the icx agent is not running', details);
  }
  return new CniError(CniCode.io, `cannot talk to ${socketPath}: ${error.code ?? error.message}`);
}
