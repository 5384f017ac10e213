/** What is remembered of attachments on disk. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyText, RecordStore } from '../../../cli/containers/record.ts';
import { record, request } from './samples.ts';

let dir: string;
let store: RecordStore;
const broken: string[] = [];

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'icx-records-')), 'icx0.attachments');
  store = new RecordStore(dir);
  broken.length = 0;
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const load = () => store.load((path) => broken.push(path));

describe('RecordStore', () => {
  test('gives back what was written last, of each attachment', () => {
    const other = record({ request: request({ ifname: 'eth1' }) });
    store.write(record({ state: 'making' }));
    store.write(other);
    store.write(record({ gateways: ['10.1.0.1/24'] }));
    const found = load().sort((a, b) => keyText(a.request).localeCompare(keyText(b.request)));
    expect(found).toEqual([record({ gateways: ['10.1.0.1/24'] }), other]);
    expect(broken).toEqual([]);
  });

  test('is for its owner alone', () => {
    store.write(record());
    const [file = ''] = readdirSync(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, file)).mode & 0o777).toBe(0o600);
  });

  test('remove() leaves nothing, and there may be nothing', () => {
    store.write(record());
    store.remove(request());
    store.remove(request());
    expect(readdirSync(dir)).toEqual([]);
    expect(load()).toEqual([]);
  });

  test('a write that was cut short leaves the record that was there', () => {
    store.write(record());
    const [file = ''] = readdirSync(dir);
    writeFileSync(join(dir, `${file}.new`), '{"version":');
    expect(load()).toEqual([record()]);
    store.remove(request());
    expect(readdirSync(dir)).toEqual([]);
  });

  test('what makes no sense is told and left alone', () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'a.json'), 'nonsense');
    writeFileSync(join(dir, 'b.json'), JSON.stringify({ ...record(), version: 2 }));
    expect(load()).toEqual([]);
    expect(broken.sort()).toEqual([join(dir, 'a.json'), join(dir, 'b.json')]);
    expect(readdirSync(dir)).toHaveLength(2);
  });

  test('isUsed from the first record on', () => {
    expect(store.isUsed).toBe(false);
    expect(load()).toEqual([]);
    store.write(record());
    store.remove(request());
    expect(store.isUsed).toBe(true);
  });
});
