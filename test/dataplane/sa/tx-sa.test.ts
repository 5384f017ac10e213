/** TxSa: counters, budget, expiry, and what happens when the library refuses. */
import { describe, expect, test } from 'vitest';
import { MAX_COUNTER, type PacketMemory, type SealKey } from '../../../dataplane/sa/aead.ts';
import { BUDGET_BLOCKS, SealResult, TxSa, type TxSaOptions } from '../../../dataplane/sa/tx-sa.ts';
import { providerCases } from '../../support/aead-providers.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';

const NONCE_AT = 20;

/** Remembers the nonces it was given. */
class RecordingKey implements SealKey {
  readonly nonces: string[] = [];
  destroyed = 0;
  works = true;
  readonly #memory: PacketMemory;

  constructor(memory: PacketMemory) {
    this.#memory = memory;
  }

  seal(nonceAt: number): boolean {
    const { view } = this.#memory;
    this.nonces.push(`${view.getUint32(nonceAt)}:${view.getBigUint64(nonceAt + 4)}`);
    return this.works;
  }

  destroy(): void {
    this.destroyed++;
  }
}

function setUp(options: Partial<TxSaOptions> = {}) {
  const bytes = new Uint8Array(4096);
  const memory = { bytes, view: new DataView(bytes.buffer) };
  const key = new RecordingKey(memory);
  const sa = new TxSa({ memory, spi: 0x8000_0007, lane: 2, suite: 0, key, expiresAtMs: 1000, ...options });
  const seal = (len = 16, nowMs = 0) => sa.seal(NONCE_AT, 0, 32, 64, len, 64, nowMs);
  return { memory, key, sa, seal };
}

