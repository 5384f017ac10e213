/** A router between guests, a peer and the host: what becomes of what a guest sends. */
import { afterEach, describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { arpFrame, ndFrame, readAdvertisement } from '../l2/neighbour-frames.ts';
import { NOW, peerSpec } from '../path/host.ts';
import {
  A4,
  A6,
  B4,
  B6,
  dropsOf,
  forwarded,
  frameOf,
  GuestRig,
  HOST4,
  hex4,
  MAC_A,
  MAC_B,
  PEER4,
  PEER6,
  packet,
  ROUTER,
  twoGuests,
} from './guest-rig.ts';

const rigs: GuestRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
});

function makeRig(side: 'a' | 'b' = 'a'): GuestRig {
  const rig = new GuestRig(side);
  rigs.push(rig);
  return rig;
}

const PAIRS = [
  [A4, B4, PEER4, HOST4],
  [A6, B6, PEER6, 'fd77:1::1'],
] as const;

describe.each(PAIRS)('GuestRouter.take() of a packet from %s', (own, other, peer, host) => {
  test('gives it to the guest that has the address, in a frame of the router, with a hop less', () => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    rig.send(a, frameOf(packet(own, other)));
    const type = own.includes(':') ? '86dd' : '0800';
    expect(b.port.sent).toEqual([`${MAC_B}${ROUTER}${type}${forwarded(own, other)}`]);
    expect(rig.sealed).toEqual([]);
  });

  test('seals it for the peer that has the route; there it goes to a guest', () => {
    const [rig, far] = [makeRig('a'), makeRig('b')];
    const { a } = twoGuests(rig);
    const there = far.addGuest([peer]);
    far.send(there, arpFrame({ from: MAC_B }));
    rig.send(a, frameOf(packet(own, peer)));
    expect(rig.sealed).toHaveLength(1);
    far.open(rig.sealed);
    expect(there.port.sent.map((frame) => frame.slice(28))).toEqual([forwarded(own, peer, 62)]);
    expect(there.port.sent[0]?.slice(0, 24)).toBe(`${MAC_B}${ROUTER}`);
  });

  test('gives the host what nobody else has', () => {
    const rig = makeRig();
    rig.attachTun();
    const { a } = twoGuests(rig);
    rig.send(a, frameOf(packet(own, host)));
    expect(rig.toHost()).toEqual([forwarded(own, host)]);
    expect(rig.sealed).toEqual([]);
  });

  test('takes padding of a short frame for none of it', () => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    rig.send(a, `${frameOf(packet(own, other))}${'00'.repeat(20)}`);
    expect(b.port.sent[0]?.slice(28)).toBe(forwarded(own, other));
  });

  test('drops what nobody has, and what it has itself', () => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    rig.send(a, frameOf(packet(own, host)));
    rig.send(a, frameOf(packet(own, own)));
    expect(dropsOf(a)).toEqual({ 'rx no_route': 2 });
    expect([a.port.sent, b.port.sent, rig.sealed]).toEqual([[], [], []]);
  });

  test.each([
    ['of another guest', other],
    ['of the host', host],
    ['of a peer', peer],
  ])('drops one from an address %s', (_, forged) => {
    const rig = makeRig();
    rig.attachTun();
    const { a, b } = twoGuests(rig);
    for (const to of [other, peer, host]) rig.send(a, frameOf(packet(forged, to)));
    expect(dropsOf(a)).toEqual({ 'rx inner_source': 3 });
    expect([b.port.sent, rig.sealed, rig.toHost()]).toEqual([[], [], []]);
  });

  test.each([0, 1])('drops one with %i hops left, and tells the guest', (ttl) => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    const bytes = packet(own, other, ttl);
    const [answer = ''] = rig.send(a, frameOf(bytes));
    expect(dropsOf(a)).toEqual({ 'rx hop_limit': 1 });
    expect(b.port.sent).toEqual([]);
    const isV4 = !own.includes(':');
    expect(answer.slice(0, 24)).toBe(`${MAC_A}${ROUTER}`);
    expect(answer.slice(28 + (isV4 ? 40 : 80)).slice(0, 4)).toBe(isV4 ? '0b00' : '0300');
    expect(answer.slice(28 + (isV4 ? 24 : 16)).slice(0, isV4 ? 8 : 32)).toBe(
      isV4 ? 'c0000008' : `fe80${'00'.repeat(13)}01`,
    );
    expect(answer).toContain(Buffer.from(bytes).toString('hex'));
  });

  test('answers one that is larger than the other guest takes', () => {
    const rig = makeRig();
    const a = rig.addGuest([own]);
    const b = rig.addGuest([other], 1_300);
    const fits = own.includes(':') ? 1_252 : 1_272;
    rig.send(a, frameOf(packet(own, other, 64, fits)));
    expect(b.port.sent).toHaveLength(1);
    const [answer = ''] = rig.send(a, frameOf(packet(own, other, 64, fits + 1)));
    expect(b.port.sent).toHaveLength(1);
    expect(dropsOf(b)).toEqual({ 'tx too_large': 1 });
    expect(answer).toContain(own.includes(':') ? '00000514' : '0514');
  });

  test('answers one that is larger than the path to the peer takes', () => {
    const rig = makeRig();
    const { a } = twoGuests(rig);
    const routes = [
      {
        dst: own.includes(':') ? 'fd77:2::/32' : '10.77.2.0/24',
        src: own.includes(':') ? '::/0' : '0.0.0.0/0',
      },
    ];
    rig.engine.setPeer(peerSpec({ routes, mtuBytes: 1_300 }));
    const [answer = ''] = rig.send(a, frameOf(packet(own, peer, 64, 1_300)));
    expect(answer.slice(0, 24)).toBe(`${MAC_A}${ROUTER}`);
    expect(answer).toContain(own.includes(':') ? '00000514' : '0514');
    expect(rig.dropped(DropCode.txTooLarge)).toBe(1);
    expect(rig.sealed).toEqual([]);
  });
});

