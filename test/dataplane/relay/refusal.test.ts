/** ICMP errors by what they mean. */
import { describe, expect, test } from 'vitest';
import { Refusal, writeRefusal } from '../../../dataplane/relay/refusal.ts';
import { naiveChecksum, udpPacket } from './packets.ts';

const OUT_AT = 4_096;
const POISON = 0x5a;

function refuse(packet: Buffer, refusal: Refusal, len = packet.length): Buffer {
  const memory = new Uint8Array(OUT_AT + 2_048).fill(POISON);
  memory.set(packet, 8);
  const written = writeRefusal(new DataView(memory.buffer), 8, len, refusal, -1, OUT_AT);
  expect(memory[OUT_AT + written]).toBe(POISON);
  return Buffer.from(memory.slice(OUT_AT, OUT_AT + written));
}

const four = udpPacket({
  from: '10.77.0.9',
  fromPort: 1,
  to: '192.0.2.1',
  toPort: 9,
  data: Buffer.alloc(2_000, 1),
});
const six = udpPacket({
  from: 'fd77::9',
  fromPort: 1,
  to: '2001:db8::1',
  toPort: 9,
  data: Buffer.alloc(2_000, 1),
});

describe('writeRefusal()', () => {
  test.each([
    ['port', 3, 4],
    ['protocol', 2, 1],
    ['prohibited', 13, 1],
    ['network', 0, 0],
    ['host', 1, 3],
  ] as const)('says %s with code %d, in ICMPv6 %d', (name, code4, code6) => {
    const answer4 = refuse(four, Refusal[name]);
    expect(answer4.subarray(20, 22)).toEqual(Buffer.from([3, code4]));
    expect(answer4.readUInt32BE(24)).toBe(0);
    expect(answer4.length).toBe(576);
    expect(naiveChecksum(answer4.subarray(20))).toBe(0);
    expect(answer4.subarray(28)).toEqual(four.subarray(0, 548));
    const answer6 = refuse(six, Refusal[name]);
    expect(answer6.subarray(40, 42)).toEqual(Buffer.from([1, code6]));
    expect(answer6.length).toBe(1_280);
    expect(answer6.subarray(48)).toEqual(six.subarray(0, 1_232));
  });

  test('quotes no more than is there, of a packet whose beginning it is', () => {
    expect(refuse(four, Refusal.port, 28).length).toBe(20 + 8 + 28);
    expect(refuse(six, Refusal.port, 48).length).toBe(40 + 8 + 48);
  });

  test('says nothing to a group', () => {
    const toGroup = udpPacket({
      from: '10.77.0.9',
      fromPort: 1,
      to: '224.0.0.1',
      toPort: 9,
      data: Buffer.alloc(1),
    });
    expect(refuse(toGroup, Refusal.port).length).toBe(0);
  });
});
