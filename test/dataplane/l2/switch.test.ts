/** The switch: targets, drops, split horizon, and what an attack on one port does to others. */
import { describe, expect, test } from 'vitest';
import { Switch, type SwitchOptions } from '../../../dataplane/l2/switch.ts';
import { SwitchDrop } from '../../../dataplane/l2/switch-drop.ts';
import { allocatedPerCall } from '../wire/allocation.ts';
import {
  AT,
  frameOf,
  igmpQuery,
  igmpReport,
  macOf,
  mldQuery,
  mldReport,
  putAddresses,
  stationMac,
  v4Data,
  v6Data,
} from './frames.ts';

const A = stationMac(1);
const B = stationMac(2);
const C = stationMac(3);
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const LOCAL = 0;
const LOCAL2 = 1;
const PEER = 2;
const PEER2 = 3;

function switchWith(options: Partial<SwitchOptions> = {}): Switch {
  const own = new Switch({ seed: 42, ...options });
  for (const id of [LOCAL, LOCAL2]) own.addPort(id, { isRemote: false });
  for (const id of [PEER, PEER2]) own.addPort(id, { isRemote: true });
  return own;
}

const { view } = frameOf('00'.repeat(60));

/** The ports that a frame goes to, in order, or its drop code. */
function send(own: Switch, to: string, from: string, port: number, nowMs = 0, len = 60): number[] | number {
  putAddresses(view, to, from);
  const count = own.forward(view, AT, len, port, nowMs);
  return count < 0 ? count : [...own.targets.subarray(0, count)].sort();
}

describe('Switch.forward()', () => {
  test('floods to all but the source, then forwards to who answered', () => {
    const own = switchWith();
    expect(send(own, BROADCAST, A, LOCAL)).toEqual([LOCAL2, PEER, PEER2]);
    expect(send(own, A, B, PEER)).toEqual([LOCAL]);
    expect(send(own, B, A, LOCAL)).toEqual([PEER]);
    expect(send(own, C, A, LOCAL)).toEqual([LOCAL2, PEER, PEER2]);
    expect(own.counters()).toMatchObject({ forwarded: 2, flooded: 2 });
  });

  test('floods what comes from a peer to local ports only', () => {
    expect(send(switchWith(), BROADCAST, A, PEER)).toEqual([LOCAL, LOCAL2]);
  });

  test('drops what would go from peer to peer', () => {
    const own = switchWith();
    send(own, BROADCAST, A, PEER);
    expect(send(own, A, B, PEER2)).toBe(-SwitchDrop.splitHorizon);
    expect(send(own, A, B, LOCAL)).toEqual([PEER]);
    own.removePort(LOCAL);
    own.removePort(LOCAL2);
    expect(send(own, BROADCAST, A, PEER)).toBe(-SwitchDrop.noPort);
  });

  test('drops what is for a station behind the same port', () => {
    const own = switchWith();
    send(own, BROADCAST, A, LOCAL);
    expect(send(own, A, B, LOCAL)).toBe(-SwitchDrop.noPort);
  });

  test('drops frames from a port that is not there, and learns nothing from them', () => {
    const own = switchWith();
    for (const port of [7, 1_000]) expect(send(own, BROADCAST, A, port)).toBe(-SwitchDrop.noPort);
    expect(own.fdb.counters().size).toBe(0);
  });

  test('drops frames shorter than a header', () => {
    const own = switchWith();
    for (const len of [0, 13]) expect(send(own, BROADCAST, A, LOCAL, 0, len)).toBe(-SwitchDrop.runt);
    expect(send(own, BROADCAST, A, LOCAL, 0, 14)).toEqual([LOCAL2, PEER, PEER2]);
  });

  test.each(['01:00:5e:00:00:01', BROADCAST, '00:00:00:00:00:00'])('drops frames from %s', (source) => {
    expect(send(switchWith(), BROADCAST, source, LOCAL)).toBe(-SwitchDrop.invalidSource);
  });

  test('drops frames of a bound station from elsewhere', () => {
    const own = switchWith();
    own.fdb.addStatic(macOf(A), PEER);
    expect(send(own, BROADCAST, A, LOCAL)).toBe(-SwitchDrop.staticViolation);
    expect(send(own, BROADCAST, A, PEER)).toEqual([LOCAL, LOCAL2]);
  });

  test.each([
    ['01:80:c2:00:00:00', true],
    ['01:80:c2:00:00:0f', true],
    ['01:80:c2:00:00:10', false],
    ['01:80:c2:00:01:00', false],
    ['01:80:c3:00:00:00', false],
  ])('judges the reserved address %s', (destination, isReserved) => {
    const own = switchWith();
    const goes = send(own, destination, A, LOCAL);
    expect(goes).toEqual(isReserved ? -SwitchDrop.reserved : [LOCAL2, PEER, PEER2]);
    expect(own.fdb.counters().size).toBe(isReserved ? 0 : 1);
  });

  test('counts every frame once', () => {
    const own = switchWith();
    own.fdb.addStatic(macOf(C), PEER);
    send(own, BROADCAST, A, LOCAL);
    send(own, A, B, LOCAL2);
    send(own, A, B, LOCAL2);
    send(own, B, B, LOCAL2);
    send(own, A, C, LOCAL);
    send(own, C, stationMac(4), PEER2);
    send(own, A, BROADCAST, LOCAL);
    send(own, '01:80:c2:00:00:0e', A, LOCAL);
    send(own, A, B, LOCAL2, 0, 13);
    expect(own.counters()).toEqual({
      forwarded: 2,
      flooded: 1,
      dropped: { runt: 1, invalidSource: 1, staticViolation: 1, reserved: 1, noPort: 1, splitHorizon: 1 },
    });
  });

  test('a pair that sends on and on keeps the source young and forgets a silent destination', () => {
    const own = switchWith({ ageingMs: 100 });
    send(own, BROADCAST, B, PEER, 0);
    for (let nowMs = 10; nowMs <= 100; nowMs += 10) expect(send(own, B, A, LOCAL, nowMs)).toEqual([PEER]);
    expect(send(own, B, A, LOCAL, 101)).toEqual([LOCAL2, PEER, PEER2]);
    expect(send(own, A, C, LOCAL2, 201)).toEqual([LOCAL]);
    expect(send(own, A, C, LOCAL2, 202)).toEqual([LOCAL, PEER, PEER2]);
  });

  test('a source that is not learned is tried again with each frame', () => {
    const own = switchWith();
    own.addPort(9, { isRemote: false, maxStations: 0 });
    send(own, BROADCAST, B, PEER);
    for (let i = 1; i <= 3; i++) {
      expect(send(own, B, A, 9)).toEqual([PEER]);
      expect(own.fdb.counters().refusedPortCap).toBe(i);
    }
  });

  test('a source that has aged is learned anew', () => {
    const own = switchWith({ ageingMs: 100 });
    own.fdb.addStatic(macOf(B), PEER);
    for (const nowMs of [0, 10, 111]) expect(send(own, B, A, LOCAL, nowMs)).toEqual([PEER]);
    expect(own.fdb.counters()).toMatchObject({ learned: 2, aged: 1 });
  });

  test('tells pairs apart by every bit of both addresses', () => {
    for (let bit = 0; bit < 96; bit++) {
      const own = switchWith({ maxMoves: 1_000 });
      send(own, BROADCAST, B, PEER);
      expect(send(own, B, A, LOCAL)).toEqual([PEER]);
      putAddresses(view, B, A);
      const at = AT + (bit >> 3);
      view.setUint8(at, view.getUint8(at) ^ (1 << (bit & 7)));
      const count = own.forward(view, AT, 60, LOCAL, 0);
      const isSource = bit >= 48;
      const isGroupSource = bit === 48;
      expect([bit, count]).toEqual([bit, isGroupSource ? -SwitchDrop.invalidSource : isSource ? 1 : 3]);
      expect(own.fdb.counters().learned).toBe(isSource && !isGroupSource ? 3 : 2);
    }
  });
});

