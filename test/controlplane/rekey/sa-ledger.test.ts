import { describe, expect, test } from 'vitest';
import { SaLedger } from '../../../controlplane/rekey/sa-ledger.ts';

describe('SaLedger', () => {
  test('prove() retires what was proven before', () => {
    const ledger = new SaLedger();
    ledger.announce([1, 2], 10);
    expect(ledger.prove([1, 2])).toEqual([]);
    expect(ledger.rx).toEqual({ spis: [1, 2], installedAtMs: 10 });
    ledger.announce([3, 4], 20);
    expect(ledger.rx.spis).toEqual([1, 2]);
    expect(ledger.prove([3, 4])).toEqual([1, 2]);
  });

  test('prove() retires what was announced in vain, and only then', () => {
    const ledger = new SaLedger();
    ledger.announce([1], 0);
    ledger.prove([1]);
    ledger.announce([2], 0);
    ledger.announce([3], 0);
    ledger.announce([4], 0);
    expect(ledger.prove([4])).toEqual([1, 2, 3]);
  });

  test('announce() gives up the oldest when nothing is ever proven', () => {
    const ledger = new SaLedger();
    const given = Array.from({ length: 12 }, (_, i) => ledger.announce([i + 1], 0)).flat();
    expect(given).toEqual([1, 2, 3, 4]);
    expect(ledger.clear()).toHaveLength(8);
  });

  test('switchTx() returns what was replaced', () => {
    const ledger = new SaLedger();
    expect(ledger.switchTx([7], 1).spis).toEqual([]);
    expect(ledger.switchTx([8], 2)).toEqual({ spis: [7], installedAtMs: 1 });
    expect(ledger.tx).toEqual({ spis: [8], installedAtMs: 2 });
  });

  test('clear() returns every receive SPI and forgets all', () => {
    const ledger = new SaLedger();
    ledger.announce([1], 0);
    ledger.prove([1]);
    ledger.announce([2], 0);
    ledger.switchTx([9], 0);
    expect(ledger.clear()).toEqual([1, 2]);
    expect([ledger.rx.spis, ledger.tx.spis, ledger.clear()]).toEqual([[], [], []]);
  });
});