describe('GuestRouter.take() drops', () => {
  const good = packet(A4, B4);
  test.each([
    ['a frame to another station', frameOf(good, { to: MAC_B }), 'other_station'],
    ['one to another station with the same end', frameOf(good, { to: '066963000007' }), 'other_station'],
    ['a frame to the router of another network', frameOf(good, { to: '026963000008' }), 'other_station'],
    ['a broadcast', frameOf(good, { to: 'ffffffffffff' }), 'link_scope'],
    ['an IPv4 multicast', frameOf(packet(A4, '224.0.0.251')), 'link_scope'],
    ['an IPv4 broadcast', frameOf(packet(A4, '255.255.255.255')), 'link_scope'],
    ['one to an IPv4 link-local address', frameOf(packet(A4, '169.254.1.1')), 'link_scope'],
    ['one from an IPv4 link-local address', frameOf(packet('169.254.7.7', B4)), 'link_scope'],
    ['an IPv6 multicast', frameOf(packet(A6, 'ff02::16')), 'link_scope'],
    ['one to an IPv6 link-local address', frameOf(packet(A6, 'fe80::2')), 'link_scope'],
    ['one from an IPv6 link-local address', frameOf(packet('febf::2', B6)), 'link_scope'],
    ['what is no IP', frameOf(good, { type: '88cc' }), 'not_ip'],
    ['a tagged one', frameOf(good, { type: '810000070800' }), 'not_ip'],
    ['half a packet', frameOf(good.subarray(0, 30)), 'malformed'],
    ['an Ethernet header alone', frameOf(new Uint8Array(), { type: '0800' }), 'malformed'],
    ['IPv4 that is announced as IPv6', frameOf(good, { type: '86dd' }), 'malformed'],
    ['IPv6 that is announced as IPv4', frameOf(packet(A6, B6), { type: '0800' }), 'malformed'],
  ])('%s', (_, frame, reason) => {
    const rig = makeRig();
    rig.attachTun();
    const { a, b } = twoGuests(rig);
    expect(rig.send(a, frame)).toEqual([]);
    expect(dropsOf(a)).toEqual({ [`rx ${reason}`]: 1 });
    expect([b.port.sent, rig.sealed, rig.toHost()]).toEqual([[], [], []]);
  });

  test('what the host does not take', () => {
    const rig = makeRig();
    rig.attachTun();
    const { a } = twoGuests(rig);
    rig.close();
    rig.send(a, frameOf(packet(A4, HOST4)));
    expect(dropsOf(a)).toEqual({ 'rx port_write': 1 });
  });
});

