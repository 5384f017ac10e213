/** When the table of nftables is written; `nft` is a script that tells what it was given. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NatTable, natTableName } from '../../../cli/containers/nat-table.ts';
import type { NatState } from '../../../cni/netfilter.ts';

const PATH = process.env.PATH;
let dir: string;
let masqueraded: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'icx-nft-'));
  process.env.PATH = `${dir}:${PATH}`;
  masqueraded = [];
  nft('exit 0');
});
afterEach(() => {
  process.env.PATH = PATH;
  rmSync(dir, { recursive: true, force: true });
});

/** @param end How it ends. */
function nft(end: string): void {
  writeFileSync(
    join(dir, 'nft'),
    `#!/bin/sh\necho "$@" >>${dir}/calls\nhead -c 100000 >>${dir}/input\n${end}\n`,
  );
  chmodSync(join(dir, 'nft'), 0o755);
}

const calls = () => textOf('calls').split('\n').filter(Boolean);
function textOf(name: string): string {
  try {
    return readFileSync(join(dir, name), 'utf8');
  } catch {
    return '';
  }
}

function state(): NatState {
  const attachments = masqueraded.map((address, index) => ({
    containerId: `c${index}`,
    ifname: 'eth0',
    ips: [`${address}/24`],
    portMappings: [],
    masquerade: true,
    segment: false,
  }));
  return { table: 'icx_test', attachments, overlay: ['10.1.0.0/16'] };
}

describe('natTableName()', () => {
  test('is what people can type, and another for every agent', () => {
    expect(natTableName('icx0')).toBe('icx_icx0');
    const odd = ['a.b', 'a-b', 'a_b', 'ä'].map(natTableName);
    expect(new Set(odd).size).toBe(odd.length);
    for (const name of odd) expect(name).toMatch(/^icx_[A-Za-z0-9_]+$/);
  });
});

describe('NatTable', () => {
  test('apply() writes what changed, and nothing twice', async () => {
    const table = new NatTable(state);
    masqueraded = ['10.1.0.5'];
    await table.apply();
    await table.apply();
    expect(calls()).toEqual(['-j -f -']);
    expect(textOf('input')).toContain('10.1.0.5');
    masqueraded = [];
    await table.apply();
    expect(calls()).toHaveLength(2);
    await table.rewrite();
    expect(calls()).toHaveLength(3);
  });

  test('calls that come while it writes share the next writing, which has all of them', async () => {
    const table = new NatTable(state);
    masqueraded = ['10.1.0.5'];
    const first = table.apply();
    await new Promise((resolve) => setImmediate(resolve));
    masqueraded.push('10.1.0.6');
    const second = table.apply();
    masqueraded.push('10.1.0.7');
    await Promise.all([first, second, table.apply()]);
    expect(calls()).toHaveLength(2);
    for (const address of masqueraded) expect(textOf('input')).toContain(address);
  });

  test('what nft refuses is told, and tried again', async () => {
    nft('echo "no nat here" >&2; exit 1');
    const table = new NatTable(state);
    masqueraded = ['10.1.0.5'];
    await expect(table.apply()).rejects.toMatchObject({
      code: 'ERR_ICX_ATTACH_KERNEL',
      message: expect.stringContaining('no nat here'),
    });
    nft('exit 0');
    await table.apply();
    expect(calls()).toHaveLength(2);
  });

  test('without nft only those fail that need it', async () => {
    nft('exit 127');
    const table = new NatTable(state);
    await table.apply();
    masqueraded = ['10.1.0.5'];
    await expect(table.apply()).rejects.toMatchObject({
      message: 'nft is not installed on this host',
      hint: 'apt-get install nftables',
    });
  });

  test('differences() looks only where something is needed, and tells a table that is gone', async () => {
    nft('echo "Error: No such file or directory" >&2; exit 1');
    const table = new NatTable(state);
    expect(await table.differences()).toEqual([]);
    expect(calls()).toEqual([]);
    masqueraded = ['10.1.0.5'];
    expect(await table.differences()).toEqual(['there is no table inet icx_test']);
  });
});
