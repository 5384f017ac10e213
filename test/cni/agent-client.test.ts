import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentClient } from '../../cni/agent-client.ts';

let dir: string;
let server: Server | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'icx-agent-'));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  rmSync(dir, { recursive: true, force: true });
});

async function answering(status: number, body: string | null): Promise<AgentClient> {
  const listening = createServer((incoming, response) => {
    incoming.resume();
    if (body !== null) response.writeHead(status).end(body);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(join(dir, 'icx0.sock'), resolve));
  return new AgentClient(dir, 'icx0', 200);
}

const error = (changes: object) =>
  JSON.stringify({ error: { code: 'ERR_X', message: 'what came', hint: 'what to do', ...changes } });

describe('AgentClient', () => {
  test('passes an answer on', async () => {
    const client = await answering(200, '{"ready":true}');
    expect(await client.ready({})).toEqual({ ready: true });
  });

  test.each<[string, number, string, number]>([
    ['an error of the agent', 500, error({}), 106],
    ['an error that asks for patience', 500, error({ code: 'ERR_ICX_ATTACH_BUSY' }), 11],
    ['an error without message', 500, error({ message: 5 }), 106],
    ['an error without body', 500, '{}', 106],
    ['a page of HTML', 200, '<html>', 106],
    ['a list', 200, '[]', 106],
  ])('makes of %s with status %i a CniError', async (_, status, body, code) => {
    await expect((await answering(status, body)).ready({})).rejects.toMatchObject({ name: 'CniError', code });
  });

  test('gives up on an agent that does not answer, so that the runtime tries later', async () => {
    await expect((await answering(200, null)).ready({})).rejects.toMatchObject({ code: 11 });
  });

  test('tells whether an agent runs, and which', async () => {
    const of = (name: string | null, runDir = dir) => new AgentClient(runDir, name).ready({});
    await expect(of('icx0')).rejects.toMatchObject({ code: 50 });
    await expect(of(null)).rejects.toMatchObject({ code: 50 });
    await expect(of(null, join(dir, 'nowhere'))).rejects.toMatchObject({ code: 50 });
    await answering(200, '{"ready":true}');
    expect(await of(null)).toEqual({ ready: true });
    mkdirSync(join(dir, 'icx1.sock'));
    await expect(of(null)).rejects.toMatchObject({ code: 7, details: 'set agent to one of icx0, icx1' });
    await expect(of('icx1')).rejects.toMatchObject({ code: 50 });
  });
});
