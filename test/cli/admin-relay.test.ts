/** Requests about relays, across a real admin socket. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdminClient } from '../../cli/admin-client.ts';
import type { RelayApi } from '../../cli/admin-relay-api.ts';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import { CliError, Exit } from '../../cli/cli-error.ts';
import { fakeAttachments } from './fake-attachments.ts';
import { fakeL2 } from './fake-l2.ts';
import { fakeRelay, SESSIONS } from './fake-relay.ts';

let dir: string;
let socket: AdminSocket;
let asked: unknown[];
let relay: RelayApi;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'icx-relay-'));
  asked = [];
  relay = fakeRelay(asked);
  const never = () => Promise.reject(new Error('not asked for'));
  const api = {
    status: never,
    rekey: never,
    reload: never,
    plan: never,
    down: () => {},
    l2: fakeL2(),
    attachments: fakeAttachments(),
    get relay() {
      return relay;
    },
  };
  socket = await openAdminSocket({ info: { interface: 'icx0', pid: 1, version: '0' }, api, dir });
});
afterEach(async () => {
  await socket.close();
  rmSync(dir, { recursive: true });
});

describe('AdminClient.relay', () => {
  test('carries requests and their answers', async () => {
    const client = new AdminClient('icx0', dir).relay;
    expect(await client.relayList({})).toEqual(SESSIONS);
    expect(await client.relayList({ network: '7' })).toEqual(SESSIONS);
    expect(asked).toEqual([{}, { network: '7' }]);
  });

  test('brings the errors of the agent with code and hint', async () => {
    const none = new CliError('no relay', '[relay] makes one', Exit.failed, 'ERR_ICX_NO_RELAY');
    relay = { relayList: () => Promise.reject(none) };
    await expect(new AdminClient('icx0', dir).relay.relayList({})).rejects.toMatchObject({
      code: 'ERR_ICX_NO_RELAY',
      message: 'no relay',
      hint: '[relay] makes one',
    });
  });

  test('refuses a request and an answer that are not in the schema', async () => {
    const client = new AdminClient('icx0', dir).relay;
    await expect(client.relayList({ network: '' })).rejects.toMatchObject({ code: 'ERR_ICX_ADMIN_PROTOCOL' });
    expect(asked).toEqual([]);
    relay = { relayList: async () => ({ networks: [{ network: 'wan0' }] }) as unknown as typeof SESSIONS };
    await expect(client.relayList({})).rejects.toMatchObject({ code: 'ERR_ICX_ADMIN_PROTOCOL' });
  });
});