describe('GuestRouter answers ARP and Neighbour Discovery', () => {
  const ask4 = (ip: string) => arpFrame({ from: MAC_A, senderIp: hex4(A4), targetIp: hex4(ip) });
  const cases: readonly (readonly [string, string, boolean, boolean])[] = [
    ['another guest', B4, true, true],
    ['a peer', PEER4, true, true],
    ['the router', '169.254.1.1', true, true],
    ['another link-local station', '169.254.1.2', false, false],
    ['its own address', A4, false, false],
    ['the host, where there is one', HOST4, true, false],
    ['what the host may reach', '198.51.100.1', true, false],
    ['a group', '224.0.0.1', false, false],
  ];
  test.each(cases)('for %s', (_, ip, withHost, without) => {
    for (const hasHost of [true, false]) {
      const rig = makeRig();
      if (hasHost) rig.attachTun();
      const { a } = twoGuests(rig);
      const answers = rig.send(a, ask4(ip));
      const reply = arpFrame({
        to: MAC_A,
        from: ROUTER,
        operation: 2,
        senderIp: hex4(ip),
        targetMac: MAC_A,
        targetIp: hex4(A4),
      });
      expect({ hasHost, answers }).toEqual({
        hasHost,
        answers: (hasHost ? withHost : without) ? [reply] : [],
      });
    }
  });

  test('a solicitation for another guest, a peer and the router', () => {
    const rig = makeRig();
    const { a } = twoGuests(rig);
    const hex6 = (text: string) => `${text}${'00'.repeat(16)}`.slice(0, 28);
    for (const [target, isAnswered] of [
      [`${hex6('fd770001')}0010`, true],
      [`${hex6('fd770002')}0077`, true],
      [`${hex6('fe80')}0001`, true],
      [`${hex6('fe80')}0002`, false],
      [`${hex6('fe80000000000001')}0001`, false],
      [`${hex6('fe8000000000000000000001')}0001`, false],
      [`${hex6('fd770001')}0009`, false],
      [`${hex6('fd770003')}0001`, false],
    ] as const) {
      const [answer = ''] = rig.send(a, ndFrame({ from: MAC_A, source: `${hex6('fd770001')}0009`, target }));
      expect({ target, isAnswered: answer !== '' }).toEqual({ target, isAnswered });
      if (isAnswered)
        expect(readAdvertisement(answer)).toMatchObject({ from: ROUTER, target, isSumRight: true });
    }
  });
});

describe('GuestRouter finds the station behind a port', () => {
  test('by what it said of its address, else by its last frame, else by asking all', () => {
    const rig = makeRig();
    const a = rig.addGuest([`${A4}/32`]);
    const b = rig.addGuest([`10.77.1.16/28`]);
    const to = (ip: string) => {
      rig.send(a, frameOf(packet(A4, ip)));
      return b.port.sent.at(-1)?.slice(0, 12);
    };
    expect(to('10.77.1.17')).toBe('ffffffffffff');
    rig.send(b, frameOf(packet('10.77.1.17', A4), { from: MAC_B }));
    expect(to('10.77.1.17')).toBe(MAC_B);
    expect(to('10.77.1.18')).toBe(MAC_B);
    rig.send(b, frameOf(packet('10.77.1.18', A4), { from: '0200000000cc' }));
    expect(to('10.77.1.17')).toBe(MAC_B);
    expect(to('10.77.1.18')).toBe('0200000000cc');
    rig.send(b, frameOf(packet('10.77.1.18', A4), { from: 'ffffffffffff' }));
    expect(to('10.77.1.19')).toBe('0200000000cc');
  });

  test('until nobody repeats it for long', () => {
    const rig = makeRig();
    const { a } = twoGuests(rig);
    rig.link.sweep(NOW + 300_000);
    expect(a.guest.neighbours.size).toBe(1);
    rig.link.sweep(NOW + 329_999);
    expect(a.guest.neighbours.size).toBe(1);
    rig.link.sweep(NOW + 330_000);
    expect(a.guest.neighbours.size).toBe(0);
  });

  test('whatever another guest claims', () => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    rig.send(a, arpFrame({ from: MAC_A, senderIp: hex4(B4), targetIp: hex4(PEER4) }));
    rig.send(a, frameOf(packet(A4, B4)));
    expect(b.port.sent.at(-1)?.slice(0, 12)).toBe(MAC_B);
  });
});

describe('GuestRouter.add() and remove()', () => {
  test('refuse an address that a guest has; one that goes is no more', () => {
    const rig = makeRig();
    const { a, b } = twoGuests(rig);
    expect(() => rig.addGuest([PEER4, `${B4}/32`])).toThrow(RangeError);
    const again = { kind: 'guest', id: b.guest.id, addresses: [PEER4] } as const;
    const dgram = { fd: -1, isConnected: false, remote: null, mtuBytes: 1_500 };
    expect(() => rig.link.guests.add(b.guest.id, b.port, { ...again, dgram })).toThrow(RangeError);
    rig.link.guests.remove(b.guest.id);
    rig.send(a, frameOf(packet(A4, B4)));
    expect(dropsOf(a)).toEqual({ 'rx no_route': 1 });
    rig.addGuest([PEER4, `${B4}/32`]);
  });

  test('leave a network with a host alone as quick as it was', () => {
    const rig = makeRig();
    const { guests } = rig.link;
    guests.remove(rig.addGuest([A4]).guest.id);
    expect(guests.isIdle).toBe(false);
    rig.attachTun();
    expect(guests.isIdle).toBe(true);
    const { guest } = rig.addGuest([A4]);
    expect(guests.isIdle).toBe(false);
    guests.remove(guest.id);
    expect(guests.isIdle).toBe(true);
    guests.exit = { covers: () => true, accept: () => true };
    expect(guests.isIdle).toBe(false);
  });
});
