import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentApi, ReloadReport } from '../../cli/admin-api.ts';
import { AdminClient, listAgents, socketPath } from '../../cli/admin-client.ts';
import { AdminError } from '../../cli/admin-error.ts';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import { ConfigError } from '../../cli/config/config-error.ts';
import { fakeAttachments } from './fake-attachments.ts';
import { fakeL2 } from './fake-l2.ts';
import { fakeRelay } from './fake-relay.ts';
import { sampleStatus } from './sample-status.ts';

const INFO = { interface: 'icx0', pid: 4711, version: '0.1.0' };
const REPORT: ReloadReport = { interface: 'icx0', applied: true, changes: [] };

let dir: string;
let open: AdminSocket[] = [];
let calls: unknown[];

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'icx-admin-')), 'run');
  calls = [];
});
afterEach(async () => {
  for (const socket of open) await socket.close();
  open = [];
  rmSync(join(dir, '..'), { recursive: true, force: true });
});

function api(changes: Partial<AgentApi> = {}): AgentApi {
  return {
    status: async () => sampleStatus(),
    rekey: async (peers) => {
      calls.push(['rekey', peers]);
      return { interface: 'icx0', peers: [] };
    },
    reload: async () => REPORT,
    plan: async (file) => {
      calls.push(['plan', file]);
      return { ...REPORT, applied: false };
    },
    down: () => calls.push(['down']),
    l2: fakeL2(),
    relay: fakeRelay(),
    attachments: fakeAttachments(),
    ...changes,
  };
}

async function serve(changes: Partial<AgentApi> = {}): Promise<AdminClient> {
  open.push(await openAdminSocket({ info: INFO, api: api(changes), dir }));
  return new AdminClient('icx0', dir);
}

async function failure(promise: Promise<unknown>): Promise<AdminError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AdminError)) throw new Error(`expected an AdminError, got ${String(error)}`);
  return error;
}

/** A raw request, for what the client never sends. */
function raw(method: string, path: string, body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: socketPath('icx0', dir), method, path, agent: false },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('openAdminSocket()', () => {
  test('leaves the mode of a directory that was there before alone', async () => {
    mkdirSync(dir, { mode: 0o755 });
    chmodSync(dir, 0o755);
    const mask = process.umask();
    await serve();
    expect(statSync(dir).mode & 0o777).toBe(0o755);
    expect(statSync(socketPath('icx0', dir)).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(mask);
  });

  test('makes a socket that only its owner may open', async () => {
    await serve();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(socketPath('icx0', dir)).mode & 0o777).toBe(0o600);
    expect(listAgents(dir)).toEqual(['icx0']);
  });

  test('removes the socket when closed', async () => {
    const socket = await openAdminSocket({ info: INFO, api: api(), dir });
    await socket.close();
    await socket.close();
    expect(existsSync(socket.path)).toBe(false);
  });

  test('removes the socket at once for exit handlers', async () => {
    const socket = await openAdminSocket({ info: INFO, api: api(), dir });
    socket.removeSync();
    expect(existsSync(socket.path)).toBe(false);
    await socket.close();
  });

  test('replaces the socket of a dead agent', async () => {
    await serve();
    // A hard link keeps the file when its server removes it, as a killed agent would leave it.
    const path = socketPath('icx0', dir);
    linkSync(path, `${path}.left`);
    await open.pop()?.close();
    renameSync(`${path}.left`, path);
    expect((await failure(new AdminClient('icx0', dir).info())).code).toBe('ERR_ICX_NOT_RUNNING');
    expect(await (await serve()).info()).toEqual(INFO);
  });

  test('refuses the name of a live agent, telling its process', async () => {
    await serve();
    const error = await failure(openAdminSocket({ info: INFO, api: api(), dir }));
    expect(error.message).toBe('icx0 is already running (pid 4711)');
    expect(error.code).toBe('ERR_ICX_ALREADY_RUNNING');
    expect(await new AdminClient('icx0', dir).info()).toEqual(INFO);
  });

  test('says so when the directory cannot be made', async () => {
    const file = `${dir}-file`;
    writeFileSync(file, '');
    const error = await failure(openAdminSocket({ info: INFO, api: api(), dir: join(file, 'run') }));
    expect(error.message).toMatch(/^cannot make the admin socket .*: ENOTDIR$/);
    rmSync(file);
  });
});

