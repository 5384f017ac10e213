import { describe, expect, test } from 'vitest';
import * as tcp from '../../../dataplane/wire/tcp.ts';
import { AT, hexOf, viewOf } from './view-of.ts';

describe('tcp', () => {
  const hex = '1f90c350 fedcba98 89abcdef 8018 0203 beef 0000 0101080a0000000100000002';

  test('reads each field', () => {
    const view = viewOf(hex);
    expect(tcp.sourcePort(view, AT)).toBe(8080);
    expect(tcp.destinationPort(view, AT)).toBe(50_000);
    expect(tcp.sequence(view, AT)).toBe(0xfedcba98);
    expect(tcp.acknowledgment(view, AT)).toBe(0x89abcdef);
    expect(tcp.headerLen(view, AT)).toBe(32);
    expect(tcp.flags(view, AT)).toBe(tcp.TcpFlag.ack | tcp.TcpFlag.psh);
    expect(tcp.window(view, AT)).toBe(0x203);
    expect(tcp.checksumField(view, AT)).toBe(0xbeef);
  });

  test('the setters change their field only', () => {
    const view = viewOf(hex);
    tcp.setSequence(view, AT, 0xffffffff);
    tcp.setFlags(view, AT, tcp.TcpFlag.ack);
    tcp.setChecksum(view, AT, 0x1234);
    const expected = hex
      .replaceAll(' ', '')
      .replace('fedcba98', 'ffffffff')
      .replace('8018', '8010')
      .replace('beef', '1234');
    expect(hexOf(view, 32)).toBe(expected);
    expect(view.getUint16(AT + tcp.CHECKSUM_AT)).toBe(0x1234);
  });
});
