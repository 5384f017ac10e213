/** SPIs: layout, steering, wrap-around, uniqueness, and what a peer may not announce. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPeerSpi, composeSpi, Role, SpiAllocator } from '../../../controlplane/rekey/spi.ts';

const MAX_COUNTER = 0x3fffffff;
const plain = { role: Role.initiator, masterKeyIndex: 0, queues: 1 } as const;

describe('SpiAllocator.allocate()', () => {
  test('counts from 1', () => {
    const allocator = new SpiAllocator();
    expect([1, 2, 3].map(() => allocator.allocate(plain))).toEqual([1, 2, 3]);
  });

  test.each([
    [Role.initiator, 0, 0x00000001],
    [Role.responder, 0, 0x40000001],
    [Role.initiator, 1, 0x80000001],
    [Role.responder, 1, 0xc0000001],
  ] as const)('puts role %i and master key index %i in their bits', (role, masterKeyIndex, spi) => {
    expect(new SpiAllocator().allocate({ role, masterKeyIndex, queues: 1 })).toBe(spi);
  });

  test('wraps to 1 without ever giving counter 0', () => {
    const allocator = new SpiAllocator(MAX_COUNTER - 1);
    expect([1, 2, 3].map(() => allocator.allocate(plain))).toEqual([MAX_COUNTER, 1, 2]);
  });

  test('skips SPIs that are live and takes released ones', () => {
    const allocator = new SpiAllocator(MAX_COUNTER, [1, 2, 3]);
    allocator.release(2);
    expect([1, 2].map(() => allocator.allocate(plain))).toEqual([2, 4]);
    const other = new SpiAllocator(MAX_COUNTER, [1, 2, 3]);
    expect(other.allocate({ ...plain, role: Role.responder })).toBe(0x40000001);
  });

  test('remembers what it gave', () => {
    const allocator = new SpiAllocator(MAX_COUNTER - 1, [1]);
    expect([1, 2].map(() => allocator.allocate({ ...plain, queue: 1, queues: 2 }))).toEqual([MAX_COUNTER, 3]);
  });

  test.each([1, 2, 3, 7, 64])('steers to each of %i queues, before and after a wrap', (queues) => {
    for (const last of [0, MAX_COUNTER - 2 * queues]) {
      const allocator = new SpiAllocator(last);
      for (let round = 0; round < 5 * queues; round++) {
        const queue = round % queues;
        const spi = allocator.allocate({ ...plain, role: Role.responder, queue, queues });
        expect((spi & MAX_COUNTER) % queues).toBe(queue);
        expect(spi & MAX_COUNTER).not.toBe(0);
      }
    }
  });

  test('gives no SPI twice while it lives', () => {
    const request = fc.record({
      role: fc.constantFrom(Role.initiator, Role.responder),
      masterKeyIndex: fc.constantFrom(0 as const, 1 as const),
      queue: fc.nat(3),
    });
    const step = fc.oneof(request, fc.nat(20));
    const start = fc.constantFrom(0, MAX_COUNTER - 10);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 200 }), (last, steps) => {
        const live = [1, 2, 3, 5, 8, 0x40000001, 0x80000004, 0xc0000002];
        const allocator = new SpiAllocator(last, live);
        for (const next of steps) {
          if (typeof next === 'number') {
            for (const spi of live.splice(next, 1)) allocator.release(spi);
            continue;
          }
          const spi = allocator.allocate({ ...next, queues: 4 });
          expect(live).not.toContain(spi);
          const expected = { peerRole: next.role, masterKeyIndex: next.masterKeyIndex };
          expect(checkPeerSpi(spi, expected)).toBeNull();
          live.push(spi);
        }
      }),
    );
  });

  test.each([
    { queues: 0 },
    { queues: 1.5 },
    { queues: 65 },
    { queues: 2, queue: 2 },
    { queues: 2, queue: -1 },
    { queues: 2, queue: 0.5 },
  ])('refuses %o', (steering) => {
    expect(() => new SpiAllocator().allocate({ ...plain, ...steering })).toThrow(RangeError);
  });
});

describe('checkPeerSpi()', () => {
  const expected = { peerRole: Role.responder, masterKeyIndex: 1 } as const;

  test('takes an SPI of the peer, of the active master key', () => {
    expect(checkPeerSpi(0xc0000001, expected)).toBeNull();
    expect(checkPeerSpi(0xffffffff, expected)).toBeNull();
    expect(checkPeerSpi(1, { peerRole: Role.initiator, masterKeyIndex: 0 })).toBeNull();
  });

  test.each([
    [0, /counter 0/],
    [0xc0000000, /counter 0/],
    [0x80000001, /wrong role/],
    [0x40000001, /wrong master key index/],
    [-1, /32-bit/],
    [0x100000001, /32-bit/],
    [1.5, /32-bit/],
  ])('refuses %d', (spi, reason) => {
    expect(checkPeerSpi(spi, expected)).toMatch(reason);
  });

  test('refuses whatever this side allocates itself', () => {
    const spi = composeSpi(Role.initiator, 1, 5);
    expect(checkPeerSpi(spi, expected)).not.toBeNull();
  });
});
