/** Requests about L2 networks, across a real admin socket. */

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentApi } from '../../cli/admin-api.ts';
import { AdminClient, socketPath } from '../../cli/admin-client.ts';
import type { L2Api } from '../../cli/admin-l2-api.ts';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import { L2, noNetwork } from '../../cli/agent/l2-networks.ts';
import { fakeAttachments } from './fake-attachments.ts';
import { FDB, fakeL2, NEIGHBOURS, PORTS } from './fake-l2.ts';
import { fakeRelay } from './fake-relay.ts';

const MAC = '02:42:ac:11:00:02';
const UNIX = { type: 'unix', name: 'vm1', path: '/run/vm1.sock' } as const;
const VXLAN = { type: 'vxlan', name: 'site', remotes: ['192.0.2.9'] } as const;

let dir: string;
let socket: AdminSocket;
let asked: unknown[];
let l2: L2Api;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'icx-l2-'));
  asked = [];
  l2 = fakeL2(asked);
  const never = () => Promise.reject(new Error('not asked for'));
  const api: AgentApi = {
    status: never,
    rekey: never,
    reload: never,
    plan: never,
    down: () => {},
    get l2() {
      return l2;
    },
    relay: fakeRelay(),
    attachments: fakeAttachments(),
  };
  socket = await openAdminSocket({ info: { interface: 'icx0', pid: 1, version: '0' }, api, dir });
});
afterEach(async () => {
  await socket.close();
  rmSync(dir, { recursive: true });
});

/** The status of an answer to a raw request, for what the client never sends. */
function post(path: string, body: unknown): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socketPath('icx0', dir), method: 'POST', path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

describe('AdminClient.l2', () => {
  test('carries every request and its answer', async () => {
    const client = new AdminClient('icx0', dir).l2;
    expect(await client.fdbShow({})).toEqual(FDB);
    expect(await client.fdbAdd({ network: 'lan0', mac: MAC, peer: 'host-b' })).toEqual({
      network: 'lan0',
      removed: 0,
    });
    expect(await client.fdbDel({ mac: MAC })).toEqual({ network: 'lan0', removed: 1 });
    expect(await client.fdbFlush({ port: 'vm1' })).toEqual({ network: 'lan0', removed: 5 });
    expect(await client.portList({ network: '7' })).toEqual(PORTS);
    expect(await client.portAdd({ port: UNIX })).toEqual({ network: 'lan0', port: 'vm2' });
    expect(await client.portDel({ name: 'vm2' })).toEqual({ network: 'lan0', port: 'vm2' });
    expect(await client.neighShow({})).toEqual(NEIGHBOURS);
    expect(asked).toEqual([
      ['fdbShow', {}],
      ['fdbAdd', { network: 'lan0', mac: MAC, peer: 'host-b' }],
      ['fdbDel', { mac: MAC }],
      ['fdbFlush', { port: 'vm1' }],
      ['portList', { network: '7' }],
      ['portAdd', { port: UNIX }],
      ['portDel', { name: 'vm2' }],
      ['neighShow', {}],
    ]);
  });

  test('brings the errors of the agent with code and hint', async () => {
    l2 = { ...l2, fdbShow: () => Promise.reject(noNetwork(L2)) };
    await expect(new AdminClient('icx0', dir).l2.fdbShow({})).rejects.toMatchObject({
      code: 'ERR_ICX_NO_L2',
      message: 'no L2 network',
      hint: 'mode = "l2" in the config makes one',
    });
  });

  test('refuses an answer that is not in the schema', async () => {
    const strange = { networks: [{ network: 'lan0', vni: 7 }] } as unknown as typeof FDB;
    l2 = { ...l2, fdbShow: async () => strange };
    await expect(new AdminClient('icx0', dir).l2.fdbShow({})).rejects.toMatchObject({
      code: 'ERR_ICX_ADMIN_PROTOCOL',
    });
  });
});

describe('the admin socket', () => {
  test.each<[string, string, unknown]>([
    ['a station of a port', '/v1/fdb/add', { mac: MAC, port: 'vm1' }],
    ['a flush of everything', '/v1/fdb/flush', {}],
    [
      'a port with all keys',
      '/v1/port/add',
      { port: { ...UNIX, remote: '/run/x', mode: '0660', mtu: 1500 } },
    ],
    ['a device', '/v1/port/add', { port: { type: 'interface', name: 'v', device: 'veth0' } }],
    ['a VXLAN group', '/v1/port/add', { port: { type: 'vxlan', name: 'v', group: 'ff05::1', ttl: 4 } }],
  ])('takes %s', async (_, path, body) => expect(await post(path, body)).toBe(200));

  test.each<[string, string, unknown]>([
    ['a network without name', '/v1/fdb/show', { network: '' }],
    ['a MAC in another form', '/v1/fdb/del', { mac: '0242.ac11.0002' }],
    ['a station without place', '/v1/fdb/add', { mac: MAC }],
    ['a station in two places', '/v1/fdb/add', { mac: MAC, port: 'a', peer: 'b' }],
    ['a flush of two ports', '/v1/fdb/flush', { port: 'a', peer: 'b' }],
    ['an unknown type', '/v1/port/add', { port: { ...UNIX, type: 'tap' } }],
    ['a relative path', '/v1/port/add', { port: { ...UNIX, path: 'vm1.sock' } }],
    ['a path that no socket takes', '/v1/port/add', { port: { ...UNIX, path: `/${'é'.repeat(54)}` } }],
    ['a mode that is none', '/v1/port/add', { port: { ...UNIX, mode: '0999' } }],
    ['a name with a space', '/v1/port/add', { port: { ...UNIX, name: 'a b' } }],
    ['a name like an option', '/v1/port/add', { port: { ...UNIX, name: '-a' } }],
    ['a remote that is a name', '/v1/port/add', { port: { ...VXLAN, remotes: ['site-b'] } }],
    ['a remote with a zone', '/v1/port/add', { port: { ...VXLAN, remotes: ['fe80::1%eth0'] } }],
    ['a VNI of 25 bits', '/v1/port/add', { port: { ...VXLAN, vni: 2 ** 24 } }],
  ])('refuses %s', async (_, path, body) => {
    expect(await post(path, body)).toBe(400);
    expect(asked).toEqual([]);
  });
});
