/** Nobody talks to sockets in a directory that may be an attacker's. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AdminClient, listAgents } from '../../cli/admin-client.ts';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import type * as RunDir from '../../cli/run-dir.ts';
import { fakeAttachments } from './fake-attachments.ts';
import { fakeL2 } from './fake-l2.ts';
import { fakeRelay } from './fake-relay.ts';

const { refused } = vi.hoisted(() => ({ refused: new Set<string>() }));
vi.mock('../../cli/run-dir.ts', async (importActual) => ({
  ...(await importActual<typeof RunDir>()),
  refuseForeignDir: (dir: string) => {
    if (refused.has(dir)) throw Object.assign(new Error('foreign'), { code: 'ERR_ICX_ADMIN_SOCKET' });
  },
}));

const dir = mkdtempSync(join(tmpdir(), 'icx-foreign-'));
const never = () => Promise.reject(new Error('not asked for'));
const api = { status: never, rekey: never, reload: never, plan: never, down: () => {} };
const options = {
  info: { interface: 'icx0', pid: 1, version: '0' },
  api: { ...api, l2: fakeL2(), relay: fakeRelay(), attachments: fakeAttachments() },
  dir,
};
let socket: AdminSocket;
beforeAll(async () => {
  socket = await openAdminSocket(options);
});
afterAll(async () => {
  await socket.close();
  rmSync(dir, { recursive: true });
});

test('listAgents() and AdminClient refuse it', async () => {
  expect(listAgents(dir)).toEqual(['icx0']);
  expect(await new AdminClient('icx0', dir).info()).toMatchObject({ pid: 1 });
  refused.add(dir);
  expect(() => listAgents(dir)).toThrow('foreign');
  await expect(new AdminClient('icx0', dir).info()).rejects.toThrow('foreign');
});
