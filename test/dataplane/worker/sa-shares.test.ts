/** Every SA goes to its queue alone, and its key moves. */
import { describe, expect, test } from 'vitest';
import { sharesOf } from '../../../dataplane/worker/sa-shares.ts';
import { KEY_A, KEY_B, saSpec } from '../path/host.ts';

describe('sharesOf()', () => {
  test('gives each queue its own, in order, and none to a queue without', () => {
    const sas = [4, 5, 7, 8].map((spi) => saSpec({ spi }));
    const shares = sharesOf(sas, 4, ({ spi }) => spi % 4);
    expect(shares.map(({ queue, own }) => [queue, own.map(({ spi }) => spi)])).toEqual([
      [0, [4, 8]],
      [1, [5]],
      [3, [7]],
    ]);
  });

  test('moves keys in memory of their own, and overwrites those that it was given', () => {
    // As a view of larger memory, which must not move along.
    const memory = new Uint8Array(64).fill(7);
    const sas = [{ ...saSpec({ key: KEY_A }), key: memory.subarray(8, 24) }, saSpec({ spi: 2, key: KEY_B })];
    const [share] = sharesOf(sas, 1, () => 0);
    expect(share?.own.map(({ key }) => Buffer.from(key).toString('hex'))).toEqual(['07'.repeat(16), KEY_B]);
    expect(share?.keys).toEqual(share?.own.map(({ key }) => key.buffer));
    expect(share?.keys.map(({ byteLength }) => byteLength)).toEqual([16, 16]);
    for (const { key } of sas) expect(key).toEqual(new Uint8Array(16));
  });
});