describe('Switch.addPort()', () => {
  test('makes room for targets and ids', () => {
    const own = switchWith();
    for (let id = 10; id < 60; id++) own.addPort(id * 1_000, { isRemote: id % 2 === 0 });
    expect(send(own, BROADCAST, A, LOCAL)).toHaveLength(53);
    expect(send(own, A, B, 59_000)).toEqual([LOCAL]);
    for (const { view: bytes, len } of [igmpQuery(), igmpReport('239.1.1.1')].map(frameOf)) {
      own.forward(bytes, AT, len, 59_000, 0);
    }
    const { view: data, len } = frameOf(v4Data('239.1.1.1'));
    for (let i = 0; i < 2; i++) {
      expect(own.forward(data, AT, len, LOCAL, 0)).toBe(1);
      expect(own.targets[0]).toBe(59_000);
    }
  });

  test('refuses an id that is in use', () => {
    const own = switchWith();
    expect(() => own.addPort(LOCAL, { isRemote: true })).toThrow(RangeError);
    expect(send(own, BROADCAST, A, LOCAL2)).toEqual([LOCAL, PEER, PEER2]);
  });

  test('takes what a port may do', () => {
    const own = switchWith();
    own.addPort(8, { isRemote: false, maxStations: 1 });
    own.addPort(9, { isRemote: false, learns: false });
    for (const port of [8, 9]) for (const mac of [A, B]) send(own, BROADCAST, mac, port);
    expect(own.fdb.entries(0)).toMatchObject([{ mac: A, port: 8 }]);
  });
});