describe('AdminClient', () => {
  test('gets status and reports', async () => {
    const client = await serve();
    expect(await client.status()).toEqual(sampleStatus());
    expect(await client.rekey(['b', 'c'])).toEqual({ interface: 'icx0', peers: [] });
    expect(await client.reload()).toEqual(REPORT);
    expect(await client.plan('some.toml')).toEqual({ ...REPORT, applied: false });
    expect(calls).toEqual([
      ['rekey', ['b', 'c']],
      ['plan', join(process.cwd(), 'some.toml')],
    ]);
  });

  test('down() is answered before the agent goes', async () => {
    const closing: Promise<void>[] = [];
    const client = await serve({ down: () => closing.push(...open.map((socket) => socket.close())) });
    expect(await client.down()).toEqual(INFO);
    await Promise.all(closing);
    expect((await failure(client.info())).code).toBe('ERR_ICX_NOT_RUNNING');
  });

  test('says that no agent runs', async () => {
    const error = await failure(new AdminClient('icx9', dir).status());
    expect(error).toMatchObject({ message: 'icx9 is not running', hint: 'start it with icx up icx9' });
  });

  test('passes on errors with their code and hint, never a stack', async () => {
    const failing = Object.assign(new Error('peer b is down'), { code: 'ERR_ICX_X', hint: 'wait' });
    const client = await serve({ rekey: () => Promise.reject(failing) });
    const error = await failure(client.rekey([]));
    expect(error).toMatchObject({ code: 'ERR_ICX_X', message: 'peer b is down', hint: 'wait' });
    expect((await raw('POST', '/v1/rekey')).text).not.toContain('at ');
  });

  test('passes on the lines of a config error', async () => {
    const problems = [
      { line: 3, message: 'x', hint: '' },
      { line: 1, message: 'y', hint: 'z' },
    ];
    const client = await serve({ reload: () => Promise.reject(new ConfigError('/a.toml', problems)) });
    const error = await failure(client.reload());
    expect(error).toMatchObject({ code: 'ERR_ICX_CONFIG', message: '/a.toml:1: y; z\n/a.toml:3: x' });
  });

  test('refuses an answer of another shape', async () => {
    const client = await serve({ status: async () => ({ version: 2 }) as never });
    expect((await failure(client.status())).message).toBe(
      'the agent icx0 gave an answer that makes no sense',
    );
  });

  test('gives up on an agent that does not answer', async () => {
    await (await serve()).info();
    await open.pop()?.close();
    const mute = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => mute.listen(socketPath('icx0', dir), resolve));
    const error = await failure(new AdminClient('icx0', dir).info());
    expect(error.message).toBe('the agent icx0 did not answer within 2 s');
    await new Promise((resolve) => mute.close(resolve));
  });
});

describe('the admin socket answers', () => {
  test.each([
    ['GET', '/', 404],
    ['GET', '/v1/rekey', 404],
    ['POST', '/v1/status', 404],
    ['GET', '/v1/constructor', 404],
  ])('%s %s with %d', async (method, path, status) => {
    await serve();
    expect((await raw(method, path)).status).toBe(status);
  });

  test.each([
    ['no JSON', '{'],
    ['peers that are no list', '{"peers":"b"}'],
    ['a body that is too long', JSON.stringify({ peers: ['x'.repeat(70_000)] })],
  ])('%s with 400', async (_, body) => {
    await serve();
    expect((await raw('POST', '/v1/rekey', body)).status).toBe(400);
    expect(calls).toEqual([]);
  });

  test('a plan of a relative path with 400', async () => {
    await serve();
    expect((await raw('POST', '/v1/plan', '{"file":"x.toml"}')).status).toBe(400);
  });
});
