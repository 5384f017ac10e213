/** Datagrams that wait: as queues of buffers do, in memory of fixed size. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_LEN, WaitingDatagrams } from '../../../dataplane/relay/waiting-datagrams.ts';

const LIMITS = { maxPerSession: 3, maxChunks: 8 };
const AT = 64;
const SCRATCH_AT = AT + LIMITS.maxChunks * CHUNK_LEN + 64;

function rigOf() {
  const memory = new Uint8Array(SCRATCH_AT + 65_536).fill(0x5a);
  return { memory, waiting: new WaitingDatagrams(LIMITS, 4, new DataView(memory.buffer), AT) };
}

function datagram(len: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: len }, (_, i) => (i + seed * 37 + (i >>> 8)) & 0xff));
}

const step = fc.record({
  kind: fc.constantFrom('add', 'add', 'take', 'clear'),
  session: fc.nat(3),
  len: fc.oneof(fc.nat(9_000), fc.constantFrom(0, 1, 2_047, 2_048, 2_049, 4_096)),
});

describe('WaitingDatagrams', () => {
  test('does what a queue a session does, and takes no more than there is room for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { memory, waiting } = rigOf();
        const queues: Buffer[][] = [[], [], [], []];
        const chunks = () =>
          queues.flat().reduce((sum, data) => sum + Math.max(1, Math.ceil(data.length / CHUNK_LEN)), 0);
        for (const [i, { kind, session, len }] of steps.entries()) {
          const queue = queues[session] ?? [];
          if (kind === 'add') {
            const data = datagram(len, i);
            const needed = Math.max(1, Math.ceil(len / CHUNK_LEN));
            const fits = queue.length < LIMITS.maxPerSession && chunks() + needed <= LIMITS.maxChunks;
            const from = new DataView(Uint8Array.from([9, ...data]).buffer);
            expect(waiting.add(session, from, 1, len)).toBe(fits);
            if (fits) queue.push(data);
          } else if (kind === 'take') {
            const expected = queue.shift();
            const taken = waiting.take(session, SCRATCH_AT);
            expect(taken).toBe(expected?.length ?? -1);
            if (expected !== undefined) {
              expect(Buffer.from(memory.slice(SCRATCH_AT, SCRATCH_AT + taken))).toEqual(expected);
            }
          } else {
            expect(waiting.clear(session)).toBe(queue.length);
            queue.length = 0;
          }
          expect(waiting.count(session)).toBe(queue.length);
          expect(waiting.chunks).toBe(chunks());
        }
        expect(memory.subarray(0, AT).every((byte) => byte === 0x5a)).toBe(true);
        expect(memory.subarray(SCRATCH_AT - 64, SCRATCH_AT).every((byte) => byte === 0x5a)).toBe(true);
      }),
      { seed: 20_260_301, numRuns: 200 },
    );
  });
});
