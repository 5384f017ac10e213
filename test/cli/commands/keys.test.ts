import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeCli } from '../fake-context.ts';

let cli: FakeCli;
beforeEach(() => {
  cli = new FakeCli();
});
afterEach(() => cli.remove());

const KEY = /^[A-Za-z0-9+/]{43}=\n$/;

describe.each(['genkey', 'genpsk'])('icx %s', (command) => {
  test('prints a new key of 44 characters each time', async () => {
    const first = await cli.run([command]);
    const second = await cli.run([command]);
    expect(first).toEqual({ exit: 0, stdout: expect.stringMatching(KEY), stderr: '' });
    expect(second.stdout).not.toBe(first.stdout);
  });

  test('--out writes a file of mode 0600 and prints nothing', async () => {
    const file = join(cli.dir, 'key');
    expect(await cli.run([command, '--out', file])).toEqual({ exit: 0, stdout: '', stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(KEY);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('--out overwrites nothing', async () => {
    const file = join(cli.dir, 'key');
    writeFileSync(file, 'precious');
    const { exit, stderr } = await cli.run([command, '--out', file]);
    expect(exit).toBe(1);
    expect(stderr).toBe(
      `icx: ${file} exists and is not overwritten; choose another name, or remove it first\n`,
    );
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  test('--out tells that a directory is missing', async () => {
    const { exit, stderr } = await cli.run([command, '--out', join(cli.dir, 'no', 'key')]);
    expect(exit).toBe(1);
    expect(stderr).toContain('ENOENT; make its directory first');
  });

  test('warns when its output is a file that others can read', async () => {
    const { stdout, stderr } = await cli.run([command], { stdoutIsOpenFile: true });
    expect(stdout).toMatch(KEY);
    expect(stderr).toContain('chmod 600');
  });
});

describe('icx pubkey', () => {
  // RFC 8032 section 7.1, tests 1 and 2, as base64.
  test.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    ],
  ])('prints the public key of %s', async (seed, publicKey) => {
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    const expected = { exit: 0, stdout: `${base64(publicKey)}\n`, stderr: '' };
    expect(await cli.run(['pubkey'], { input: `${base64(seed)}\n` })).toEqual(expected);
    expect(await cli.run(['pubkey'], { input: base64(seed) })).toEqual(expected);
  });

  test.each(['', 'x', 'A'.repeat(44), `${'A'.repeat(42)}B=`, 'A'.repeat(10_000)])(
    'refuses %j',
    async (input) => {
      const { exit, stdout, stderr } = await cli.run(['pubkey'], { input });
      expect([exit, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^icx: stdin has no private key: expected 44 characters of base64;.*\n$/);
      if (input.length > 1) expect(stderr).not.toContain(input);
    },
  );
});
