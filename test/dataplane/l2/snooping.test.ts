/** IGMP and MLD snooping, by what a switch does with frames. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Switch, type SwitchOptions } from '../../../dataplane/l2/switch.ts';
import * as frames from './frames.ts';

const ROUTER = 1;
const HOST = 2;
const OTHER = 3;
const SENDER = 4;
const PEER = 5;
const PEER2 = 6;
const ALL = [ROUTER, HOST, OTHER, PEER, PEER2];
const GROUP = '239.1.2.3';
const GROUP6 = 'ff05::1234';

let own: Switch;
let nowMs: number;

function start(options: Partial<SwitchOptions> = {}): void {
  own = new Switch({ seed: 42, maxEntries: 64, ...options });
  nowMs = 1_000;
  for (const id of [ROUTER, HOST, OTHER, SENDER]) own.addPort(id, { isRemote: false });
  for (const id of [PEER, PEER2]) own.addPort(id, { isRemote: true });
}

/** The ports that a frame goes to, in order, or its drop code. */
function send(hex: string, port: number): number[] | number {
  const { view, len } = frames.frameOf(hex);
  const count = own.forward(view, frames.AT, len, port, nowMs);
  return count < 0 ? count : [...own.targets.subarray(0, count)].sort();
}

const counters = () => own.snooping?.membership.counters();
const without = (...ports: number[]) => [...ALL, SENDER].filter((id) => !ports.includes(id)).sort();

beforeEach(() => start());

/** Both families have to do the same. */
const FAMILIES = {
  IGMP: {
    query: () => frames.igmpQuery(),
    join: (envelope = {}) => frames.igmpReport(GROUP, envelope),
    leave: () => frames.igmpLeave(GROUP),
    data: (envelope = {}) => frames.v4Data(GROUP, envelope),
    otherData: () => frames.v4Data('239.9.9.9'),
    /** The same multicast MAC address. */
    aliasData: () => frames.v4Data('239.129.2.3'),
    records: (records: readonly (readonly [number, number])[]) =>
      frames.igmpReport3(records.map(([kind, sources]) => [kind, sources, GROUP])),
  },
  MLD: {
    query: () => frames.mldQuery(),
    join: (envelope = {}) => frames.mldReport(GROUP6, envelope),
    leave: () => frames.mldDone(GROUP6),
    data: (envelope = {}) => frames.v6Data(GROUP6, envelope),
    otherData: () => frames.v6Data('ff05::9999'),
    aliasData: () => frames.v6Data('ff08::1234'),
    records: (records: readonly (readonly [number, number])[]) =>
      frames.mldReport2(records.map(([kind, sources]) => [kind, sources, GROUP6])),
  },
} as const;