describe('TxSa.seal()', () => {
  test('writes SPI and counter, from 1, each once', () => {
    const { key, sa, seal } = setUp();
    expect([seal(), seal(), seal()]).toEqual([SealResult.ok, SealResult.ok, SealResult.ok]);
    expect(key.nonces).toEqual(['2147483655:1', '2147483655:2', '2147483655:3']);
    expect(sa.packets).toBe(3);
  });

  test('carries the counter into the upper word', () => {
    const { key, seal } = setUp({ firstCounter: 0xffff_ffff });
    seal();
    seal();
    expect(key.nonces).toEqual(['2147483655:4294967295', '2147483655:4294967296']);
  });

  test.each([
    [999, SealResult.ok],
    [1000, SealResult.expired],
    [5000, SealResult.expired],
  ])('at %i ms with an expiry at 1000 says %i', (nowMs, expected) => {
    const { key, sa, seal } = setUp();
    expect(sa.isExpired(nowMs)).toBe(expected === SealResult.expired);
    expect(seal(16, nowMs)).toBe(expected);
    expect(key.nonces.length).toBe(expected === SealResult.ok ? 1 : 0);
  });

  test('seals 2^53-1 and nothing after it', () => {
    const { key, sa, seal } = setUp({ firstCounter: MAX_COUNTER - 1 });
    expect([seal(), seal(), seal(), seal()]).toEqual([
      SealResult.ok,
      SealResult.ok,
      SealResult.exhausted,
      SealResult.exhausted,
    ]);
    expect(key.nonces).toEqual(['2147483655:9007199254740990', '2147483655:9007199254740991']);
    expect(sa.ready(16, 0)).toBe(SealResult.exhausted);
  });

  test.each([
    [0, 1],
    [1, 2],
    [16, 2],
    [17, 3],
    [1400, 89],
  ])('counts %i bytes as %i blocks', (len, blocks) => {
    const { sa, seal } = setUp();
    const before = sa.blocks;
    seal(len);
    expect(sa.blocks - before).toBe(blocks);
  });

  test('stops at the budget to the block, and a smaller packet still fits', () => {
    // One block for the hash subkey, 2 for 16 bytes, 1 for a keepalive.
    const { key, sa, seal } = setUp({ budgetBlocks: 4 });
    expect([seal(16), seal(16), seal(0), seal(0)]).toEqual([
      SealResult.ok,
      SealResult.exhausted,
      SealResult.ok,
      SealResult.exhausted,
    ]);
    expect(sa.budgetUsed).toBe(1);
    expect(key.nonces.length).toBe(2);
  });

  test('says how much of the budget is used', () => {
    const { sa, seal } = setUp({ budgetBlocks: 100 });
    seal(16 * 48);
    expect(sa.budgetUsed).toBeCloseTo(0.5);
  });

  test('never tries a key again that refused', () => {
    const { key, sa, seal } = setUp();
    seal();
    key.works = false;
    expect(seal()).toBe(SealResult.refused);
    key.works = true;
    expect(seal()).toBe(SealResult.exhausted);
    expect(key.nonces).toEqual(['2147483655:1', '2147483655:2']);
    expect([sa.packets, sa.budgetUsed]).toEqual([1, 1]);
  });

  test('seals nothing after destroy()', () => {
    const { key, sa, seal } = setUp();
    sa.destroy();
    expect(seal()).toBe(SealResult.exhausted);
    expect([key.nonces.length, key.destroyed]).toEqual([0, 1]);
  });

  test('allocates nothing', () => {
    const { memory } = setUp();
    const key: SealKey = { seal: () => true, destroy: () => {} };
    const sa = new TxSa({ memory, spi: 1, lane: 0, suite: 0, key, expiresAtMs: 1e12 });
    expect(allocatedPerCall(50_000, () => sa.seal(NONCE_AT, 0, 32, 64, 100, 64, 5))).toBeLessThan(1);
  });

  test.each(providerCases())('and $label agree on every nonce', ({ memory, provider }) => {
    const raw = new Uint8Array(16).fill(3);
    const options = { memory, lane: 0, suite: 0, expiresAtMs: 1000 } as const;
    const firstCounter = 0xffff_fffe;
    const key = provider.sealKey(0, raw, 0xffff_ffff, firstCounter);
    const sa = new TxSa({ ...options, spi: 0xffff_ffff, key, firstCounter });
    for (let i = 0; i < 5; i++) expect(sa.seal(NONCE_AT, 0, 32, 64, i, 64, 0)).toBe(SealResult.ok);
    sa.destroy();
    // A key that counts from elsewhere is found out at the first packet.
    const stray = new TxSa({ ...options, spi: 9, key: provider.sealKey(0, raw, 9, 2) });
    expect(stray.seal(NONCE_AT, 0, 32, 64, 16, 64, 0)).toBe(SealResult.refused);
    stray.destroy();
  });
});

describe('TxSa.ready()', () => {
  test('says what seal() would, and claims nothing', () => {
    const { key, sa, seal } = setUp({ budgetBlocks: 10 });
    expect(sa.ready(16, 0)).toBe(SealResult.ok);
    expect(sa.ready(16, 1000)).toBe(SealResult.expired);
    expect(sa.ready(1400, 0)).toBe(SealResult.exhausted);
    expect([key.nonces.length, sa.blocks, sa.packets]).toEqual([0, 1, 0]);
    seal();
    expect(key.nonces).toEqual(['2147483655:1']);
  });
});

describe('new TxSa()', () => {
  test.each([0, -1, BUDGET_BLOCKS + 1, Number.NaN])('refuses a budget of %d blocks', (budgetBlocks) => {
    expect(() => setUp({ budgetBlocks })).toThrow(RangeError);
  });

  test.each([0, -1, 1.5, 2 ** 53, Number.NaN])('refuses %d as the first counter', (firstCounter) => {
    expect(() => setUp({ firstCounter })).toThrow(RangeError);
  });

  test('has a budget of 2^34 blocks at most and by default', () => {
    const { sa } = setUp();
    expect(BUDGET_BLOCKS).toBe(17_179_869_184);
    expect(sa.budgetUsed).toBe(1 / BUDGET_BLOCKS);
  });
});
