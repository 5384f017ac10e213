/** The HTTP endpoint for monitoring: /metrics, /healthz and /readyz, nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CliError, Exit } from './cli-error.ts';

export interface MonitorOptions {
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** Exposition text and its content type. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** Null when all workers run, else what is wrong. */
  health(): string | null;
  /** Null once packets can flow, else what is still missing. */
  readiness(): string | null;
}

export interface Monitor {
  readonly port: number;
  close(): Promise<void>;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';

/** The address to bind is on no interface of this host, now. */
export const NO_ADDRESS = 'ERR_ICX_HTTP_ADDRESS';

/** @throws {CliError} ERR_ICX_HTTP or NO_ADDRESS when the address can't be bound. */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const server = createServer((incoming, response) => void serve(incoming, response, options));
  // Strangers may reach it when it isn't bound to loopback.
  server.maxConnections = 64;
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server),
  };
}

function listen(server: Server, { host, port }: MonitorOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(bindError(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function bindError(error: NodeJS.ErrnoException, host: string, port: number): CliError {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const reason =
    error.code === 'EADDRINUSE'
      ? 'the port is in use'
      : error.code === 'EADDRNOTAVAIL'
        ? 'this host has no such address'
        : (error.code ?? error.message);
  const hint = 'set another listen in [metrics], or false';
  const code = error.code === 'EADDRNOTAVAIL' ? NO_ADDRESS : 'ERR_ICX_HTTP';
  return new CliError(`cannot serve metrics at ${place}: ${reason}`, hint, Exit.failed, code);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  options: MonitorOptions,
): Promise<void> {
  const page = await answer(incoming, options);
  if (response.destroyed) return;
  response.writeHead(page.status, {
    'content-type': page.type,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(incoming.method === 'HEAD' ? undefined : page.body);
}

async function answer(incoming: IncomingMessage, options: MonitorOptions): Promise<Page> {
  const path = (incoming.url ?? '').split('?', 1)[0];
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') return plain(405, 'only GET and HEAD');
  if (path === '/healthz') return state(options.health());
  if (path === '/readyz') return state(options.readiness());
  if (path !== '/metrics') return plain(404, 'here are /metrics, /healthz and /readyz');
  try {
    return { status: 200, type: options.metrics.contentType, body: await options.metrics.text() };
  } catch (error) {
    return plain(503, `no metrics now: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function state(problem: string | null): Page {
  return problem === null ? plain(200, 'ok') : plain(503, problem);
}

function plain(status: number, line: string): Page {
  return { status, type: TEXT, body: `${line}\n` };
}
