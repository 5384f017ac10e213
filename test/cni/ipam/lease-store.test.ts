import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LeaseStore } from '../../../cni/ipam/lease-store.ts';

const BOOT = '11111111-aaaa';
const owner = (containerId: string) => ({ containerId, ifname: 'eth0', netns: `/run/netns/${containerId}` });
const ANNA = owner('anna');
const BERT = owner('bert');

let dir: string;
let store: LeaseStore;

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'icx-leases-')), 'pods');
  store = new LeaseStore(dir, BOOT);
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

describe('LeaseStore.reserve()', () => {
  test('gives the first address that is free', () => {
    expect(store.reserve(['10.0.0.2', '10.0.0.3'], ANNA)).toMatchObject({ address: '10.0.0.2', ...ANNA });
    expect(store.reserve(['10.0.0.2', '10.0.0.3'], BERT)).toMatchObject({ address: '10.0.0.3', ...BERT });
    expect(store.reserve(['10.0.0.2', '10.0.0.3'], BERT)).toBeNull();
    expect(store.find('10.0.0.2')).toMatchObject({ ...ANNA, bootId: BOOT });
    expect(readdirSync(dir).sort()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  test('takes the place of what a release left half done', () => {
    mkdirSync(join(dir, '10.0.0.2'), { recursive: true });
    expect(store.find('10.0.0.2')).toBeNull();
    expect(store.reserve(['10.0.0.2'], ANNA)).not.toBeNull();
  });

  test('makes anew what another process took for abandoned', () => {
    const sweeping = function* () {
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
      yield 'fd00::2';
    };
    expect(store.reserve(sweeping(), ANNA)).toMatchObject({ address: 'fd00::2' });
    expect(store.find('fd00::2')).toMatchObject(ANNA);
  });

  test('fails with code 5 on a disk that does not work', () => {
    writeFileSync(dir, '');
    expect(() => store.reserve(['10.0.0.2'], ANNA)).toThrow(expect.objectContaining({ code: 5 }));
  });
});

describe('LeaseStore.release()', () => {
  test('is idempotent and does not touch the lease that followed', () => {
    const first = store.reserve(['10.0.0.2'], ANNA);
    if (first === null) throw new Error('not free');
    store.release(first);
    expect(readdirSync(dir)).toEqual([]);
    store.release(first);
    const second = store.reserve(['10.0.0.2'], BERT);
    store.release(first);
    expect(store.list()).toEqual([second]);
  });
});

describe('LeaseStore.list()', () => {
  test('is empty before the first lease', () => expect(store.list()).toEqual([]));

  test('has what can not be read as a lease of nobody', () => {
    mkdirSync(join(dir, '10.0.0.2'), { recursive: true });
    writeFileSync(join(dir, '10.0.0.2', 'token'), '{"containerId"');
    mkdirSync(join(dir, 'fd00::2'), { recursive: true });
    writeFileSync(join(dir, 'fd00::2', 'token'), '[5]');
    writeFileSync(join(dir, 'notes'), '');
    const nobody = { containerId: '', ifname: '', netns: '', bootId: '', token: 'token' };
    expect(store.list()).toEqual([
      { address: '10.0.0.2', ...nobody },
      { address: 'fd00::2', ...nobody },
    ]);
  });
});

describe('LeaseStore.last()', () => {
  test('is what was noted, by range set', () => {
    expect(store.last(0)).toBeNull();
    store.reserve(['10.0.0.2'], ANNA);
    store.setLast(0, '10.0.0.2');
    store.setLast(1, 'fd00::2');
    store.setLast(0, '10.0.0.3');
    expect([store.last(0), store.last(1), store.last(2)]).toEqual(['10.0.0.3', 'fd00::2', null]);
  });

  test('is nothing when the note is damaged', () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, '.last-0'), '10.0.');
    expect(store.last(0)).toBeNull();
  });
});

describe('LeaseStore.sweep()', () => {
  test.each<[string, string, boolean]>([
    ['of another boot', `22222222-${process.pid}-5`, true],
    ['of a process that is gone', '11111111-99999999-5', true],
    ['of nobody', 'x', true],
    ['of a process that lives', `11111111-${process.pid}-5`, false],
  ])('removes drafts %s', (_, token, removed) => {
    mkdirSync(join(dir, `.new-${token}`), { recursive: true });
    writeFileSync(join(dir, `.new-${token}`, token), '');
    store.sweep();
    expect(readdirSync(dir)).toHaveLength(removed ? 0 : 1);
  });

  test('removes what a release left half done', () => {
    mkdirSync(join(dir, '10.0.0.2'), { recursive: true });
    store.sweep();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('leaves leases and notes alone', () => {
    store.reserve(['10.0.0.2'], ANNA);
    store.setLast(0, '10.0.0.2');
    store.sweep();
    expect(readdirSync(dir).sort()).toEqual(['.last-0', '10.0.0.2']);
  });
});
