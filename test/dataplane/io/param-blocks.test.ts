/** Parameter blocks: their layout in memory, pointers beyond 32 bits, and that they are used again. */
import { describe, expect, test } from 'vitest';
import {
  COUNTER,
  ParamBlocks,
  ParamName,
  POINTER_1,
  writePointer,
} from '../../../dataplane/io/param-blocks.ts';

describe('writePointer()', () => {
  test.each([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7f38_7c00_0010, 2 ** 53 - 1])(
    'stores %d as a 64-bit number',
    (address) => {
      const view = new DataView(new ArrayBuffer(16));
      writePointer(view, 3, address);
      expect(view.getBigUint64(3, true)).toBe(BigInt(address));
    },
  );
});

describe('ParamBlocks', () => {
  test('writes two OSSL_PARAMs and their end', () => {
    const { view, at, address } = new ParamBlocks().take(ParamName.tag, 16, ParamName.tlsivgen, 8);
    const entry = (index: number) => ({
      name: view.getBigUint64(at + index * 40, true),
      type: view.getUint32(at + index * 40 + 8, true),
      size: view.getBigUint64(at + index * 40 + 24, true),
    });
    expect(entry(0)).toMatchObject({ type: 5, size: 16n });
    expect(entry(1)).toEqual({ name: entry(0).name + 16n, type: 5, size: 8n });
    expect(entry(2).name).toBe(0n);
    expect(view.getBigUint64(at + POINTER_1, true)).toBe(BigInt(address + COUNTER));
  });

  test('hands out blocks that do not overlap, over several chunks', () => {
    const blocks = new ParamBlocks();
    const taken = Array.from({ length: 1500 }, () => blocks.take(ParamName.tag, 16, ParamName.tlsivinv, 8));
    const addresses = taken.map((block) => block.address).sort((a, b) => a - b);
    expect(addresses.every((address, i) => i === 0 || address - (addresses[i - 1] ?? 0) >= 128)).toBe(true);
    expect(new Set(taken.map((block) => block.view.buffer)).size).toBe(3);
  });

  test('uses released blocks again, zeroed', () => {
    const blocks = new ParamBlocks();
    const first = blocks.take(ParamName.tag, 16, ParamName.tlsivgen, 8);
    first.view.setUint32(first.at + COUNTER, 0xdead_beef);
    blocks.release(first);
    const seen = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      const block = blocks.take(ParamName.tag, 16, ParamName.tlsivgen, 8);
      expect(block.view.getBigUint64(block.at + COUNTER, true)).toBe(0n);
      seen.add(block.address);
      blocks.release(block);
    }
    expect(seen.size).toBe(1);
  });
});
