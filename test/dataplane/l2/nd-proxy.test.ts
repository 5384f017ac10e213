import { describe, expect, test } from 'vitest';
import { NdProxy } from '../../../dataplane/l2/nd-proxy.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import { parseMac } from '../../../dataplane/wire/mac-text.ts';
import {
  A,
  ALL_NODES,
  B,
  C,
  LINUX,
  type NdFields,
  naFrame,
  ndFrame,
  readAdvertisement,
  UNSPECIFIED,
  v6,
} from './neighbour-frames.ts';
import { LOCAL, LOCAL_2, PEER, PEER_2, ProxyRig } from './proxy-rig.ts';

const A_ENTRY = 'fd77::1 02:00:00:00:00:0a 1';
const B_ENTRY = 'fd77::2 02:00:00:00:00:0b 7';
const PROBE: NdFields = { source: UNSPECIFIED, options: '' };
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;

function emptyRig(): ProxyRig {
  return new ProxyRig((table) => new NdProxy(table));
}

/** B is known behind a peer, from its own advertisement. */
function rigWithB(fields: NdFields = {}): ProxyRig {
  const rig = emptyRig();
  expect(rig.receive(naFrame(fields), PEER)).toBe('');
  return rig;
}

function flagsIn(answer: string): number {
  return Number.parseInt(readAdvertisement(answer).flags?.slice(0, 2) ?? '', 16);
}

describe('NdProxy.receive() answers', () => {
  test('a solicitation of Linux as Linux does', () => {
    const rig = emptyRig();
    rig.receive(LINUX.advertisement, PEER);
    const answer = rig.receive(LINUX.solicitation, LOCAL);
    expect(answer).toBe(LINUX.advertisement.replaceAll(' ', ''));
    expect(readAdvertisement(answer).isSumRight).toBe(true);
    expect(rig.known).toEqual([A_ENTRY, B_ENTRY]);
    expect(rig.counted).toEqual({ suppressedNd: 1, learned: 2 });
  });

  test('a probe, to all nodes and not as solicited', () => {
    const rig = emptyRig();
    const own = { target: v6(1), source: v6(1), from: C };
    rig.receive(naFrame({ ...own, destination: ALL_NODES, flags: OVERRIDE }), PEER);
    expect(readAdvertisement(rig.receive(LINUX.probe, LOCAL))).toEqual({
      to: '333300000001',
      from: C,
      type: '86dd',
      fixed: '6000000000203aff',
      source: v6(1),
      destination: ALL_NODES,
      kind: '8800',
      sum: expect.anything(),
      flags: '20000000',
      target: v6(1),
      options: `0201${C}`,
      isSumRight: true,
    });
    expect(rig.known).toEqual(['fd77::1 02:00:00:00:00:0c 7']);
  });

  test.each([
    ['a host', SOLICITED | OVERRIDE, SOLICITED | OVERRIDE],
    ['a router', ROUTER | SOLICITED | OVERRIDE, ROUTER | SOLICITED | OVERRIDE],
    ['who did not override', ROUTER, ROUTER | SOLICITED | OVERRIDE],
  ])('with the router flag of %s', (_, learned, answered) => {
    expect(flagsIn(rigWithB({ flags: learned }).receive(ndFrame(), LOCAL))).toBe(answered);
  });

  test('with the router flag that was said last', () => {
    const rig = rigWithB({ flags: ROUTER });
    rig.receive(ndFrame({ from: B, source: v6(2), target: v6(9) }), PEER);
    expect(flagsIn(rig.receive(ndFrame(), LOCAL)) & ROUTER).toBe(ROUTER);
    rig.receive(naFrame({ flags: 0 }), PEER);
    expect(flagsIn(rig.receive(ndFrame(), LOCAL)) & ROUTER).toBe(0);
  });

  test.each([true, false])('from a static entry, router: %s', (isRouter) => {
    const rig = emptyRig();
    const ip = parseIp('fd77::2');
    const mac = parseMac('02:00:00:00:00:0b');
    if (ip === null || mac === null) throw new Error('no address');
    rig.table.setStatic({ ip, mac, port: PEER, isRouter });
    expect(flagsIn(rig.receive(ndFrame(), LOCAL))).toBe(SOLICITED | OVERRIDE | (isRouter ? ROUTER : 0));
  });

  test.each([
    ['one tag', '81002064'],
    ['a service and a customer tag', '88a8600a81000014'],
  ])('with the question’s VLAN tags: %s', (_, tags) => {
    const answer = rigWithB({ tags }).receive(ndFrame({ tags }), LOCAL);
    expect(answer).toBe(naFrame({ tags }));
  });

  test('a question without the asker’s MAC address, or to one that the station no longer has', () => {
    expect(rigWithB().receive(ndFrame({ options: '' }), LOCAL)).toBe(naFrame());
    expect(rigWithB().receive(ndFrame({ to: C, destination: v6(2) }), LOCAL)).toBe(naFrame());
  });
});

