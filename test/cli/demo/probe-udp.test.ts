import { describe, expect, test } from 'vitest';
import { SequenceTally } from '../../../cli/demo/probe-udp.ts';

describe('SequenceTally', () => {
  test.each([
    ['in order', [0, 1, 2], { received: 3, duplicates: 0, reordered: 0 }],
    ['a gap', [0, 2, 3], { received: 3, duplicates: 0, reordered: 0 }],
    ['late', [0, 2, 1, 3], { received: 4, duplicates: 0, reordered: 1 }],
    ['twice', [0, 1, 1, 0], { received: 2, duplicates: 2, reordered: 0 }],
    ['nothing', [], { received: 0, duplicates: 0, reordered: 0 }],
    ['far apart', [65_535, 65_536, 1_000_000, 3], { received: 4, duplicates: 0, reordered: 1 }],
  ])('add() counts %s', (_name, sequence, expected) => {
    const tally = new SequenceTally();
    for (const number of sequence) tally.add(number, 0);
    expect(tally.result()).toMatchObject(expected);
  });

  test('result() tells the longest gap', () => {
    const tally = new SequenceTally();
    for (const [index, atMs] of [1_000, 1_010, 1_250, 1_260].entries()) tally.add(index, atMs);
    expect(tally.result().longest_gap_ms).toBe(240);
  });

  test('add() refuses a number that would take all memory', () => {
    expect(() => new SequenceTally().add(0xffff_ffff, 0)).toThrow(RangeError);
  });
});
