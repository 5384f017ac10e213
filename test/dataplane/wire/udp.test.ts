import { describe, expect, test } from 'vitest';
import * as udp from '../../../dataplane/wire/udp.ts';
import { AT, hexOf, viewOf } from './view-of.ts';

describe('udp', () => {
  test('reads each field', () => {
    const view = viewOf('c0000035 000cbeef');
    expect(udp.sourcePort(view, AT)).toBe(0xc000);
    expect(udp.destinationPort(view, AT)).toBe(53);
    expect(udp.length(view, AT)).toBe(12);
    expect(udp.checksumField(view, AT)).toBe(0xbeef);
  });

  test('writeHeader() writes each field and no checksum', () => {
    const view = viewOf('ee'.repeat(8));
    udp.writeHeader(view, AT, { sourcePort: 0xc000, destinationPort: 53, length: 12 });
    expect(hexOf(view, 9)).toBe('c0000035000c000044');
  });

  test('setChecksum() sends 0 as 0xffff', () => {
    const view = viewOf('00'.repeat(8));
    udp.setChecksum(view, AT, 0);
    expect(udp.checksumField(view, AT)).toBe(0xffff);
    udp.setChecksum(view, AT, 0x1234);
    expect(udp.checksumField(view, AT)).toBe(0x1234);
    expect(view.getUint16(AT + udp.CHECKSUM_AT)).toBe(0x1234);
  });
});
