import { describe, expect, test } from 'vitest';
import { KEYED_HASH_SEED_WORDS, KeyedHash } from '../../../dataplane/port/keyed-hash.ts';

function seeded(first: number): KeyedHash {
  return new KeyedHash(
    Uint32Array.from({ length: KEYED_HASH_SEED_WORDS }, (_, i) => first * (i + 0x9e3779b1)),
  );
}

describe('KeyedHash.of()', () => {
  test('depends on every word, and on the key', () => {
    const a = seeded(77);
    const words = [1, 2, 3, 4] as const;
    const seen = new Set([a.of(...words), seeded(78).of(...words)]);
    for (let i = 0; i < 4; i++) {
      const [w = 0, x = 0, y = 0, z = 0] = words.map((word, at) => (at === i ? word ^ 0x1000 : word));
      seen.add(a.of(w, x, y, z));
    }
    expect(seen.size).toBe(6);
    expect(seeded(77).of(...words)).toBe(a.of(...words));
  });

  test('spreads consecutive keys: no slot of 256 gets more than three times its share', () => {
    for (let first = 1; first <= 20; first++) {
      const hash = seeded(first * 104_729);
      const slots = new Uint32Array(256);
      for (let i = 0; i < 256 * 64; i++) {
        const slot = hash.of(0x0200, i, 0, 0) % 256;
        slots[slot] = (slots[slot] ?? 0) + 1;
      }
      // A negative hash is in no slot.
      expect(slots.reduce((sum, count) => sum + count)).toBe(256 * 64);
      expect(Math.max(...slots)).toBeLessThan(3 * 64);
    }
  });
});