describe.each(Object.entries(FAMILIES))('Snooping of %s', (_, family) => {
  test('a query is flooded', () => {
    expect(send(family.query(), ROUTER)).toEqual(without(ROUTER));
    expect(counters()).toMatchObject({ queries: 1, groups: 1, members: 1, malformed: 0 });
  });

  test('without a querier everything is flooded', () => {
    expect(send(family.join(), HOST)).toEqual(without(HOST));
    expect(send(family.data(), SENDER)).toEqual(ALL);
    expect(counters()).toMatchObject({ joins: 1, members: 1 });
  });

  test('a report goes to router ports, then frames of its group to member and router', () => {
    send(family.query(), ROUTER);
    expect(send(family.join(), HOST)).toEqual([ROUTER]);
    expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
    expect(own.counters()).toMatchObject({ forwarded: 2, flooded: 1 });
  });

  test('what was joined before the querier came counts', () => {
    send(family.join(), HOST);
    send(family.query(), ROUTER);
    expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
  });

  test('frames of an unknown group are flooded, also if its MAC address is that of a known one', () => {
    send(family.query(), ROUTER);
    send(family.join(), HOST);
    expect(send(family.otherData(), SENDER)).toEqual(ALL);
    expect(send(family.aliasData(), SENDER)).toEqual(ALL);
  });

  test('a port that is member and router gets a frame once', () => {
    send(family.query(), ROUTER);
    send(family.join(), ROUTER);
    send(family.join(), HOST);
    for (let i = 0; i < 2; i++) expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
  });

  test('a frame never goes back, nor from peer to peer', () => {
    send(family.query(), PEER2);
    send(family.join(), HOST);
    expect(send(family.data(), HOST)).toEqual([PEER2]);
    expect(send(family.data(), PEER)).toEqual([HOST]);
    expect(send(family.join(), PEER)).toBe(-5);
  });

  test('membership is over 260 s after the last report', () => {
    send(family.query(), ROUTER);
    send(family.join(), HOST);
    send(family.join(), OTHER);
    nowMs += 100_000;
    send(family.query(), ROUTER);
    send(family.join(), OTHER);
    nowMs += 159_999;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST, OTHER]);
    nowMs += 1;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
  });

  test('a group without a live member is flooded, swept or not', () => {
    send(family.join(), HOST);
    nowMs += 260_000;
    send(family.query(), ROUTER);
    expect(send(family.data(), SENDER)).toEqual(ALL);
    own.sweep(nowMs);
    expect(counters()).toMatchObject({ groups: 1, members: 1 });
    expect(send(family.data(), SENDER)).toEqual(ALL);
  });

  test('a router port is over 255 s after the last query', () => {
    send(family.query(), ROUTER);
    nowMs += 100_000;
    send(family.join(), HOST);
    nowMs += 154_999;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
    nowMs += 1;
    expect(send(family.data(), SENDER)).toEqual(ALL);
  });

  test('who leaves is served for 2 s, or longer if someone there stays', () => {
    send(family.query(), ROUTER);
    for (const port of [HOST, OTHER]) send(family.join(), port);
    expect(send(family.leave(), HOST)).toEqual([ROUTER]);
    nowMs += 1_999;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST, OTHER]);
    nowMs += 1;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
    send(family.leave(), OTHER);
    send(family.join(), OTHER);
    nowMs += 10_000;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
  });

  test('leaving again and again does not put off the end', () => {
    send(family.query(), ROUTER);
    for (const port of [HOST, OTHER]) send(family.join(), port);
    send(family.leave(), HOST);
    nowMs += 1_500;
    send(family.leave(), HOST);
    nowMs += 600;
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
  });

  test.each([
    ['is include, no source', 1, 0, 'leaves'],
    ['is include', 1, 1, 'joins'],
    ['is exclude', 2, 0, 'joins'],
    ['to include, no source', 3, 0, 'leaves'],
    ['to include', 3, 2, 'joins'],
    ['to exclude', 4, 0, 'joins'],
    ['allow sources', 5, 1, 'joins'],
    ['block sources', 6, 1, 'stays'],
    ['an unknown kind', 9, 0, 'stays'],
  ] as const)('a record "%s" has its effect', (_name, kind, sources, effect) => {
    send(family.query(), ROUTER);
    send(family.join(), OTHER);
    // Of two records the second one counts as well.
    const report = family.records([
      [9, 1],
      [kind, sources],
    ]);
    expect(send(report, HOST)).toEqual([ROUTER]);
    expect(send(report, OTHER)).toEqual([ROUTER]);
    expect(counters()).toMatchObject({ malformed: 0 });
    nowMs += 3_000;
    const wanting = { joins: [ROUTER, HOST, OTHER], stays: [ROUTER, OTHER], leaves: ALL }[effect];
    expect(send(family.data(), SENDER)).toEqual(wanting);
  });

  test('each VLAN has its own groups and queriers, behind one tag or two', () => {
    const ten = { tags: '8100000a' };
    const qinq = { tags: '88a800078100000a' };
    send(family.query(), ROUTER);
    send(family.join(ten), HOST);
    send(family.join(), OTHER);
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
    expect(send(family.data(ten), SENDER)).toEqual(ALL);
    const query10 =
      family === FAMILIES.IGMP ? frames.igmpQuery('0.0.0.0', ten) : frames.mldQuery('0::0', ten);
    send(query10, PEER);
    expect(send(family.data(ten), SENDER)).toEqual([HOST, PEER]);
    expect(send(family.data(qinq), SENDER)).toEqual(ALL);
    expect(send(family.data({ tags: '8100e000' }), SENDER)).toEqual([ROUTER, OTHER]);
  });

  test('what a removed port wanted is forgotten', () => {
    send(family.query(), ROUTER);
    for (const port of [HOST, OTHER]) send(family.join(), port);
    own.removePort(HOST);
    own.addPort(HOST, { isRemote: false });
    expect(send(family.data(), SENDER)).toEqual([ROUTER, OTHER]);
    own.removePort(ROUTER);
    expect(send(family.data(), SENDER)).toEqual([HOST, OTHER, PEER, PEER2]);
  });

  test('switched off it floods everything', () => {
    start({ snooping: false });
    send(family.query(), ROUTER);
    send(family.join(), HOST);
    expect(own.snooping).toBeNull();
    expect(send(family.data(), SENDER)).toEqual(ALL);
    own.sweep(nowMs);
    expect(own.removePort(HOST)).toBe(true);
  });

  test('who finds no room for a group or a member has everything flooded until the report would be over', () => {
    for (const options of [{ maxGroups: 2 }, { maxMembers: 2 }]) {
      start(options);
      send(family.query(), ROUTER);
      send(family.join(), HOST);
      expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
      const other =
        family === FAMILIES.IGMP ? frames.igmpReport('239.9.9.9') : frames.mldReport('ff05::9999');
      expect(send('maxGroups' in options ? other : family.join(), OTHER)).toEqual(without(OTHER));
      expect(counters()).toMatchObject({ refused: 1, groups: 2, members: 2 });
      nowMs += 200_000;
      send(family.query(), ROUTER);
      send(family.join(), HOST);
      nowMs += 59_999;
      expect(send(family.data(), SENDER)).toEqual(ALL);
      nowMs += 1;
      expect(send(family.data(), SENDER)).toEqual([ROUTER, HOST]);
    }
  });

  test('no bit of a message can be turned without it losing its effect', () => {
    for (const make of [family.query, family.join, () => family.records([[4, 0]])]) {
      const { view, len } = frames.frameOf(make());
      // Without the Ethernet header, which no checksum covers.
      for (let bit = 14 * 8; bit < len * 8; bit++) {
        start();
        const at = frames.AT + (bit >> 3);
        view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
        own.forward(view, frames.AT, len, ROUTER, nowMs);
        const { queries, joins } = counters() ?? { queries: -1, joins: -1 };
        if (!isUncovered(family, bit >> 3, bit & 7)) {
          expect([bit >> 3, queries, joins]).toEqual([bit >> 3, 0, 0]);
        }
        view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
      }
    }
  });

  test('what is cut anywhere changes nothing and is flooded', () => {
    for (const make of [family.query, family.join, family.leave, () => family.records([[4, 2]])]) {
      const whole = make().replaceAll(' ', '');
      for (let len = 14; len < whole.length / 2; len++) {
        start();
        expect(send(whole.slice(0, len * 2), HOST)).toEqual(without(HOST));
        expect(counters()).toMatchObject({ queries: 0, joins: 0, leaves: 0, malformed: 1 });
      }
    }
  });
});

