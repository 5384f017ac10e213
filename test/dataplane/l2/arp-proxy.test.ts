import { describe, expect, test } from 'vitest';
import { ArpProxy } from '../../../dataplane/l2/arp-proxy.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import { A, type ArpFields, arpFrame, B, BROADCAST, C, LINUX, NO_MAC, v4 } from './neighbour-frames.ts';
import { LOCAL, LOCAL_2, PEER, PEER_2, ProxyRig } from './proxy-rig.ts';

const B_ENTRY = '10.77.0.2 02:00:00:00:00:0b 7';
const A_ENTRY = '10.77.0.1 02:00:00:00:00:0a 1';

/** B is known behind a peer, from its own gratuitous request. */
function rigWithB(tags = ''): ProxyRig {
  const rig = new ProxyRig((table) => new ArpProxy(table));
  expect(rig.receive(arpFrame({ from: B, senderIp: v4(2), tags }), PEER)).toBe('');
  return rig;
}

describe('ArpProxy.receive() answers', () => {
  test('a request of Linux as Linux does', () => {
    expect(rigWithB().receive(LINUX.request, LOCAL)).toBe(LINUX.reply.replaceAll(' ', ''));
  });

  test('from what a reply taught', () => {
    const rig = new ProxyRig((table) => new ArpProxy(table));
    rig.receive(LINUX.reply, PEER);
    expect(rig.receive(LINUX.request, LOCAL)).toBe(LINUX.reply.replaceAll(' ', ''));
    expect(rig.known).toEqual([A_ENTRY, B_ENTRY]);
    expect(rig.counted).toEqual({ suppressedArp: 1, learned: 2 });
  });

  test('a probe: the address is in use', () => {
    const rig = rigWithB();
    const answer = rig.receive(arpFrame({ senderIp: '00000000' }), LOCAL);
    expect(answer).toBe(
      arpFrame({ to: A, from: B, operation: 2, senderIp: v4(2), targetMac: A, targetIp: '00000000' }),
    );
    expect(rig.counted).toEqual({ suppressedArp: 1, learned: 1 });
    expect(rig.known).toEqual([B_ENTRY]);
  });

  test.each([
    ['one tag', '81002064'],
    ['a service and a customer tag', '88a8600a81000014'],
  ])('with the request’s VLAN tags: %s', (_, tags) => {
    const answer = rigWithB(tags).receive(arpFrame({ tags }), LOCAL);
    expect(answer).toBe(
      arpFrame({ tags, to: A, from: B, operation: 2, senderIp: v4(2), targetMac: A, targetIp: v4(1) }),
    );
  });

  test('to the frame’s sender when the packet names another', () => {
    const answer = rigWithB().receive(arpFrame({ from: C, senderMac: A }), LOCAL);
    expect(answer).toBe(
      arpFrame({ to: C, from: B, operation: 2, senderIp: v4(2), targetMac: A, targetIp: v4(1) }),
    );
  });

  test('a question to a MAC address that the station no longer has', () => {
    expect(rigWithB().receive(arpFrame({ to: C }), LOCAL)).not.toBe('');
  });

  test('a padded request', () => {
    expect(rigWithB().receive(`${arpFrame()}${'00'.repeat(18)}`, LOCAL)).toBe(
      LINUX.reply.replaceAll(' ', ''),
    );
  });
});

describe('ArpProxy.receive() does not answer', () => {
  test.each<[string, ArpFields, number]>([
    ['an unknown address', { targetIp: v4(9) }, LOCAL],
    ['a request from a peer', {}, PEER_2],
    ['a reply', { operation: 2 }, LOCAL],
    ['a question to the station itself', { to: B }, LOCAL],
    ['the station’s own probe, after it moved here', { from: B, senderIp: '00000000' }, LOCAL],
    ['its probe through a wireless bridge', { from: C, senderMac: B, senderIp: '00000000' }, LOCAL],
    ['another VLAN’s request', { tags: '81000064' }, LOCAL],
  ])('%s', (_, fields, port) => {
    const rig = rigWithB();
    expect(rig.receive(arpFrame(fields), port)).toBe('');
    expect(rig.counted).not.toHaveProperty('suppressedArp');
  });

  test('a gratuitous request, not even for a static address', () => {
    const rig = rigWithB();
    const ip = parseIp('10.77.0.2');
    if (ip === null) throw new Error('no address');
    rig.table.setStatic({ ip, mac: { high: 0x0200, low: 0x0b }, port: PEER });
    expect(rig.receive(LINUX.request, LOCAL)).not.toBe('');
    expect(rig.receive(arpFrame({ from: C, senderIp: v4(2) }), LOCAL)).toBe('');
    expect(rig.counted).toMatchObject({ suppressedArp: 1, refusedByStatic: 1 });
  });

  test('for a station on a local port', () => {
    const rig = new ProxyRig((table) => new ArpProxy(table));
    rig.receive(arpFrame({ from: B, senderIp: v4(2) }), LOCAL_2);
    expect(rig.receive(LINUX.request, LOCAL)).toBe('');
  });

  test('from an entry older than 300 s', () => {
    const rig = rigWithB();
    rig.nowMs += 300_000;
    expect(rig.receive(LINUX.request, LOCAL)).not.toBe('');
    rig.nowMs += 1;
    expect(rig.receive(LINUX.request, LOCAL)).toBe('');
  });
});

describe('ArpProxy.receive() learns', () => {
  test.each<[string, ArpFields, string[]]>([
    ['the sender of a request', {}, [A_ENTRY]],
    ['the sender of a reply', { operation: 2, from: C, senderIp: v4(3) }, ['10.77.0.3 02:00:00:00:00:0c 1']],
    ['nobody from a probe', { senderIp: '00000000' }, []],
    ['nobody from 0.1.2.3', { senderIp: '00010203' }, []],
    ['nobody at a group’s MAC address', { senderMac: BROADCAST }, []],
    ['nobody at no MAC address', { senderMac: NO_MAC }, []],
  ])('%s', (_, fields, known) => {
    const rig = new ProxyRig((table) => new ArpProxy(table));
    expect(rig.receive(arpFrame(fields), LOCAL)).toBe('');
    expect(rig.known).toEqual(known);
  });

  test('that an address moved', () => {
    const rig = rigWithB();
    rig.receive(arpFrame({ from: B, senderIp: v4(2) }), LOCAL);
    expect(rig.known).toEqual(['10.77.0.2 02:00:00:00:00:0b 1']);
    expect(rig.counted).toEqual({ learned: 1, moved: 1 });
  });

  test('nothing from what is malformed, and answers it not', () => {
    const rig = rigWithB();
    expect(rig.receive(arpFrame({ prefix: '0006080006 04' }), LOCAL)).toBe('');
    expect(rig.receive(arpFrame(), LOCAL, 1)).toBe('');
    expect(rig.receive(arpFrame({ tags: '81000064' }), LOCAL, 28)).toBe('');
    expect(rig.known).toEqual([B_ENTRY]);
    expect(rig.counted).toEqual({ learned: 1, malformed: 3 });
  });

  test('nothing from other frames', () => {
    const rig = rigWithB();
    expect(rig.receive(arpFrame().replace('0806', '0800'), LOCAL)).toBe('');
    expect(rig.receive(arpFrame(), LOCAL, 29)).toBe('');
    expect(rig.receive(arpFrame(), LOCAL, 42)).toBe('');
    expect(rig.counted).toEqual({ learned: 1 });
  });
});
