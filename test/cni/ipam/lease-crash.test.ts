/** Processes that share the leases and are killed at any point: no address twice, nothing left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LeaseStore } from '../../../cni/ipam/lease-store.ts';
import { DIST, program, requireDist } from '../../support/dist.ts';

const BOOT = '11111111-aaaa';
/** Where a file system is fast enough that processes meet often. */
const MEMORY = '/dev/shm';
const WORKERS = 4;
const KILLS = 40;

let dir: string;
let outputs: string[];
const children = new Set<ChildProcess>();

beforeEach(() => {
  requireDist();
  dir = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'icx-crash-'));
  outputs = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Starts a process, kills it when it has held an address and a random time more has passed. */
async function live(containerId: string, extraMs: number): Promise<void> {
  const argv = [program('lease-loop.mjs'), DIST, dir, BOOT, containerId];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    // One that ends by itself found the directory in a state that it did not expect.
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') resolve();
      else reject(new Error(`${containerId} failed`));
    });
    child.stdout.on('data', async (chunk: Buffer) => {
      const first = output === '';
      output += chunk.toString();
      if (!first) return;
      await sleep(extraMs);
      child.kill('SIGKILL');
    });
  });
  children.delete(child);
  outputs.push(output);
}

async function series(containerId: string): Promise<void> {
  for (let kill = 0; kill < KILLS / WORKERS; kill++) await live(containerId, (kill * 137) % 401);
}

test('kill -9 in the midst of reserving and releasing', async () => {
  const containers = Array.from({ length: WORKERS }, (_, index) => `worker${index}`);
  await Promise.all(containers.map(series));
  expect(outputs).toHaveLength(KILLS);
  expect(outputs.join('').match(/LOST.*/g)).toBeNull();

  // What a runtime does after a failure: DEL, for each container that was added.
  const store = new LeaseStore(dir, BOOT);
  const left = store.list();
  expect(left.every(({ containerId }) => [...containers, 'gone'].includes(containerId))).toBe(true);
  for (const lease of left) store.release(lease);
  store.sweep();
  expect(readdirSync(dir).filter((name) => name !== '.last-0')).toEqual([]);
}, 120_000);
