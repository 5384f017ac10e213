import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdminSocket, openAdminSocket } from '../../cli/admin-socket.ts';
import type { Status } from '../../cli/status-schema.ts';
import { MAIN, requireDist } from '../support/dist.ts';
import { fakeAttachments } from './fake-attachments.ts';
import { fakeL2 } from './fake-l2.ts';
import { fakeRelay } from './fake-relay.ts';
import { sampleStatus } from './sample-status.ts';

const PEERS = 1_000;

/** A status of several pipes' length. */
function longStatus(): Status {
  const status = sampleStatus();
  return { ...status, peers: Array.from({ length: PEERS }, () => status.peers).flat() };
}

describe('main', () => {
  const dir = mkdtempSync(join(tmpdir(), 'icx-main-'));
  const env = { ...process.env, ICX_RUN_DIR: dir };
  let agent: AdminSocket;

  beforeAll(async () => {
    requireDist();
    const never = () => Promise.reject(new Error('not asked for'));
    agent = await openAdminSocket({
      info: { interface: 'icx0', pid: process.pid, version: '0.1.0' },
      api: {
        status: async () => longStatus(),
        rekey: never,
        reload: never,
        plan: never,
        down: () => {},
        l2: fakeL2(),
        relay: fakeRelay(),
        attachments: fakeAttachments(),
      },
      dir,
    });
  });
  afterAll(async () => {
    await agent.close();
    rmSync(dir, { recursive: true });
  });

  test('writes all of a long output to a slow reader', async () => {
    const child = spawn(process.execPath, [MAIN, 'status', '--json'], { env });
    await sleep(1_500);
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
    expect(text.length).toBeGreaterThan(1_000_000);
    expect((JSON.parse(text) as Status).peers).toHaveLength(2 * PEERS);
    expect(child.exitCode ?? 0).toBe(0);
  });

  test('fails when its output cannot be written', async () => {
    const shell = promisify(execFile)('/bin/sh', [
      '-c',
      '"$0" "$1" genkey > /dev/full',
      process.execPath,
      MAIN,
    ]);
    await expect(shell).rejects.toMatchObject({
      code: 1,
      stderr: 'icx: cannot write the output: ENOSPC\n',
    });
  });

  test('ends without a word when its reader is gone', async () => {
    const script = '"$0" "$1" status --json | head -c 1';
    const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', script, process.execPath, MAIN], {
      env,
    });
    expect([stdout, stderr]).toEqual(['{', '']);
  });
});