/** In an IPv6 frame no checksum covers traffic class, flow label and router alert. */
function isUncovered(family: object, byte: number, bit: number): boolean {
  if (family === FAMILIES.IGMP) return false;
  return (byte === 14 && bit < 4) || (byte >= 15 && byte <= 17) || (byte >= 56 && byte <= 61);
}

/** Sends a frame from HOST and tells what it did. */
function effect(hex: string) {
  const goes = send(hex, HOST);
  return { goes, ...counters() };
}

const FLOODED = [ROUTER, OTHER, SENDER, PEER, PEER2];
const malformed = { goes: FLOODED, queries: 0, joins: 0, leaves: 0, malformed: 1 };

describe('Snooping of IGMP', () => {
  const igmp = (message: string, envelope = {}) =>
    frames.v4Frame({ to: '224.0.0.1', protocol: 2, payload: message, ...envelope });
  const query = (rest: string, envelope = {}) =>
    igmp(frames.igmpMessage(0x11, `6400000000${rest}`), envelope);

  test.each([
    ['seven bytes', igmp('1200fcfdef0102')],
    ['a query of 9 bytes', query('00')],
    ['a query of 11 bytes', query('000000')],
    ['a general query to a group', frames.igmpQuery('0.0.0.0', { to: '224.0.0.2' })],
    ['a first fragment', frames.igmpReport(GROUP, { flags: '2000' })],
    ['a later fragment', frames.igmpReport(GROUP, { flags: '0001' })],
    ['a report of a unicast address', frames.igmpReport('223.255.255.255', { to: GROUP })],
    ['a report of a class E address', frames.igmpReport('240.0.0.1', { to: GROUP })],
    [
      'fewer records than announced',
      igmp(frames.igmpMessage(0x22, `0000000002 04000000${frames.v4(GROUP)}`)),
    ],
    ['IPv4 with a header that is too short', frames.v4Data(GROUP).replace('080046', '080044')],
  ])('ignores %s', (_, hex) => {
    expect(effect(hex)).toMatchObject(malformed);
  });

  test.each([
    ['a version 1 report', frames.igmpReport(GROUP, {}, 0x12), { joins: 1 }],
    ['a report from 0.0.0.0', frames.igmpReport(GROUP, { from: '0.0.0.0' }), { joins: 1 }],
    ['a query for a group', frames.igmpQuery(GROUP), { queries: 1 }],
    ['a version 3 query', query('02000000'), { queries: 1 }],
    ['a version 3 query with a source', query('02000001 0a000009'), { queries: 1 }],
    ['a message of unknown type', igmp(frames.igmpMessage(0x13, '0000000000')), { groups: 0 }],
    ['a query from 0.0.0.0', frames.igmpQuery('0.0.0.0', { from: '0.0.0.0' }), { queries: 0, groups: 0 }],
  ])('takes %s', (_, hex, expected) => {
    expect(effect(hex)).toMatchObject({ goes: FLOODED, malformed: 0, ...expected });
  });

  test('frames to 224.0.0.0/24 are always flooded, whoever reported them', () => {
    send(frames.igmpQuery(), ROUTER);
    send(frames.igmpReport('224.0.0.251'), OTHER);
    send(frames.igmpReport('224.0.1.251'), OTHER);
    expect(counters()).toMatchObject({ joins: 1, malformed: 0 });
    expect(send(frames.v4Data('224.0.0.251'), SENDER)).toEqual(ALL);
    expect(send(frames.v4Data('224.0.1.251'), SENDER)).toEqual([ROUTER, OTHER]);
  });

  test('frames to no group by IP are flooded', () => {
    send(frames.igmpQuery(), ROUTER);
    for (const to of ['10.0.0.255', '255.255.255.255', '223.1.2.3', '240.1.2.3']) {
      expect(send(frames.v4Data(to), SENDER)).toEqual(ALL);
    }
  });
});

