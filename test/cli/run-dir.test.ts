import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeRunDir, orAsRoot, refuseForeignDir, runDirOf } from '../../cli/run-dir.ts';

describe('runDirOf()', () => {
  test.each([
    ['root', {}, 0, '/run/icx'],
    ['root, whatever session it came from', { XDG_RUNTIME_DIR: '/run/user/1000' }, 0, '/run/icx'],
    ['a user in a session', { XDG_RUNTIME_DIR: '/run/user/1000' }, 1000, '/run/user/1000/icx'],
    ['a user without session', {}, 1000, '/tmp/icx-1000'],
    ['a user with a relative directory', { XDG_RUNTIME_DIR: 'run' }, 1000, '/tmp/icx-1000'],
    ['who names one', { ICX_RUN_DIR: '/x', XDG_RUNTIME_DIR: '/run/user/1000' }, 1000, '/x'],
    ['root who names one', { ICX_RUN_DIR: '/x' }, 0, '/x'],
  ])('has one for %s', (_, env, uid, dir) => expect(runDirOf(env, uid)).toBe(dir));
});

describe('orAsRoot()', () => {
  test.each([
    ['/tmp/icx-1000', {}, 1000, ', or look for those of root as root'],
    ['/tmp/icx-0', {}, 0, ''],
    ['/run/icx', {}, 0, ''],
    ['/x', { ICX_RUN_DIR: '/x' }, 1000, ''],
    ['/x', {}, 1000, ''],
  ])('of %s with %j for %i: %j', (dir, env, uid, hint) => expect(orAsRoot(dir, env, uid)).toBe(hint));
});

describe('refuseForeignDir()', () => {
  const uid = process.geteuid?.() ?? 0;
  let shared: string;
  let own: string;
  beforeEach(() => {
    shared = mkdtempSync(join(tmpdir(), 'icx-run-'));
    own = join(shared, `icx-${uid}`);
  });
  afterEach(() => rmSync(shared, { recursive: true }));

  const check = (dir = own, user = uid) => refuseForeignDir(dir, user, shared);
  const refusal = expect.objectContaining({
    code: 'ERR_ICX_ADMIN_SOCKET',
    hint: 'remove it, or name another with ICX_RUN_DIR',
  });

  test('takes one of this user alone, and one that is not there', () => {
    check();
    makeRunDir(own);
    expect(statSync(own).mode & 0o777).toBe(0o700);
    check();
  });

  test('is asked when one is made', () => {
    mkdirSync(own);
    chmodSync(own, 0o777);
    expect(() => makeRunDir(own, uid, shared)).toThrow(refusal);
  });

  test.each([0o710, 0o701, 0o770, 0o755])('refuses one of mode 0%o', (mode) => {
    mkdirSync(own);
    chmodSync(own, mode);
    expect(() => check()).toThrow(refusal);
  });

  test('refuses one of somebody else', () => {
    const foreign = join(shared, `icx-${uid + 1}`);
    mkdirSync(foreign, { mode: 0o700 });
    expect(() => check(foreign, uid + 1)).toThrow(refusal);
  });

  test('refuses what is no directory, or leads to another', () => {
    const other = join(shared, 'other');
    mkdirSync(other, { mode: 0o700 });
    symlinkSync(other, own);
    expect(() => check()).toThrow(refusal);
    rmSync(own);
    writeFileSync(own, '', { mode: 0o600 });
    expect(() => check()).toThrow(refusal);
  });

  test('leaves other directories to those who named them', () => {
    const open = join(shared, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    check(open);
  });
});
