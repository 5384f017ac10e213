import { describe, expect, test } from 'vitest';
import * as ethernet from '../../../dataplane/wire/ethernet.ts';
import { AT, exactView, hexOf, viewOf } from './view-of.ts';

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

  test.each([
    ['no tag', '86dd', 12, 0],
    ['a customer tag of VLAN 100, priority 1', '81002064 86dd', 16, 100],
    ['a service tag', '88a80fff 86dd', 16, 4095],
    ['a priority alone', '8100e000 86dd', 16, 0],
    ['a service tag of VLAN 10 and a customer tag of VLAN 20', '88a8600a 81000014 86dd', 20, 10 * 4096 + 20],
    ['two customer tags', '81000fff 81000fff 86dd', 20, 2 ** 24 - 1],
    ['three tags: the third is the type', '88a80001 81000002 81000003 86dd', 20, 4098],
    ['no known type', '0101', 12, 0],
  ])('typeAt() and vlanOf() of a frame with %s', (_, rest, offset, vlan) => {
    const view = viewOf(`0242ac110002 0342ac110003 ${rest}`);
    const found = ethernet.typeAt(view, AT, offset + 2);
    expect(found).toBe(AT + offset);
    expect(ethernet.vlanOf(view, AT, found)).toBe(vlan);
    expect(ethernet.typeAt(view, AT, offset + 1)).toBe(-1);
  });

  test('typeAt() reads nothing behind a short frame', () => {
    for (const bytes of ['', '0242ac1100020342ac11000381', '0242ac1100020342ac1100038100006486']) {
      const view = exactView(bytes);
      expect(ethernet.typeAt(view, 0, view.byteLength)).toBe(-1);
    }
  });

  test('addresses in numbers are read as they are written', () => {
    const view = viewOf('fffe89abcdef');
    expect([ethernet.addressHigh(view, AT), ethernet.addressLow(view, AT)]).toEqual([0xfffe, 0x89abcdef | 0]);
    ethernet.writeAddress(view, AT + 6, 0xfffe, 0x89abcdef | 0);
    expect(hexOf(view, 7, AT + 6)).toBe('fffe89abcdef44');
  });

  test('writeAnswerHeader() answers the sender, with tags and type', () => {
    const view = viewOf('0242ac110002 0242ac110003 88a8600a 81000014 0806');
    const typeAt = ethernet.typeAt(view, AT, ethernet.MAX_HEADER_LEN);
    expect(ethernet.writeAnswerHeader(view, AT, typeAt, AT + 30, 0x02ff, -2)).toBe(ethernet.MAX_HEADER_LEN);
    expect(hexOf(view, 23, AT + 30)).toBe('0242ac11000302fffffffffe88a8600a81000014080644');
  });
});
