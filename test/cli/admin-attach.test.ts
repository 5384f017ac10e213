/** Requests about containers, across a real admin socket and by the plugin's own client. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import { STARTING_ATTACHMENTS } from '../../cli/agent/starting-attachments.ts';
import { AttachError } from '../../cli/containers/attach-error.ts';
import { AgentClient } from '../../cni/agent-client.ts';
import type { AttachApi } from '../../cni/attach-api.ts';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { request } from './containers/samples.ts';
import { ATTACHED, fakeAttachments } from './fake-attachments.ts';
import { fakeL2 } from './fake-l2.ts';
import { fakeRelay } from './fake-relay.ts';

const fail = () => Promise.reject(new Error('not asked here'));
const asked: unknown[] = [];
let dir: string;
let socket: AdminSocket;
let attachments: AttachApi;
let client: AgentClient;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'icx-attach-'));
  asked.length = 0;
  attachments = fakeAttachments(asked);
  const api = {
    status: fail,
    rekey: fail,
    reload: fail,
    plan: fail,
    down: () => {},
    l2: fakeL2(),
    relay: fakeRelay(),
    get attachments() {
      return attachments;
    },
  };
  socket = await openAdminSocket({ info: { interface: 'icx0', pid: 1, version: '0' }, api, dir });
  client = new AgentClient(dir, null);
});
afterEach(async () => {
  await socket.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('the admin socket, for the plugin', () => {
  test('passes every request on, and its answer back', async () => {
    const key = { confName: 'pods', containerId: 'c1', ifname: 'eth0' };
    const gc = { confName: 'pods', valid: [{ containerId: 'c1', ifname: 'eth0' }] };
    expect(await client.attach(request())).toEqual(ATTACHED);
    expect(await client.detach(key)).toEqual({ removed: true });
    expect(await client.check(request())).toEqual({ differences: [] });
    expect(await client.gc(gc)).toEqual({ removed: [] });
    expect(await client.ready({ network: 'icx0' })).toMatchObject({ ready: true });
    expect(await client.list({ confName: 'pods' })).toEqual({ attachments: [] });
    expect(asked).toEqual([
      ['attach', request()],
      ['detach', key],
      ['check', request()],
      ['gc', gc],
      ['ready', { network: 'icx0' }],
      ['list', { confName: 'pods' }],
    ]);
  });

  test('refuses what makes no sense before anybody is asked', async () => {
    await expect(client.attach({ ...request(), netns: 'relative' })).rejects.toMatchObject({ code: 106 });
    expect(asked).toEqual([]);
  });

  test('takes lists of more containers than other requests may be long', async () => {
    const valid = Array.from({ length: 20_000 }, (_, index) => ({
      containerId: `c${index}`,
      ifname: 'eth0',
    }));
    await client.gc({ confName: 'pods', valid });
    expect(asked).toEqual([['gc', { confName: 'pods', valid }]]);
  });

  test.each([
    [AttachCode.addressTaken, 101],
    [AttachCode.portTaken, 102],
    [AttachCode.exists, 103],
    [AttachCode.busy, 11],
  ])('%s reaches the runtime as %i', async (code, cniCode) => {
    attachments = { ...attachments, attach: () => Promise.reject(new AttachError(code, 'no', 'do this')) };
    await expect(client.attach(request())).rejects.toMatchObject({
      code: cniCode,
      message: 'no',
      details: 'do this',
    });
  });

  test('an agent that starts tells so, and that it can be tried again', async () => {
    attachments = STARTING_ATTACHMENTS;
    await expect(client.attach(request())).rejects.toMatchObject({ code: 11 });
    expect(await client.ready({})).toEqual({ ready: false, reason: 'the agent is starting', limited: false });
  });
});
