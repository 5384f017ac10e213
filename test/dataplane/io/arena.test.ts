/** The one block of memory that a worker's packets live in. */
import { describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { addressOf, close, open, read } from '../../../dataplane/io/libc.ts';

describe('Arena', () => {
  test('take() gives zeroed blocks at cache lines that do not overlap, and never offset 0', () => {
    const arena = new Arena(65_536);
    let end = 1;
    for (const len of [1, 63, 64, 65, 1_000, 8]) {
      const at = arena.take(len);
      expect(at % 64).toBe(0);
      expect(at).toBeGreaterThanOrEqual(end);
      expect(arena.bytes.subarray(at, at + len).every((byte) => byte === 0)).toBe(true);
      arena.bytes.fill(0xff, at, at + len);
      end = at + len;
    }
  });

  test('take() takes the last byte and refuses the one after it', () => {
    const arena = new Arena(65_536);
    expect(arena.take(65_536 - 64)).toBe(64);
    expect(() => arena.take(1)).toThrow(RangeError);
    expect(() => new Arena(65_536).take(65_536 - 63)).toThrow(/no room for 65473/);
  });

  test('the constructor rounds up to whole pages, and the memory cannot grow', () => {
    const arena = new Arena(65_537);
    expect(arena.bytes.length).toBe(131_072);
    const memory = arena.memory as unknown as { grow(pages: number): number };
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  test('bytes and view see one memory, and base is its machine address', () => {
    const arena = new Arena(65_536);
    const at = arena.take(16);
    const fd = open('/dev/zero', 0);
    arena.bytes.fill(0xa5, at, at + 16);
    expect(read(fd, arena.base + at + 4, 8)).toBe(8);
    close(fd);
    expect(arena.view.getUint32(at)).toBe(0xa5a5a5a5);
    expect(arena.view.getBigUint64(at + 4)).toBe(0n);
    expect(arena.view.getUint32(at + 12)).toBe(0xa5a5a5a5);
    expect(addressOf(arena.bytes)).toBe(arena.base);
  });

  test('setPointer() writes the address of an offset in the byte order of the machine', () => {
    const arena = new Arena(65_536);
    const pointerAt = arena.take(8);
    arena.setPointer(pointerAt, 4_096);
    expect(arena.view.getBigUint64(pointerAt, true)).toBe(BigInt(arena.base + 4_096));
  });

  test('borrow() gives its result, and back what was taken meanwhile, zeroed', () => {
    const arena = new Arena(65_536);
    const kept = arena.take(100);
    arena.bytes.fill(0x11, kept, kept + 128);
    const [first, second] = arena.borrow(() => {
      const taken = [arena.take(1_000), arena.take(65)] as const;
      arena.bytes.fill(0xff, taken[0], taken[1] + 128);
      return taken;
    });
    expect(first).toBe(kept + 128);
    expect(second).toBe(first + 1_024);
    expect(arena.bytes.subarray(kept, kept + 128).every((byte) => byte === 0x11)).toBe(true);
    expect(arena.bytes.subarray(first).every((byte) => byte === 0)).toBe(true);
    expect(arena.take(1)).toBe(first);
  });

  test('borrow() gives back zeroed what was taken by who throws', () => {
    const arena = new Arena(65_536);
    const use = () => {
      const at = arena.take(4_096);
      arena.bytes.fill(0xff, at, at + 4_096);
      throw new TypeError('spoiled');
    };
    for (let i = 0; i < 100; i++) expect(() => arena.borrow(use)).toThrow('spoiled');
    expect(arena.bytes.every((byte) => byte === 0)).toBe(true);
    expect(arena.take(65_536 - 64)).toBe(64);
  });

  test('borrow() of more than there is gives back all the same', () => {
    const arena = new Arena(65_536);
    const use = () => {
      arena.bytes.fill(0xff, arena.take(60_000), 60_064);
      arena.take(60_000);
    };
    expect(() => arena.borrow(use)).toThrow(RangeError);
    expect(arena.bytes.every((byte) => byte === 0)).toBe(true);
    expect(arena.take(65_536 - 64)).toBe(64);
  });

  test('borrow() within borrow() gives back its own part only', () => {
    const arena = new Arena(65_536);
    arena.borrow(() => {
      const outer = arena.take(64);
      arena.bytes.fill(0x22, outer, outer + 64);
      const inner = arena.borrow(() => arena.take(64));
      expect(arena.take(64)).toBe(inner);
      expect(arena.bytes[outer]).toBe(0x22);
    });
    expect(arena.take(1)).toBe(64);
  });
});
