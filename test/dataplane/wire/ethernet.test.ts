import { describe, expect, test } from 'vitest';
import * as ethernet from '../../../dataplane/wire/ethernet.ts';
import { AT, hexOf, viewOf } from './view-of.ts';

describe('ethernet', () => {
  const frame = viewOf('0242ac110002 0342ac110003 86dd');

  test('etherType() and isGroupAddress() read a frame', () => {
    expect(ethernet.etherType(frame, AT)).toBe(ethernet.EtherType.ipv6);
    expect(ethernet.isGroupAddress(frame, AT + ethernet.DESTINATION_AT)).toBe(false);
    expect(ethernet.isGroupAddress(frame, AT + ethernet.SOURCE_AT)).toBe(true);
  });

  test('writeHeader() copies both addresses', () => {
    const view = viewOf(`${'ee'.repeat(14)}0242ac1100020242ac110003`);
    ethernet.writeHeader(view, AT, AT + 20, AT + 14, ethernet.EtherType.arp);
    expect(hexOf(view, 14)).toBe('0242ac1100030242ac1100020806');
  });
});
