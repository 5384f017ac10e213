/** Sad: what it refuses, and that whatever leaves it is destroyed exactly once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RxSa } from '../../../dataplane/sa/rx-sa.ts';
import { Sad } from '../../../dataplane/sa/sad.ts';

class CountedSa extends RxSa {
  destroyed = 0;

  constructor(spi: number, expiresAtMs: number) {
    super({ spi, lane: 0, slot: 1, key: { open: () => true, destroy: () => {} }, expiresAtMs });
  }

  override destroy(): void {
    this.destroyed++;
    super.destroy();
  }
}

describe('Sad.insert()', () => {
  test('refuses SPI 0', () => {
    const sad = new Sad();
    expect(() => sad.insert(new CountedSa(0, 10))).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_SA_SPI' }),
    );
    expect(sad.size).toBe(0);
  });

  test('refuses an SPI that is live, and leaves both SAs as they were', () => {
    const sad = new Sad<CountedSa>();
    const first = new CountedSa(0x8000_0001, 10);
    const second = new CountedSa(0x8000_0001, 99);
    sad.insert(first);
    expect(() => sad.insert(second)).toThrow(expect.objectContaining({ code: 'ERR_ICX_SA_SPI_LIVE' }));
    expect(sad.get(0x8000_0001)).toBe(first);
    expect([first.destroyed, second.destroyed]).toEqual([0, 0]);
  });

  test('takes an SPI again once it was removed', () => {
    const sad = new Sad<CountedSa>();
    sad.insert(new CountedSa(3, 10));
    sad.remove(3);
    const next = new CountedSa(3, 10);
    sad.insert(next);
    expect(sad.get(3)).toBe(next);
  });
});

describe('Sad.sweep()', () => {
  test('destroys what expired, to the millisecond, and says how many', () => {
    const sad = new Sad<CountedSa>();
    const sas = [9, 10, 11].map((expiresAtMs, i) => new CountedSa(i + 1, expiresAtMs));
    for (const sa of sas) sad.insert(sa);
    expect(sad.sweep(10)).toBe(2);
    expect(sas.map((sa) => sa.destroyed)).toEqual([1, 1, 0]);
    expect([sad.size, sad.get(3)]).toEqual([1, sas[2]]);
    expect(sad.sweep(10)).toBe(0);
  });
});

describe('Sad', () => {
  test('agrees with a Map over installs, clamps, removals and sweeps', () => {
    const action = fc.record({
      kind: fc.constantFrom('insert', 'insert', 'remove', 'clamp', 'sweep'),
      spi: fc.integer({ min: 1, max: 40 }).map((n) => n * 0x0606_0606),
      atMs: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const sad = new Sad<CountedSa>();
        const reference = new Map<number, CountedSa>();
        const gone: CountedSa[] = [];
        const forget = (sa: CountedSa) => {
          reference.delete(sa.spi);
          gone.push(sa);
        };
        for (const { kind, spi, atMs } of actions) {
          const known = reference.get(spi);
          if (kind === 'insert' && known === undefined) {
            const sa = new CountedSa(spi, atMs);
            sad.insert(sa);
            reference.set(spi, sa);
          } else if (kind === 'insert') {
            expect(() => sad.insert(new CountedSa(spi, atMs))).toThrow('in use');
          } else if (kind === 'remove') {
            expect(sad.remove(spi)).toBe(known !== undefined);
            if (known !== undefined) forget(known);
          } else if (kind === 'clamp') {
            sad.get(spi)?.clamp(atMs);
          } else {
            const expired = [...reference.values()].filter((sa) => sa.expiresAtMs <= atMs);
            expect(sad.sweep(atMs)).toBe(expired.length);
            expired.forEach(forget);
          }
          expect(sad.get(spi)).toBe(reference.get(spi));
        }
        expect(new Set(sad.values())).toEqual(new Set(reference.values()));
        expect(gone.every((sa) => sa.destroyed === 1)).toBe(true);
        expect([...reference.values()].every((sa) => sa.destroyed === 0)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
