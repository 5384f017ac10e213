import { describe, expect, test } from 'vitest';
import { Gateway } from '../../../dataplane/l2/gateway.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import {
  A,
  type ArpFields,
  arpFrame,
  B,
  C,
  type NdFields,
  naFrame,
  ndFrame,
  readAdvertisement,
  UNSPECIFIED,
  v4,
  v6,
} from './neighbour-frames.ts';
import { LOCAL, LOCAL_2, PEER, ProxyRig } from './proxy-rig.ts';

const GATEWAY = '02fffe000001';
const MAC = { high: 0x02ff, low: 0xfe000001 | 0 };

/** Routed elsewhere: addresses whose last byte is at least 0x80, and 1. */
function isRouted(view: DataView, family: 4 | 6, ipAt: number): boolean {
  const last = view.getUint8(ipAt + (family === 4 ? 3 : 15));
  return last >= 0x80 || last === 0x01;
}

function gatewayRig(): ProxyRig {
  return new ProxyRig((table) => new Gateway(table, MAC, isRouted));
}

const ARP: ArpFields = { senderIp: v4(2), targetIp: v4(0x80) };
const ND: NdFields = { source: v6(2), target: v6(0x80) };

describe('Gateway.receive() answers', () => {
  test.each([
    ['a broadcast', {}],
    ['a question to the gateway itself', { to: GATEWAY }],
    ['a tagged one', { tags: '81000064' }],
  ])('ARP for a routed address: %s', (_, fields: ArpFields) => {
    const rig = gatewayRig();
    const reply = { operation: 2, senderIp: v4(0x80), targetMac: A, targetIp: v4(2) };
    expect(rig.receive(arpFrame({ ...ARP, ...fields }), LOCAL)).toBe(
      arpFrame({ ...reply, tags: fields.tags ?? '', to: A, from: GATEWAY }),
    );
    expect(rig.counted).toEqual({ suppressedArp: 1, learned: 1 });
    expect(rig.known).toEqual(['10.77.0.2 02:00:00:00:00:0a 1']);
  });

  test('a solicitation for a routed address, as a router that overrides nobody', () => {
    const rig = gatewayRig();
    const answer = readAdvertisement(rig.receive(ndFrame(ND), LOCAL));
    expect(answer).toMatchObject({ to: A, from: GATEWAY, source: v6(0x80), destination: v6(2) });
    expect(answer).toMatchObject({ flags: 'c0000000', options: `0201${GATEWAY}`, isSumRight: true });
    expect(rig.counted).toEqual({ suppressedNd: 1, learned: 1 });
    expect(rig.known).toEqual(['fd77::2 02:00:00:00:00:0a 1']);
  });

  test('for its own address, which a static entry keeps', () => {
    const rig = gatewayRig();
    const ip = parseIp('10.77.0.1');
    if (ip === null) throw new Error('no address');
    rig.table.setStatic({ ip, mac: MAC, port: PEER });
    rig.receive(arpFrame({ from: C, senderIp: v4(1) }), LOCAL_2);
    expect(rig.receive(arpFrame({ senderIp: v4(2), targetIp: v4(1) }), LOCAL)).not.toBe('');
    expect(rig.counted).toEqual({ suppressedArp: 1, learned: 1, refusedByStatic: 1 });
  });
});

describe('Gateway.receive() does not answer', () => {
  test.each<[string, string]>([
    ['ARP for an address on the link', arpFrame({ ...ARP, targetIp: v4(3) })],
    ['ARP to another station', arpFrame({ ...ARP, to: B })],
    ['ARP to one whose first bytes differ', arpFrame({ ...ARP, to: '02fefe000001' })],
    ['ARP to one whose last bytes differ', arpFrame({ ...ARP, to: '02fffe000002' })],
    ['an ARP probe', arpFrame({ ...ARP, senderIp: '00000000' })],
    ['a gratuitous request', arpFrame({ senderIp: v4(0x80), targetIp: v4(0x80) })],
    ['an ARP reply', arpFrame({ ...ARP, operation: 2 })],
    ['ARP that is malformed', arpFrame({ ...ARP, prefix: '0006080006 04' })],
    ['ARP behind three tags', arpFrame({ ...ARP, tags: '81000001'.repeat(3) })],
    ['a solicitation for an address on the link', ndFrame({ ...ND, target: v6(3) })],
    ['a solicitation to another station', ndFrame({ ...ND, to: B, destination: v6(0x80) })],
    ['a probe', ndFrame({ ...ND, source: UNSPECIFIED, options: '' })],
    ['an advertisement', naFrame({ target: v6(0x80), to: '333300000001', options: '' })],
    ['a solicitation that is malformed', ndFrame({ ...ND, hopLimit: 1 })],
    ['an IPv4 packet', arpFrame(ARP).replace('0806', '0800')],
  ])('%s', (_, frame) => {
    const rig = gatewayRig();
    expect(rig.receive(frame, LOCAL)).toBe('');
    expect(rig.counted).not.toHaveProperty('suppressedArp');
  });

  test('a frame without a type', () => {
    expect(gatewayRig().receive(arpFrame(ARP), LOCAL, 29)).toBe('');
  });

  test('another ICMPv6 message, nor counts it', () => {
    const rig = gatewayRig();
    expect(rig.receive(ndFrame({ ...ND, type: 133, hopLimit: 64 }), LOCAL)).toBe('');
    expect(rig.counted).toEqual({});
  });

  test.each(['02fefe000001', '02fffe000002'])('for an address of the guest at %s', (from) => {
    const rig = gatewayRig();
    rig.receive(arpFrame({ from, senderIp: v4(0x80), targetIp: v4(3) }), LOCAL_2);
    expect(rig.receive(arpFrame(ARP), LOCAL)).toBe('');
  });

  test('for an address that a guest has', () => {
    const rig = gatewayRig();
    rig.receive(arpFrame({ from: B, senderIp: v4(0x80), targetIp: v4(3) }), LOCAL_2);
    expect(rig.receive(arpFrame(ARP), LOCAL)).toBe('');
    rig.receive(naFrame({ target: v6(0x80) }), LOCAL_2);
    expect(rig.receive(ndFrame(ND), LOCAL)).toBe('');
  });
});
