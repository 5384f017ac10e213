/** Packets that a relay makes: byte for byte, with checksums added up plainly, and cut as receivers join them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REPLY_HEADROOM, ReplyCutter } from '../../../dataplane/relay/reply.ts';
import { SENT_HEADER_LEN, writeSentHeader } from '../../../dataplane/relay/sent-packet.ts';
import { SESSION_LIMITS, SessionTable } from '../../../dataplane/relay/session-table.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { addressBytes, hexAddress, joinFragments, naiveChecksum, readUdp } from './packets.ts';

const DATA_AT = 128;
const memory = new Uint8Array(70_000);
const view = new DataView(memory.buffer);

const [GUEST_4, THERE_4, GUEST_6, THERE_6] = ['10.77.0.9', '192.0.2.1', 'fd77::9', '2001:db8::1'];

/** A table with one session. */
function sessionOf(family: 4 | 6): { table: SessionTable; slot: number } {
  const table = new SessionTable({ ...SESSION_LIMITS, maxSessions: 4 }, new Uint8Array(16));
  const ends = new DataView(new ArrayBuffer(32));
  const bytes = new Uint8Array(ends.buffer);
  bytes.set(addressBytes(family === 4 ? GUEST_4 : GUEST_6), 0);
  bytes.set(addressBytes(family === 4 ? THERE_4 : THERE_6), 16);
  table.find(1, family, ends, 0, 16, (50_000 << 16) | 9);
  return { table, slot: table.add(0) };
}

function packetsOf(family: 4 | 6, data: Uint8Array, mtu: number, firstId = 0x1234_5677): Buffer[] {
  const { table, slot } = sessionOf(family);
  const cutter = new ReplyCutter(view, table, firstId);
  memory.fill(0x5a);
  memory.set(data, DATA_AT);
  cutter.begin(slot, DATA_AT, data.length, mtu);
  const packets: Buffer[] = [];
  for (let len = cutter.next(); len > 0; len = cutter.next()) {
    packets.push(Buffer.from(memory.slice(cutter.at, cutter.at + len)));
  }
  expect(memory.subarray(0, DATA_AT - REPLY_HEADROOM).every((byte) => byte === 0x5a)).toBe(true);
  expect(memory[DATA_AT + data.length]).toBe(0x5a);
  return packets;
}

describe('ReplyCutter', () => {
  test('writes an IPv4 packet byte for byte', () => {
    const [packet] = packetsOf(4, Buffer.from('deadbeef', 'hex'), 1_500);
    // By hand: 4500+0020+5678+0000+4011+c000+0201+0a4d+0009 = 0x1_a800 → 0xa801 → 0x57fe.
    const header = '4500002056780000401157fec00002010a4d0009';
    expect(packet?.subarray(0, 20).toString('hex')).toBe(header);
    expect(packet?.subarray(20, 26).toString('hex')).toBe('0009c350000c');
    expect(packet?.subarray(28).toString('hex')).toBe('deadbeef');
    expect(readUdp(packet ?? Buffer.alloc(0)).from).toBe(hexAddress(THERE_4));
  });

  test('writes an IPv6 packet byte for byte', () => {
    const [packet] = packetsOf(6, Buffer.from('deadbeef', 'hex'), 1_500);
    const addresses = hexAddress(THERE_6) + hexAddress(GUEST_6);
    expect(packet?.subarray(0, 46).toString('hex')).toBe(`60000000000c1140${addresses}0009c350000c`);
    expect(readUdp(packet ?? Buffer.alloc(0)).data.toString('hex')).toBe('deadbeef');
  });

  test.each([4, 6] as const)('writes a checksum of 0 as 0xffff over IPv%d', (family) => {
    const [plain = Buffer.alloc(0)] = packetsOf(family, Buffer.alloc(2), 1_500);
    // Data that is the checksum without it makes the sum 0.
    const field = plain.subarray(family === 4 ? 26 : 46, family === 4 ? 28 : 48);
    const [packet = Buffer.alloc(0)] = packetsOf(family, Buffer.from(field), 1_500);
    expect(packet.readUInt16BE(family === 4 ? 26 : 46)).toBe(0xffff);
    expect(readUdp(packet).data).toEqual(Buffer.from(field));
  });

  test('cuts what the link does not take, so that a receiver can join it', () => {
    const mtu = fc.oneof(fc.integer({ min: 60, max: 1_600 }), fc.constantFrom(1_280, 1_281, 1_287, 1_288));
    fc.assert(
      fc.property(fc.constantFrom<4 | 6>(4, 6), fc.nat(9_000), mtu, (family, len, mtu) => {
        const data = Buffer.from(Uint8Array.from({ length: len }, (_, i) => (i * 13 + (i >>> 8)) & 0xff));
        const packets = packetsOf(family, data, mtu);
        const least = Math.max(mtu, family === 4 ? 68 : 1_280);
        for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(least);
        const isCut = len + (family === 4 ? 28 : 48) > least;
        expect(packets.length > 1).toBe(isCut);
        const whole = isCut ? joinFragments(packets) : (packets[0] ?? Buffer.alloc(0));
        expect(readUdp(whole).data).toEqual(data);
        // No smaller than need be.
        for (const packet of packets.slice(0, -1)) expect(packet.length).toBeGreaterThan(least - 8);
      }),
      { seed: 20_260_301, numRuns: 200 },
    );
  });

  test('gives each datagram another identification', () => {
    const { table, slot } = sessionOf(6);
    const cutter = new ReplyCutter(view, table, -1);
    const ids = [0, 1, 2].map(() => {
      cutter.begin(slot, DATA_AT, 2_000, 1_280);
      cutter.next();
      return view.getUint32(cutter.at + 44);
    });
    expect(ids).toEqual([0, 1, 2]);
  });

  test('allocates nothing', () => {
    const four = sessionOf(4);
    const six = sessionOf(6);
    const cutters = [new ReplyCutter(view, four.table, 1), new ReplyCutter(view, six.table, 1)] as const;
    let packets = 0;
    let i = 0;
    const allocated = allocatedPerCall(10_000, () => {
      i++;
      const cutter = (i & 1) === 0 ? cutters[0] : cutters[1];
      cutter.begin(0, DATA_AT, 1_300 + (i & 255), 1_400);
      while (cutter.next() > 0) packets++;
    });
    expect(allocated).toBeLessThan(1);
    expect(packets).toBeGreaterThan(i);
  });
});

describe('writeSentHeader()', () => {
  test.each([4, 6] as const)('writes the IPv%d packet that the guest sent', (family) => {
    const { table, slot } = sessionOf(family);
    const at = writeSentHeader(view, table, slot, DATA_AT, 1_000);
    expect(at).toBeGreaterThanOrEqual(DATA_AT - SENT_HEADER_LEN);
    const header = Buffer.from(memory.slice(at, DATA_AT)).toString('hex');
    if (family === 4) {
      expect(header).toMatch(/^45000404000000004011.{4}0a4d0009c0000201c350000903f00000$/);
      expect(naiveChecksum(memory.subarray(at, at + 20))).toBe(0);
    } else {
      expect(header).toBe(`6000000003f01140${hexAddress(GUEST_6)}${hexAddress(THERE_6)}c350000903f00000`);
    }
  });
});
