import { describe, expect, test } from 'vitest';
import * as records from '../../../dataplane/wire/group-records.ts';
import * as igmp from '../../../dataplane/wire/igmp.ts';
import { AT, exactView, viewOf } from './view-of.ts';

describe('igmp', () => {
  test('isChecksumRight() tells a query as routers send it from one with a bit turned', () => {
    // General query of version 2: 1164 + ee9b = ffff.
    const view = viewOf('1164ee9b 00000000');
    expect(igmp.type(view, AT)).toBe(igmp.IgmpType.query);
    expect(igmp.isChecksumRight(view, AT, 8)).toBe(true);
    view.setUint8(AT + 5, 1);
    expect(igmp.isChecksumRight(view, AT, 8)).toBe(false);
  });

  test('isQueryLen() knows versions 1 and 2 by 8 bytes and version 3 by 12 or more', () => {
    expect([7, 8, 9, 11, 12, 13, 100].map(igmp.isQueryLen)).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  const first = '04000000 efffffff';
  const second = '06010002 ef010203 0a000001 0a000002 eeeeeeee';
  const report = (count: string, groups: string) => `2200beef0000${count}${groups}`;

  test('reads the records of a report', () => {
    const view = viewOf(report('0002', first + second));
    expect(records.recordCount(view, AT)).toBe(2);
    expect(records.areRecordsWhole(view, AT, 36, 4)).toBe(true);
    const secondAt = AT + records.RECORDS_AT + records.recordLen(view, AT + records.RECORDS_AT, 4);
    expect([records.recordKind(view, secondAt), records.sourceCount(view, secondAt)]).toEqual([6, 2]);
    expect(view.getUint32(secondAt + records.RECORD_GROUP_AT)).toBe(0xef010203);
    expect(records.recordLen(view, secondAt, 4)).toBe(20);
  });

  test.each([
    ['none', '0000', '', true],
    ['none, with more behind', '0000', first, true],
    ['fewer than announced', '0003', first + second, false],
    ['the last one cut in its header', '0001', first.slice(0, -2), false],
    ['the last one cut in its data', '0001', second.slice(0, -2), false],
  ])('areRecordsWhole() judges %s', (_, count, groups, whole) => {
    const hex = report(count, groups).replaceAll(' ', '');
    expect(records.areRecordsWhole(exactView(hex), 0, hex.length / 2, 4)).toBe(whole);
    expect(records.areRecordsWhole(viewOf(hex), AT, hex.length / 2, 4)).toBe(whole);
  });

  const { joins, leaves, none } = records.Interest;
  test.each([
    [0, none, none],
    [1, leaves, joins],
    [2, joins, joins],
    [3, leaves, joins],
    [4, joins, joins],
    [5, none, joins],
    [6, none, none],
    [7, none, none],
  ])('interest() of a record of kind %i, without and with sources', (kind, without, withSources) => {
    expect([records.interest(kind, 0), records.interest(kind, 1)]).toEqual([without, withSources]);
  });
});
