/** Resets as a closed port gives them. */
import { describe, expect, test } from 'vitest';
import { writeTcpReset } from '../../../dataplane/relay/tcp-reset.ts';
import { ipPacket, naiveChecksum } from './packets.ts';

const OUT_AT = 256;

/** A segment with sequence number 0xfffffff0 and acknowledgment number 0x01020304. */
function segment(flags: number, dataLen = 0, offset = 0x50): Buffer {
  const header = Buffer.from(
    `c0000050fffffff001020304${offset.toString(16)}000400 00000000`.replaceAll(' ', ''),
    'hex',
  );
  header[13] = flags;
  return Buffer.concat([header, Buffer.alloc(dataLen)]);
}

function reset(body: Buffer, family: 4 | 6 = 4): Buffer | null {
  const [from, to] = family === 4 ? ['10.77.0.9', '192.0.2.1'] : ['fd77::9', '2001:db8::1'];
  const packet = ipPacket({ from, to, protocol: 6, body });
  const memory = new Uint8Array(512);
  memory.set(packet, 8);
  const len = writeTcpReset(new DataView(memory.buffer), 8, 8 + (family === 4 ? 20 : 40), OUT_AT);
  return len === 0 ? null : Buffer.from(memory.slice(OUT_AT, OUT_AT + len));
}

describe('writeTcpReset()', () => {
  test('answers a SYN over IPv4, byte for byte', () => {
    const packet = reset(segment(0x02));
    // 4500+0028+0000+4000+4006+c000+0201+0a4d+0009 = 0x1_9185 → 0x9186 → 0x6e79.
    expect(packet?.subarray(0, 20).toString('hex')).toBe(
      '45000028000040004006' + '6e79' + 'c00002010a4d0009',
    );
    expect(packet?.subarray(20, 36).toString('hex')).toBe('0050c00000000000fffffff150140000');
    const pseudo = Buffer.from('c00002010a4d000900060014', 'hex');
    expect(naiveChecksum(pseudo, packet?.subarray(20) ?? Buffer.alloc(0))).toBe(0);
  });

  test('answers a SYN over IPv6', () => {
    const packet = reset(segment(0x02), 6) ?? Buffer.alloc(60);
    expect(packet.subarray(0, 8).toString('hex')).toBe('6000000000140640');
    expect(packet.subarray(40, 56).toString('hex')).toBe('0050c00000000000fffffff150140000');
    const pseudo = Buffer.concat([packet.subarray(8, 40), Buffer.from('0000001400000006', 'hex')]);
    expect(naiveChecksum(pseudo, packet.subarray(40))).toBe(0);
  });

  test.each([
    ['data beyond the end of the numbers', segment(0x00, 20), '00000000 00000004 5014'],
    ['a FIN', segment(0x01, 3), '00000000 fffffff4 5014'],
    ['SYN and FIN with data', segment(0x03, 4), '00000000 fffffff6 5014'],
    ['an ACK', segment(0x10, 3), '01020304 00000000 5004'],
    ['SYN and ACK', segment(0x12), '01020304 00000000 5004'],
    ['options that are no data', segment(0x02, 4, 0x60), '00000000 fffffff1 5014'],
  ])('answers %s with the numbers of RFC 9293', (_, body, expected) => {
    expect(reset(body)?.subarray(24, 34).toString('hex')).toBe(expected.replaceAll(' ', ''));
  });

  test.each([
    ['a reset', segment(0x04)],
    ['a header cut short', segment(0x02).subarray(0, 19)],
    ['a header length below 20', segment(0x02, 0, 0x40)],
    ['a header length beyond the packet', segment(0x02, 0, 0x60)],
  ])('does not answer %s', (_, body) => {
    expect(reset(body)).toBeNull();
  });
});