describe('Snooping of MLD', () => {
  const mld = (type: number, rest: string, envelope = {}) =>
    frames.mldFrame({ to: 'ff02::1', type, rest, ...envelope });
  const zero = '00'.repeat(16);

  test.each([
    ['a report of 23 bytes', mld(131, `00000000${frames.v6(GROUP6).slice(0, -2)}`)],
    ['a version 2 report of 7 bytes', mld(143, '000000')],
    ['a query of 25 bytes', mld(130, `00000000${zero}00`)],
    ['a query of 27 bytes', mld(130, `00000000${zero}000000`)],
    ['a general query to a group', frames.mldQuery('0::0', { to: 'ff02::2' })],
    ['a query from ::', frames.mldQuery('0::0', { from: '0::0' })],
    ['a query from a global address', frames.mldQuery('0::0', { from: 'fd00::1' })],
    ['a report from a global address', frames.mldReport(GROUP6, { from: '2001::1' })],
    ['a report from fec0::/10', frames.mldReport(GROUP6, { from: 'fec0::1' })],
    ['a report with hop limit 2', frames.mldReport(GROUP6, { hopLimit: 2 })],
    ['a report of a unicast address', frames.mldReport('fe80::9', { to: GROUP6 })],
    ['fewer records than announced', mld(143, `00000002 04000000${frames.v6(GROUP6)}`)],
    [
      'extensions that lead nowhere',
      `333300000001 020000000001 86dd 60000000 00080001 ${frames.v6('fe80::1')}${frames.v6('ff02::1')} 3aff050200000100`,
    ],
  ])('ignores %s', (_, hex) => {
    expect(effect(hex)).toMatchObject(malformed);
  });

  test.each([
    ['a report from ::', frames.mldReport(GROUP6, { from: '0::0' }), { joins: 1 }],
    ['a done from ::', frames.mldDone(GROUP6, { from: '0::0' }), { leaves: 1 }],
    ['a longer report', mld(131, `00000000${frames.v6(GROUP6)}00000000`), { joins: 1 }],
    ['a query for a group', frames.mldQuery(GROUP6), { queries: 1 }],
    ['a version 2 query', mld(130, `00000000${zero}02000000`), { queries: 1 }],
    ['a query from febf::/16', frames.mldQuery('0::0', { from: 'febf::1' }), { queries: 1 }],
    ['ICMPv6 of another type', mld(133, '00000000'), { groups: 0 }],
    [
      'ICMPv6 without a type',
      `333300000001 020000000001 86dd 60000000 00080001 ${frames.v6('fe80::1')}${frames.v6('ff02::1')} 3a00050200000100`,
      { groups: 0 },
    ],
  ])('takes %s', (_, hex, expected) => {
    expect(effect(hex)).toMatchObject({ goes: FLOODED, malformed: 0, ...expected });
  });

  test.each([
    ['ff02::1', false],
    ['ff01::99', false],
    ['ff00::99', false],
    ['ff12::1', true],
    ['ff02::2', true],
    ['ff02::fb', true],
    ['ff05::1', true],
  ])('of a group %s reports count: %s', (group, isReported) => {
    send(frames.mldQuery(), ROUTER);
    expect(send(frames.mldReport(group), OTHER)).toEqual([ROUTER]);
    expect(counters()).toMatchObject({ joins: isReported ? 1 : 0, malformed: 0 });
    expect(send(frames.v6Data(group), SENDER)).toEqual(isReported ? [ROUTER, OTHER] : ALL);
  });

  test('frames to no group by IP are flooded', () => {
    send(frames.mldQuery(), ROUTER);
    send(frames.mldReport(GROUP6), OTHER);
    expect(send(frames.v6Data('fd00::1234'), SENDER)).toEqual(ALL);
  });

  test('a fragment is no message', () => {
    send(frames.mldQuery(), ROUTER);
    const fragment = frames.mldReport(GROUP6).replace('86dd60000000002000', '86dd6000000000202c');
    expect(send(fragment, OTHER)).toEqual(without(OTHER));
    expect(counters()).toMatchObject({ joins: 0, malformed: 0 });
  });
});

