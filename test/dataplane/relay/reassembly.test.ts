/** Fragments in any order: against a map of bytes, at the bounds, and hostile ones. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFragmentInfo, readFragment } from '../../../dataplane/relay/fragment.ts';
import {
  Reassembled,
  Reassembly,
  type ReassemblyLimits,
  reassemblyLen,
} from '../../../dataplane/relay/reassembly.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { fragment, fragmentsOf, ipPacket, readUdp, udpPacket } from './packets.ts';

const LIMITS: ReassemblyLimits = { maxDatagrams: 4, maxPerGuest: 2, timeoutMs: 100 };
const AT = 64;
const PACKET_AT = 7;

class Rig {
  readonly reassembly: Reassembly;
  readonly memory: Buffer;
  readonly info = createFragmentInfo();
  readonly #from = new DataView(new ArrayBuffer(70_000));

  constructor(limits = LIMITS) {
    const bytes = new Uint8Array(AT + reassemblyLen(limits.maxDatagrams) + AT).fill(0x5a);
    this.memory = Buffer.from(bytes.buffer);
    this.reassembly = new Reassembly(limits, new DataView(bytes.buffer), AT);
  }

  take(packet: Buffer, guest = 1, nowMs = 0): Reassembled {
    new Uint8Array(this.#from.buffer).set(packet, PACKET_AT);
    expect(readFragment(this.#from, PACKET_AT, this.info)).toBe(true);
    return this.reassembly.take(this.#from, PACKET_AT, this.info, guest, nowMs);
  }

  get packet(): Buffer {
    const { packetAt, packetLen } = this.reassembly;
    return Buffer.from(this.memory.subarray(packetAt, packetAt + packetLen));
  }
}

function packetOf(family: 4 | 6, len: number, id = 1): Buffer {
  const data = Buffer.from(Uint8Array.from({ length: len }, (_, i) => (i * 7 + (i >>> 8)) & 0xff));
  const [from, to] = family === 4 ? ['10.77.0.9', '192.0.2.1'] : ['fd77::9', '2001:db8::1'];
  return udpPacket({ from, fromPort: 5_000, to, toPort: 9, data, id });
}

const family = fc.constantFrom<4 | 6>(4, 6);

describe('Reassembly', () => {
  test('makes datagrams whole from fragments in any order', () => {
    fc.assert(
      fc.property(
        family,
        fc.integer({ min: 1_000, max: 9_000 }),
        fc.integer({ min: 100, max: 900 }),
        fc.gen(),
        (family, len, mtu, gen) => {
          const rig = new Rig();
          const packet = packetOf(family, len);
          const pieces = fragmentsOf(packet, mtu);
          const order = gen(() => fc.shuffledSubarray(pieces, { minLength: pieces.length }));
          for (const piece of order.slice(0, -1)) expect(rig.take(piece)).toBe(Reassembled.waiting);
          expect(rig.take(order.at(-1) ?? packet)).toBe(Reassembled.whole);
          expect(readUdp(rig.packet).data).toEqual(readUdp(packet).data);
          expect(rig.reassembly.size).toBe(0);
          expect(rig.memory.subarray(-AT).every((byte) => byte === 0x5a)).toBe(true);
        },
      ),
      { seed: 20_260_301, numRuns: 100 },
    );
  });

  test('takes what a map of bytes takes, and drops all of what overlaps', () => {
    const piece = fc.record({
      offset: fc.nat(12),
      len: fc.integer({ min: 1, max: 6 }),
      isLast: fc.boolean(),
      odd: fc.nat(7),
    });
    fc.assert(
      fc.property(family, fc.array(piece, { maxLength: 12 }), (family, pieces) => {
        const rig = new Rig();
        const packet = packetOf(family, 200);
        let came = new Set<number>();
        let end = Number.POSITIVE_INFINITY;
        for (const { offset, len, isLast, odd } of pieces) {
          const at = offset * 8;
          const bytes = len * 8 - (isLast ? odd : 0);
          const numbers = Array.from({ length: bytes }, (_, i) => at + i);
          // An odd end takes all of its unit.
          const isOver = numbers.some((n) => came.has(n));
          const isBeyond = at + bytes > end || (isLast && [...came].some((n) => n >= at + bytes));
          const result = rig.take(fragment(packet, Buffer.alloc(bytes, 1), at, !isLast, 5));
          if (isBeyond || isOver) {
            expect(result).toBe(isBeyond ? Reassembled.malformed : Reassembled.overlap);
            came = new Set();
            end = Number.POSITIVE_INFINITY;
            continue;
          }
          for (const n of numbers) came.add(n);
          if (isLast) end = at + bytes;
          expect(result).toBe(came.size === end ? Reassembled.whole : Reassembled.waiting);
          if (came.size !== end) continue;
          expect(rig.reassembly.packetLen).toBe((family === 4 ? 20 : 40) + end);
          came = new Set();
          end = Number.POSITIVE_INFINITY;
        }
        expect(rig.reassembly.size).toBe(came.size === 0 ? 0 : 1);
      }),
      { seed: 20_260_301, numRuns: 1_000 },
    );
  });

  test.each([4, 6] as const)('takes the longest datagram over IPv%d and nothing behind it', (family) => {
    const rig = new Rig();
    const packet = packetOf(family, 65_507);
    const results = fragmentsOf(packet, 1_500).map((piece) => rig.take(piece));
    expect(results.at(-1)).toBe(Reassembled.whole);
    expect(readUdp(rig.packet).data.length).toBe(65_507);
    expect(rig.memory.subarray(-AT).every((byte) => byte === 0x5a)).toBe(true);
    // 65,512 is the last offset whose fragment can end in time: with 3 bytes.
    expect(rig.take(fragment(packet, Buffer.alloc(3), 65_512, false, 9))).toBe(Reassembled.waiting);
    const beyond = fragment(packet, Buffer.alloc(4), 65_512, false, 10);
    expect(rig.take(beyond)).toBe(Reassembled.tooLong);
    expect(rig.reassembly.size).toBe(1);
  });

  test('refuses fragments that end where none may', () => {
    const rig = new Rig();
    const packet = packetOf(4, 100);
    expect(rig.take(fragment(packet, Buffer.alloc(7), 0, true, 1))).toBe(Reassembled.malformed);
    expect(rig.take(fragment(packet, Buffer.alloc(0), 8, false, 1))).toBe(Reassembled.malformed);
    expect(rig.reassembly.size).toBe(0);
  });

  test('keeps datagrams apart by guest, id, family and addresses', () => {
    const rig = new Rig({ maxDatagrams: 8, maxPerGuest: 8, timeoutMs: 100 });
    const first = fragment(packetOf(4, 100), Buffer.alloc(16), 0, true, 1);
    const others = [from(9), from(12), from(16), fragment(packetOf(6, 100), Buffer.alloc(16), 0, true, 1)];
    /** The same with another byte in the header. */
    function from(at: number): Buffer {
      const changed = Buffer.from(first);
      if (at === 9) changed[4] = 9;
      else changed[at] = 99;
      return changed;
    }
    expect(rig.take(first)).toBe(Reassembled.waiting);
    expect(rig.take(first, 2)).toBe(Reassembled.waiting);
    for (const other of others) expect(rig.take(other)).toBe(Reassembled.waiting);
    expect(rig.reassembly.size).toBe(6);
    rig.reassembly.removeGuest(1);
    expect(rig.reassembly.size).toBe(1);
  });

  test('takes so many of a guest and in all, until they are late', () => {
    const rig = new Rig();
    const piece = (id: number) => fragment(packetOf(4, 100), Buffer.alloc(16), 0, true, id);
    const results = [1, 2, 3].map((id) => rig.take(piece(id), 1));
    expect(results).toEqual([Reassembled.waiting, Reassembled.waiting, Reassembled.refused]);
    rig.take(piece(1), 2);
    rig.take(piece(2), 2);
    expect(rig.take(piece(1), 3)).toBe(Reassembled.refused);
    expect(rig.take(piece(3), 1, 99)).toBe(Reassembled.refused);
    expect(rig.take(piece(3), 1, 100)).toBe(Reassembled.waiting);
    expect(rig.reassembly.size).toBe(4);
    expect(rig.reassembly.sweep(100)).toBe(3);
    expect(rig.reassembly.sweep(199)).toBe(0);
    expect(rig.reassembly.sweep(200)).toBe(1);
    expect(rig.reassembly.size).toBe(0);
  });

  test('allocates nothing', () => {
    const rig = new Rig();
    const pieces = fragmentsOf(packetOf(4, 2_000), 1_500);
    const views = pieces.map((piece) => new DataView(Uint8Array.from(piece).buffer));
    let whole = 0;
    const nowMs = 1e12 + 0.5;
    let i = 0;
    const allocated = allocatedPerCall(10_000, () => {
      i++;
      const view = views[i & 1];
      if (view === undefined) return;
      readFragment(view, 0, rig.info);
      if (rig.reassembly.take(view, 0, rig.info, 1, nowMs) === Reassembled.whole) whole++;
    });
    expect(allocated).toBeLessThan(1);
    expect(whole).toBe(i >>> 1);
  });
});

describe('readFragment()', () => {
  const view = (packet: Buffer) => new DataView(Uint8Array.from(packet).buffer);

  test('finds the fragment header behind those that may be in front of it', () => {
    const info = createFragmentInfo();
    const body = Buffer.from('2c00000000000000 1100000900000007 0102030405060708'.replaceAll(' ', ''), 'hex');
    const packet = ipPacket({ from: 'fd77::9', to: 'fd77::1', protocol: 60, body });
    expect(readFragment(view(packet), 0, info)).toBe(true);
    expect(info).toEqual({ family: 6, id: 7, protocol: 17, at: 56, len: 8, offset: 8, isLast: false });
  });

  test.each([
    ['an authentication header', 51, '2c00000000000000 1100000900000007'],
    ['a header that ends behind the packet', 60, '2c01000000000000 1100'],
  ])('does not find it behind %s', (_, protocol, hex) => {
    const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    const packet = ipPacket({ from: 'fd77::9', to: 'fd77::1', protocol, body });
    expect(readFragment(view(packet), 0, createFragmentInfo())).toBe(false);
  });
});
