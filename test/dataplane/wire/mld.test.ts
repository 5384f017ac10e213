import { describe, expect, test } from 'vitest';
import * as records from '../../../dataplane/wire/group-records.ts';
import * as mld from '../../../dataplane/wire/mld.ts';
import { IpProtocol } from '../../../dataplane/wire/upper-layer.ts';
import { v6Packet } from './packets.ts';
import { AT, exactView, viewOf } from './view-of.ts';

const GROUP = `ff05${'00'.repeat(12)}1234`;

describe('mld', () => {
  test('isChecksumRight() covers the message and its addresses', () => {
    // fd77+1 + fd77+2 + 24 + 58, 8300 + ff05 + 1234: folded 8f7f, so the field is 7080.
    const view = viewOf(v6Packet(IpProtocol.icmpv6, `83007080 00000000 ${GROUP}`));
    expect(mld.type(view, AT + 40)).toBe(mld.MldType.reportV1);
    expect(mld.isChecksumRight(view, AT, AT + 40, 24)).toBe(true);
    view.setUint8(AT + 39, 3);
    expect(mld.isChecksumRight(view, AT, AT + 40, 24)).toBe(false);
  });

  test('isQueryLen() knows version 1 by 24 bytes and version 2 by 28 or more', () => {
    expect([23, 24, 25, 27, 28, 29].map(mld.isQueryLen)).toEqual([false, true, false, false, true, true]);
  });

  const first = `04000000 ${GROUP}`;
  const second = `06010001 ${GROUP} fd77${'00'.repeat(14)} eeeeeeee`;
  const report = (count: string, groups: string) => `8f00beef0000${count}${groups}`;

  test('reads the records of a report', () => {
    const view = viewOf(report('0002', first + second));
    expect(records.recordCount(view, AT)).toBe(2);
    const secondAt = AT + records.RECORDS_AT + records.recordLen(view, AT + records.RECORDS_AT, 16);
    expect([records.recordKind(view, secondAt), records.sourceCount(view, secondAt)]).toEqual([6, 1]);
    expect(view.getUint16(secondAt + records.RECORD_GROUP_AT)).toBe(0xff05);
    expect(records.recordLen(view, secondAt, 16)).toBe(40);
    expect(records.areRecordsWhole(view, AT, 8 + 20 + 40, 16)).toBe(true);
  });

  test.each([
    ['none', '0000', '', true],
    ['fewer than announced', '0003', first + second, false],
    ['the last one cut in its header', '0001', first.slice(0, -2), false],
    ['the last one cut in its data', '0001', second.slice(0, -2), false],
  ])('areRecordsWhole() judges %s', (_, count, groups, whole) => {
    const hex = report(count, groups).replaceAll(' ', '');
    expect(records.areRecordsWhole(exactView(hex), 0, hex.length / 2, 16)).toBe(whole);
    expect(records.areRecordsWhole(viewOf(hex), AT, hex.length / 2, 16)).toBe(whole);
  });
});