describe('Snooping', () => {
  test.each([
    ['ARP', `01005e010203 020000000001 0806 ${'00'.repeat(28)}`],
    ['a frame that ends in a tag', '01005e010203 020000000001 8100 00'],
    ['IPv4 behind three tags', frames.igmpReport(GROUP, { tags: '810000018100000281000003' })],
  ])('leaves %s alone', (_, hex) => {
    send(frames.igmpQuery(), ROUTER);
    expect(effect(hex)).toMatchObject({ goes: FLOODED, joins: 0, malformed: 0 });
  });

  test('does not look into broadcasts', () => {
    send(frames.igmpReport(GROUP).replace(/^.{12}/, 'ffffffffffff'), HOST);
    expect(counters()).toMatchObject({ joins: 0, malformed: 0 });
    send(frames.igmpReport(GROUP).replace(/^.{12}/, 'ffffffffff01'), HOST);
    send(frames.igmpReport(GROUP).replace(/^.{12}/, '01ffffffffff'), HOST);
    expect(counters()).toMatchObject({ joins: 2 });
  });

  test.each([{ maxGroups: 0 }, { maxGroups: 65_537 }, { maxMembers: 0.5 }, { maxMembers: 2 ** 21 }])(
    'refuses %o',
    (options) => {
      expect(() => start(options)).toThrow(RangeError);
    },
  );
});
