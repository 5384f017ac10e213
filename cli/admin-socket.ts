/** The admin socket of a running agent: HTTP over a Unix socket that only its owner may open. */
import { existsSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { AgentApi, AgentInfo } from './admin-api.ts';
import { ATTACH_ROUTES } from './admin-attach-routes.ts';
import { AdminClient, socketPath } from './admin-client.ts';
import { AdminCode, AdminError, toErrorBody } from './admin-error.ts';
import { L2_ROUTES } from './admin-l2-routes.ts';
import { RELAY_ROUTES } from './admin-relay-routes.ts';
import { makeRunDir, RUN_DIR, SYSTEM_DIR } from './run-dir.ts';

const MAX_BODY_BYTES = 65_536;
/** Runtimes list all containers that they know. */
const MAX_ATTACH_BODY_BYTES = 32 * 1024 * 1024;

export interface AdminSocketOptions {
  readonly info: AgentInfo;
  readonly api: AgentApi;
  /** Directory of the socket; made with mode 0700. */
  readonly dir?: string;
}

export interface AdminSocket {
  readonly path: string;
  /** Ends open requests, removes the socket. Idempotent. */
  close(): Promise<void>;
  /** Removes the socket file at once, for exit handlers. */
  removeSync(): void;
}

type Route = (body: unknown, options: AdminSocketOptions) => unknown;

const REKEY_BODY = z.object({ peers: z.array(z.string()).max(10_000).default([]) });
const PLAN_BODY = z.object({ file: z.string().startsWith('/') });

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /v1/agent': (_, { info }) => info,
  'GET /v1/status': (_, { api }) => api.status(),
  'POST /v1/rekey': (body, { api }) => api.rekey(REKEY_BODY.parse(body).peers),
  'POST /v1/reload': (_, { api }) => api.reload(),
  'POST /v1/plan': (body, { api }) => api.plan(PLAN_BODY.parse(body).file),
  // The answer must be on its way before the shutdown closes the socket.
  'POST /v1/down': (_, { info, api }) => {
    setImmediate(() => api.down());
    return info;
  },
};

/**
 * Listens at DIR/NAME.sock. The socket of a dead agent is replaced.
 *
 * @throws {AdminError} ERR_ICX_ALREADY_RUNNING when a live agent has the name,
 *   ERR_ICX_ADMIN_SOCKET when the socket can't be made.
 */
export async function openAdminSocket(options: AdminSocketOptions): Promise<AdminSocket> {
  const dir = options.dir ?? RUN_DIR;
  const path = socketPath(options.info.interface, dir);
  await refuseLiveAgent(options.info.interface, dir);
  const server = createServer((incoming, response) => void serve(incoming, response, options));
  try {
    makeRunDir(dir);
    rmSync(path, { force: true });
    await listen(server, path);
  } catch (error) {
    if (error instanceof AdminError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const forRoot = (code === 'EACCES' || code === 'EPERM') && dir === SYSTEM_DIR;
    const hint = forRoot ? 'run as root' : 'ICX_RUN_DIR names another directory for it';
    throw new AdminError(AdminCode.socket, `cannot make the admin socket ${path}: ${code}`, hint);
  }
  return {
    path,
    close: () => close(server),
    removeSync: () => rmSync(path, { force: true }),
  };
}

async function refuseLiveAgent(name: string, dir: string): Promise<void> {
  if (!existsSync(socketPath(name, dir))) return;
  try {
    const { pid } = await new AdminClient(name, dir).info();
    throw new AdminError(
      AdminCode.alreadyRunning,
      `${name} is already running (pid ${pid})`,
      `stop it with icx down ${name}`,
    );
  } catch (error) {
    // Nobody listens: the agent was killed and left its socket.
    if (error instanceof AdminError && error.code === AdminCode.notRunning) return;
    throw error;
  }
}

/** The socket is its owner's from the start: the directory may be anybody's. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
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
  options: AdminSocketOptions,
): Promise<void> {
  try {
    const name = `${incoming.method} ${incoming.url}`;
    const [route, l2Route, relayRoute] = [ROUTES[name], L2_ROUTES[name], RELAY_ROUTES[name]];
    const attachRoute = ATTACH_ROUTES[name];
    const body = await readJson(incoming, attachRoute === undefined ? MAX_BODY_BYTES : MAX_ATTACH_BODY_BYTES);
    if (route !== undefined) {
      respond(response, 200, await route(body, options));
    } else if (l2Route !== undefined) {
      respond(response, 200, await l2Route(body, options.api.l2));
    } else if (relayRoute !== undefined) {
      respond(response, 200, await relayRoute(body, options.api.relay));
    } else if (attachRoute !== undefined) {
      respond(response, 200, await attachRoute(body, options.api.attachments));
    } else {
      const what = `the agent knows no ${name}`;
      respond(response, 404, toErrorBody(new AdminError(AdminCode.protocol, what)));
    }
  } catch (error) {
    const refused = error instanceof z.ZodError || error instanceof SyntaxError;
    const shown = refused ? new AdminError(AdminCode.protocol, 'the request makes no sense') : error;
    respond(response, refused ? 400 : 500, toErrorBody(shown));
  }
}

async function readJson(incoming: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new SyntaxError('too long');
    chunks.push(chunk);
  }
  return length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
}