describe('Switch.removePort()', () => {
  test('forgets the port and its stations', () => {
    const own = switchWith();
    send(own, BROADCAST, A, PEER);
    for (let i = 0; i < 2; i++) expect(send(own, A, B, LOCAL)).toEqual([PEER]);
    expect([own.removePort(PEER), own.removePort(PEER), own.removePort(99)]).toEqual([true, false, false]);
    expect(send(own, A, B, LOCAL)).toEqual([LOCAL2, PEER2]);
    own.addPort(PEER, { isRemote: false });
    expect(send(own, BROADCAST, A, PEER)).toEqual([LOCAL, LOCAL2, PEER2]);
  });
});

describe('A million forged addresses on one port', () => {
  test.each([
    ['with room for them', { maxEntries: 1_000_000, ageingMs: 1e9 }, 1_000],
    ['in a small table', { maxEntries: 64 }, 32],
  ])('leave other entries and their frames alone, %s', (_, options, maxStations) => {
    const own = switchWith(options);
    own.addPort(9, { isRemote: false, maxStations });
    send(own, BROADCAST, A, LOCAL);
    send(own, BROADCAST, B, PEER);
    for (let n = 0; n < 1_000_000; n++) {
      view.setUint32(AT + 6, 0x0666_0000 | (n >>> 16));
      view.setUint16(AT + 10, n);
      if (own.forward(view, AT, 60, 9, n / 1_000) < 0) throw new Error('A forged frame is a frame');
      if (n % 100_000 === 0) expect(send(own, B, A, LOCAL, n / 1_000)).toEqual([PEER]);
      else if (n % 1_000 === 0) putAddresses(view, BROADCAST, C);
    }
    expect(send(own, A, B, PEER, 1_000)).toEqual([LOCAL]);
    expect(send(own, B, A, LOCAL, 1_000)).toEqual([PEER]);
    expect(own.fdb.counters()).toMatchObject({ size: maxStations + 2, moved: 0, refusedTableCap: 0 });
    expect(own.fdb.entries(1_000).filter(({ port }) => port === 9)).toHaveLength(maxStations);
  });
});

describe('Switch.forward() allocates nothing', () => {
  // Not a whole number, which would need no object anyway; one object for all, as a batch has.
  const nowMs = 1_000.5;
  const frames = {
    'for a known pair': [[B, A, LOCAL]],
    'for pairs in turn': [
      [B, A, LOCAL],
      [A, B, PEER],
      [B, C, LOCAL2],
    ],
    'for floods': [[BROADCAST, A, LOCAL]],
    'for unknown stations': [[stationMac(99), A, LOCAL]],
    'for drops': [
      [A, BROADCAST, LOCAL],
      [A, C, LOCAL],
    ],
  } as const;

  test.each(Object.entries(frames))('%s', (_, list) => {
    const own = switchWith({ maxMoves: 1 });
    own.fdb.addStatic(macOf(C), LOCAL2);
    const views = list.map(([to, from, port]) => {
      const { view: own14 } = frameOf('00'.repeat(60));
      putAddresses(own14, to, from);
      return { bytes: own14, port };
    });
    send(own, BROADCAST, A, LOCAL);
    send(own, BROADCAST, B, PEER);
    let sum = 0;
    const allocated = allocatedPerCall((i) => {
      const each = views[i % views.length];
      if (each !== undefined) sum += own.forward(each.bytes, AT, 60, each.port, nowMs);
    });
    expect(allocated).toBeLessThan(1);
    expect(sum).not.toBe(0);
  });

  test('for forged sources, learned and refused', () => {
    const own = switchWith({ maxEntries: 100_000 });
    own.addPort(9, { isRemote: false, maxStations: 50_000 });
    putAddresses(view, BROADCAST, A);
    const allocated = allocatedPerCall((i) => {
      view.setUint32(AT + 8, Math.imul(i, 0x9e37_79b1));
      own.forward(view, AT, 60, 9, nowMs);
    });
    expect(allocated).toBeLessThan(1);
  });

  test('for multicast, reports and queries', () => {
    const own = switchWith();
    const group = '239.1.1.1';
    const list = [
      [igmpQuery(), LOCAL2],
      [igmpReport(group), PEER],
      [v4Data(group), LOCAL],
      [mldQuery(), LOCAL2],
      [mldReport('ff05::1'), PEER],
      [v6Data('ff05::1'), LOCAL],
    ] as const;
    const each = list.map(([hex, port], n) => {
      const made = frameOf(hex);
      // A station of its own each, behind its port.
      made.view.setUint16(AT + 10, n);
      return { ...made, port };
    });
    const allocated = allocatedPerCall((i) => {
      const frame = each[i % each.length];
      if (frame !== undefined) own.forward(frame.view, AT, frame.len, frame.port, nowMs);
    });
    expect(allocated).toBeLessThan(1);
    expect(own.snooping?.membership.counters()).toMatchObject({ groups: 4, members: 4, malformed: 0 });
  });
});