describe('NdProxy.receive() does not answer', () => {
  test.each<[string, NdFields, number]>([
    ['an unknown address', { target: v6(9) }, LOCAL],
    ['a question from a peer', {}, PEER_2],
    ['a question to the station itself', { to: B, destination: v6(2) }, LOCAL],
    ['the station’s own probe, after it moved here', { ...PROBE, from: B }, LOCAL],
    ['another VLAN’s question', { tags: '81000064' }, LOCAL],
    ['an advertisement', { type: 136, flags: OVERRIDE, options: '' }, LOCAL],
  ])('%s', (_, fields, port) => {
    const rig = rigWithB();
    expect(rig.receive(ndFrame(fields), port)).toBe('');
    expect(rig.counted).not.toHaveProperty('suppressedNd');
  });

  test('for a station that did not say if it is a router', () => {
    const rig = emptyRig();
    rig.receive(ndFrame({ from: B, source: v6(2), target: v6(9) }), PEER);
    expect(rig.known).toEqual([B_ENTRY]);
    expect(rig.receive(ndFrame(), LOCAL)).toBe('');
  });

  test('for a station on a local port', () => {
    const rig = emptyRig();
    rig.receive(naFrame(), LOCAL_2);
    expect(rig.receive(ndFrame(), LOCAL)).toBe('');
  });

  test('from an entry older than 300 s', () => {
    const rig = rigWithB();
    rig.nowMs += 300_001;
    expect(rig.receive(ndFrame(), LOCAL)).toBe('');
  });
});

describe('NdProxy.receive() learns', () => {
  test.each<[string, string, string[]]>([
    ['the source of a solicitation', ndFrame(), [A_ENTRY]],
    ['nobody from a solicitation without its address', ndFrame({ options: '' }), []],
    ['nobody from the target’s option in a solicitation', ndFrame({ options: `0201${A}` }), []],
    ['nobody from a probe', ndFrame(PROBE), []],
    ['the target of an advertisement', naFrame(), ['fd77::2 02:00:00:00:00:0b 1']],
    [
      'one nobody asked for',
      naFrame({ destination: ALL_NODES, flags: 0x20 }),
      ['fd77::2 02:00:00:00:00:0b 1'],
    ],
    ['nobody from an advertisement without its address', naFrame({ options: '' }), []],
    ['nobody from the source’s option in an advertisement', naFrame({ options: `0101${B}` }), []],
    ['nobody from an address of 14 bytes', naFrame({ options: `0202${B}${'00'.repeat(8)}` }), []],
    ['nobody at a group’s MAC address', naFrame({ options: '0201333300000001' }), []],
    ['nobody at ::1', naFrame({ target: `${'00'.repeat(15)}01` }), []],
  ])('%s', (_, frame, known) => {
    const rig = emptyRig();
    expect(rig.receive(frame, LOCAL)).toBe('');
    expect(rig.known).toEqual(known);
  });

  test('another MAC address only from an advertisement that overrides', () => {
    const rig = rigWithB();
    rig.receive(naFrame({ from: C, flags: 0 }), PEER);
    expect(rig.known).toEqual([B_ENTRY]);
    rig.receive(naFrame({ from: C, flags: OVERRIDE }), PEER);
    expect(rig.known).toEqual(['fd77::2 02:00:00:00:00:0c 7']);
    expect(rig.counted).toEqual({ learned: 1, moved: 1 });
  });

  test('another MAC address from a solicitation, and no longer if it is a router', () => {
    const rig = rigWithB();
    rig.receive(ndFrame({ from: C, source: v6(2), target: v6(9) }), PEER);
    expect(rig.known).toEqual(['fd77::2 02:00:00:00:00:0c 7']);
    expect(rig.receive(ndFrame(), LOCAL)).toBe('');
  });

  test('nothing from what is malformed, and answers it not', () => {
    const rig = rigWithB();
    expect(rig.receive(ndFrame({ hopLimit: 254 }), LOCAL)).toBe('');
    expect(rig.receive(naFrame({ from: C, checksumError: 1 }), LOCAL)).toBe('');
    expect(rig.receive(ndFrame({ ...PROBE, destination: v6(2) }), LOCAL)).toBe('');
    expect(rig.known).toEqual([B_ENTRY]);
    expect(rig.counted).toEqual({ learned: 1, malformed: 3 });
  });

  test('nothing from other frames', () => {
    const rig = rigWithB();
    for (const cutLen of [1, 60, 73, 86]) expect(rig.receive(ndFrame(), LOCAL, cutLen)).toBe('');
    expect(rig.receive(ndFrame().replace('86dd', '0800'), LOCAL)).toBe('');
    expect(rig.receive(ndFrame({ type: 133, hopLimit: 64 }), LOCAL)).toBe('');
    expect(rig.receive(ndFrame({ nextHeader: 6, hopLimit: 64 }), LOCAL)).toBe('');
    expect(rig.counted).toEqual({ learned: 1 });
  });
});
