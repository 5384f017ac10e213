import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Column, DROP_BASE, ROW_LEN } from '../../../dataplane/path/counter-layout.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DROP_COUNT, DROPS, DropCode, dropInfo } from '../../../dataplane/path/drop.ts';

const CAPACITY = 4;

function newBlock(capacity = CAPACITY): CounterBlock {
  return new CounterBlock(CounterBlock.allocate(capacity), capacity);
}

describe('counter layout', () => {
  test('no column is used twice and all fit a row of whole cache lines', () => {
    const columns = [...Object.values(Column), ...DROPS.map((code) => DROP_BASE + code)];
    expect(new Set(columns).size).toBe(Object.keys(Column).length + DROP_COUNT);
    expect(Math.max(...columns)).toBeLessThan(ROW_LEN);
    expect(ROW_LEN % 8).toBe(0);
  });
});

describe('CounterBlock', () => {
  test('a reader over the same memory sees what the writer counts', () => {
    const buffer = CounterBlock.allocate(CAPACITY);
    const writer = new CounterBlock(buffer, CAPACITY);
    const reader = new CounterBlock(buffer, CAPACITY);
    writer.rxDelivered(2, 100);
    writer.rxKeepalive(2);
    writer.rxDropped(2, DropCode.rxReplay);
    writer.rxAuthenticated(2, 5_000);
    writer.txDelivered(2, 70);
    writer.txKeepalive(2);
    writer.txDropped(2, DropCode.txTooLarge);
    writer.txSa(2, 9, 3, 0.25);
    const totals = CounterBlock.sum([reader], 2);
    expect(totals).toMatchObject({
      rxReceived: 3,
      rxPackets: 1,
      rxBytes: 100,
      rxKeepalives: 1,
      lastRxAtMs: 5_000,
    });
    expect(totals).toMatchObject({
      txReceived: 2,
      txPackets: 1,
      txBytes: 70,
      txKeepalives: 1,
      txBudgetUsed: 0.25,
    });
    expect(totals.drops.get(DropCode.rxReplay)).toBe(1);
    expect(totals.drops.get(DropCode.txTooLarge)).toBe(1);
    expect([...totals.drops.keys()]).toEqual([...DROPS]);
    expect(reader.framesSent(2)).toBe(2);
  });

  test('slots do not touch one another, the last one included', () => {
    const block = newBlock();
    for (let slot = 0; slot < CAPACITY; slot++) {
      for (const code of DROPS) {
        if (dropInfo(code).direction === 'rx') block.rxDropped(slot, code);
        else block.txDropped(slot, code);
      }
    }
    for (let slot = 0; slot < CAPACITY; slot++) {
      expect([...CounterBlock.sum([block], slot).drops.values()]).toEqual(DROPS.map(() => 1));
    }
  });

  test('sums of several workers add counts, and take the latest time and the fullest budget', () => {
    const blocks = [newBlock(), newBlock(), newBlock(2)];
    blocks[0]?.rxDelivered(1, 10);
    blocks[1]?.rxDelivered(1, 20);
    blocks[1]?.rxDelivered(3, 1_000);
    blocks[2]?.rxDelivered(1, 5);
    blocks[0]?.rxAuthenticated(1, 900);
    blocks[1]?.rxAuthenticated(1, 800);
    blocks[0]?.txSa(1, 7, 1, 0.1);
    blocks[1]?.txSa(1, 8, 1, 0.4);
    expect(CounterBlock.sum(blocks, 1)).toMatchObject({
      rxPackets: 3,
      rxBytes: 35,
      lastRxAtMs: 900,
      txBudgetUsed: 0.4,
    });
    expect(CounterBlock.sumAll(blocks)).toMatchObject({ rxPackets: 4, rxBytes: 1_035 });
    expect(CounterBlock.sumAll([])).toMatchObject({ rxPackets: 0, rxReceived: 0 });
  });

  test('failures of ports move packets from delivered to dropped', () => {
    const block = newBlock();
    block.rxDelivered(1, 100);
    block.rxRefused(1, 1, 100, DropCode.rxPortWrite);
    block.txDelivered(1, 60);
    block.txDelivered(1, 50);
    block.txSendFailed(1, 2, 110, DropCode.txSendFailed);
    block.txKeepalive(1);
    block.txKeepaliveFailed(1, 1);
    const totals = CounterBlock.sum([block], 1);
    expect(totals).toMatchObject({
      rxReceived: 1,
      rxPackets: 0,
      rxBytes: 0,
      txReceived: 2,
      txPackets: 0,
      txBytes: 0,
    });
    expect(totals.txKeepalives).toBe(0);
    expect(totals.drops.get(DropCode.rxPortWrite)).toBe(1);
    expect(totals.drops.get(DropCode.txSendFailed)).toBe(2);
  });

  test('clearSlot() moves counts to slot 0 and leaves nothing for the next peer', () => {
    const block = new CounterBlock(CounterBlock.allocate(CAPACITY), CAPACITY);
    block.rxDelivered(2, 100);
    block.rxDropped(2, DropCode.rxReplay);
    block.rxAuthenticated(2, 5_000);
    block.txSa(2, 9, 3, 0.5);
    block.rxDelivered(0, 7);
    const before = CounterBlock.sumAll([block]);
    block.clearSlot(2);
    const { lastRxAtMs, txBudgetUsed, ...counts } = CounterBlock.sumAll([block]);
    expect({ ...before, ...counts }).toEqual(before);
    expect([lastRxAtMs, txBudgetUsed]).toEqual([0, 0]);
    expect(CounterBlock.sum([block], 0).rxBytes).toBe(107);
    const row = new Float64Array(ROW_LEN).fill(1);
    block.readRow(2, row);
    expect([...row]).toEqual(new Array(ROW_LEN).fill(0));
  });

  test('received = delivered + keepalives + drops after any sequence of events', () => {
    const slot = fc.nat(CAPACITY - 1);
    const event = fc.oneof(
      fc.tuple(fc.constant('rxDelivered' as const), slot, fc.nat(9_000)),
      fc.tuple(fc.constant('rxKeepalive' as const), slot, fc.constant(0)),
      fc.tuple(fc.constant('rxDropped' as const), slot, fc.integer({ min: 1, max: DropCode.rxPortWrite })),
      fc.tuple(fc.constant('txDelivered' as const), slot, fc.nat(9_000)),
      fc.tuple(
        fc.constant('txDropped' as const),
        slot,
        fc.integer({ min: DropCode.txMalformed, max: DROP_COUNT }),
      ),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const block = newBlock();
        for (const [name, at, value] of events) block[name](at, value);
        const totals = CounterBlock.sumAll([block]);
        const dropped = (direction: string) =>
          DROPS.filter((code) => dropInfo(code).direction === direction).reduce<number>(
            (sum, code) => sum + (totals.drops.get(code) ?? Number.NaN),
            0,
          );
        expect(totals.rxReceived).toBe(events.filter(([name]) => name.startsWith('rx')).length);
        expect(totals.rxReceived).toBe(totals.rxPackets + totals.rxKeepalives + dropped('rx'));
        expect(totals.txReceived).toBe(totals.txPackets + dropped('tx'));
      }),
    );
  });

  test('readRow() does not show a packet in one column and miss it in another', () => {
    const block = newBlock();
    let written = false;
    const row = new Proxy(new Float64Array(ROW_LEN), {
      get: (target, key) => Reflect.get(target, key),
      set: (target, key, value) => {
        // The writer counts while the first copy is under way.
        if (!written && key === '5') block.rxDropped(1, DropCode.rxReplay);
        written ||= key === '5';
        return Reflect.set(target, key, value);
      },
    });
    block.readRow(1, row);
    expect(written).toBe(true);
    expect([row[Column.rxReceived], row[DROP_BASE + DropCode.rxReplay]]).toEqual([1, 1]);
  });

  test.each([0, -1, 1.5, 65_537, Number.NaN])('allocate() refuses %d slots', (capacity) => {
    expect(() => CounterBlock.allocate(capacity)).toThrow(RangeError);
  });

  test('memory of another capacity is refused', () => {
    expect(() => new CounterBlock(CounterBlock.allocate(3), 4)).toThrow(/3 slots|4 slots need/);
  });
});
