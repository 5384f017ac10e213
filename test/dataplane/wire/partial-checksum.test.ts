/** Frames whose sender left the checksum to hardware, and those it must not touch. */
import { describe, expect, test } from 'vitest';
import { completeChecksum } from '../../../dataplane/wire/partial-checksum.ts';
import { createUpperLayer } from '../../../dataplane/wire/upper-layer.ts';
import { internetChecksum } from '../../support/frame.ts';
import { ipPacket, Protocol } from '../path/packets.ts';

const AT = 2;
const FOUR = { src: '192.0.2.1', dst: '192.0.2.2' };
const SIX = { src: 'fd77::1', dst: 'fd77::2' };
const FIELD = { [Protocol.tcp]: 16, [Protocol.udp]: 6 } as Record<number, number>;

interface Case {
  readonly frame: Buffer;
  /** Where the transport header starts, and its checksum field is. */
  readonly upperAt: number;
  readonly fieldAt: number;
  /** The pseudo header. */
  readonly pseudo: Buffer;
}

/** A frame with the pseudo header's sum in its checksum field, as Linux hands it to a device. */
function undone(addresses: typeof FOUR, protocol: number, dataLen: number, tags = ''): Case {
  const payload = Buffer.alloc((protocol === Protocol.tcp ? 20 : 8) + dataLen, 0x5b);
  if (protocol === Protocol.udp) payload.writeUInt16BE(payload.length, 4);
  const packet = Buffer.from(ipPacket({ ...addresses, protocol, payload }));
  const isV6 = addresses === SIX;
  const type = isV6 ? '86dd' : '0800';
  const frame = Buffer.concat([
    Buffer.from(`0200000000010200000000 02${tags}${type}`.replace(' ', ''), 'hex'),
    packet,
  ]);
  const upperAt = frame.length - payload.length;
  const fieldAt = upperAt + (FIELD[protocol] ?? 0);
  const ipAt = frame.length - packet.length;
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(payload.length, 0);
  tail.writeUInt32BE(protocol, 4);
  const pseudo = Buffer.concat([frame.subarray(ipAt + (isV6 ? 8 : 12), ipAt + (isV6 ? 40 : 20)), tail]);
  frame.writeUInt16BE(~internetChecksum(pseudo) & 0xffff, fieldAt);
  return { frame, upperAt, fieldAt, pseudo };
}

/** The frame as it comes out, and whether it was completed. */
function run(frame: Buffer): { done: boolean; out: Buffer } {
  const memory = Buffer.alloc(AT + frame.length + 64, 0xee);
  frame.copy(memory, AT);
  const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
  const done = completeChecksum(view, AT, frame.length, createUpperLayer());
  const out = Buffer.from(memory.subarray(AT, AT + frame.length));
  expect(memory.subarray(AT + frame.length).every((byte) => byte === 0xee)).toBe(true);
  return { done, out };
}

describe.each([
  ['IPv4', FOUR],
  ['IPv6', SIX],
])('completeChecksum() over %s', (_, addresses) => {
  test.each([
    ['TCP', Protocol.tcp, 0, ''],
    ['TCP with data of odd length', Protocol.tcp, 101, ''],
    ['UDP', Protocol.udp, 33, ''],
    ['TCP behind a VLAN tag', Protocol.tcp, 12, '81000005'],
    ['UDP behind two tags', Protocol.udp, 12, '88a800078100000a'],
  ])('completes %s', (_name, protocol, dataLen, tags) => {
    const { frame, upperAt, fieldAt, pseudo } = undone(addresses, protocol, dataLen, tags);
    const { done, out } = run(frame);
    expect(done).toBe(true);
    // Over all that it covers, the sum of a right checksum is all ones.
    expect(internetChecksum(Buffer.concat([pseudo, out.subarray(upperAt)]))).toBe(0);
    frame.copy(out, fieldAt, fieldAt, fieldAt + 2);
    expect(out.equals(frame)).toBe(true);
  });

  test('leaves a finished checksum, right or wrong, and bytes behind the packet', () => {
    const { frame } = undone(addresses, Protocol.tcp, 50);
    const complete = run(frame).out;
    expect(run(complete)).toEqual({ done: false, out: complete });
    const wrong = Buffer.from(complete);
    wrong[wrong.length - 1] = 0;
    expect(run(wrong)).toEqual({ done: false, out: wrong });
    const padded = Buffer.concat([frame, Buffer.alloc(7, 0x99)]);
    expect(run(padded).out).toEqual(Buffer.concat([complete, Buffer.alloc(7, 0x99)]));
  });

  test('leaves other protocols', () => {
    const { frame, upperAt } = undone(addresses, Protocol.icmp, 40);
    const field = undone(addresses, Protocol.icmp, 40).frame.readUInt16BE(upperAt);
    for (const at of [6, 16]) frame.writeUInt16BE(field, upperAt + at);
    expect(run(frame).done).toBe(false);
  });

  test('leaves every truncated frame', () => {
    for (const protocol of [Protocol.tcp, Protocol.udp]) {
      const { frame } = undone(addresses, protocol, 4);
      for (let len = 0; len < frame.length; len++) expect(run(frame.subarray(0, len)).done).toBe(false);
    }
  });

  test('reads nothing behind a frame', () => {
    const { frame } = undone(addresses, Protocol.udp, 4, '88a800078100000a');
    for (let len = 0; len < frame.length; len++) {
      const exact = new DataView(Uint8Array.from(frame.subarray(0, len)).buffer);
      expect(completeChecksum(exact, 0, len, createUpperLayer())).toBe(false);
    }
  });

  test('leaves a transport header that its packet cuts short', () => {
    for (const protocol of [Protocol.tcp, Protocol.udp]) {
      const { frame, upperAt, fieldAt } = undone(addresses, protocol, 0);
      // The frame goes on, the packet ends a byte early; the field matches the length that is said.
      const ipAt = addresses === SIX ? upperAt - 40 : upperAt - 20;
      const lenAt = ipAt + (addresses === SIX ? 4 : 2);
      frame.writeUInt16BE(frame.readUInt16BE(lenAt) - 1, lenAt);
      frame.writeUInt16BE(frame.readUInt16BE(fieldAt) - 1, fieldAt);
      expect(run(frame).done).toBe(false);
    }
  });
});

describe('completeChecksum()', () => {
  test('leaves fragments', () => {
    const { frame, upperAt } = undone(FOUR, Protocol.udp, 20);
    expect(run(frame).done).toBe(true);
    for (const flags of [0x2000, 0x0001]) {
      frame.writeUInt16BE(flags, upperAt - 20 + 6);
      expect(run(frame).done).toBe(false);
    }
  });

  test('leaves what is behind three tags, and frames that are not IP', () => {
    expect(run(undone(FOUR, Protocol.udp, 20, '810000018100000281000003').frame).done).toBe(false);
    const { frame } = undone(FOUR, Protocol.udp, 20);
    frame.writeUInt16BE(0x0806, 12);
    expect(run(frame).done).toBe(false);
  });
});
