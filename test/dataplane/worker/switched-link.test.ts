/** Frames between local ports and peers of a switched network, over real sockets. */
import { afterEach, describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import { parseMac } from '../../../dataplane/wire/mac-text.ts';
import { ANYWHERE, type SwitchReading } from '../../../dataplane/worker/messages.ts';
import { concat, ethernetHeader, framed } from '../../support/frames-of.ts';
import { asSuper, tcpSegments } from '../../support/super-packets.ts';
import { pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';
import { arpFrame, bytesOf, LINUX, naFrame, ndFrame } from '../l2/neighbour-frames.ts';
import { CONTROL_PORT, VNI } from '../path/host.ts';
import { BROADCAST, connect, frame, makePipe, type Outer, SWITCH, SwitchHost, settle } from './switch-rig.ts';

const hosts: SwitchHost[] = [];
afterEach(() => {
  for (const host of hosts) expect(host.isAccounted()).toBe(true);
  for (const host of hosts.splice(0)) host.close();
});

function makeHost(own: Partial<typeof SWITCH> = {}): SwitchHost {
  const host = new SwitchHost({ networks: [{ vni: VNI, own: { ...SWITCH, ...own } }] });
  hosts.push(host);
  return host;
}

/** Two hosts, each the other's peer 1. */
function makePair(own: Partial<typeof SWITCH> = {}): { a: SwitchHost; b: SwitchHost } {
  const [a, b] = [makeHost(own), makeHost(own)];
  connect(a, b, [1, 1]);
  return { a, b };
}

/** Stations 1 and 2 are known behind a port of `a` and one of `b`. */
function introduce(a: SwitchHost, b: SwitchHost, at: Outer, bt: Outer): void {
  at.send(frame(1, BROADCAST));
  settle(a, b);
  bt.send(frame(2, 1));
  settle(a, b);
  at.drain();
  bt.drain();
}

const reading = (host: SwitchHost) => host.apply({ kind: 'readSwitch', vni: VNI }) as SwitchReading;
const station = (n: number) => {
  const mac = parseMac(`02:00:00:00:00:${n.toString(16).padStart(2, '0')}`);
  if (mac === null) throw new Error('no MAC address');
  return mac;
};
const hex = (frames: readonly Uint8Array[]) => frames.map((each) => Buffer.from(each).toString('hex'));

describe('SwitchedLink', () => {
  test('floods to every port and peer, then sends to the one that answered', () => {
    const { a, b } = makePair();
    const [tap, unix, far] = [a.addTap(), a.addUnix(), b.addTap()];
    const question = frame(1, 2);
    tap.send(question);
    settle(a, b);
    expect(unix.drain()).toEqual([question]);
    expect(far.drain()).toEqual([question]);
    const answer = frame(2, 1);
    far.send(answer);
    settle(a, b);
    expect(tap.drain()).toEqual([answer]);
    expect(unix.drain()).toEqual([]);
    tap.send(question);
    settle(a, b);
    expect(unix.drain()).toEqual([]);
    expect(far.drain()).toEqual([question]);
    expect(a.totals()).toMatchObject({ txReceived: 2, txPackets: 2, rxReceived: 1, rxPackets: 1 });
  });

  test.each<[string, 'addTap' | 'addUnix', 'addTap' | 'addUnix']>([
    ['TAP to TAP', 'addTap', 'addTap'],
    ['TAP to Unix', 'addTap', 'addUnix'],
    ['Unix to TAP', 'addUnix', 'addTap'],
    ['Unix to Unix', 'addUnix', 'addUnix'],
  ])('carries frames of all lengths %s, here and across', (_, from, to) => {
    const { a, b } = makePair();
    const [near, local, far] = [a[from](), a[to](), b[to]()];
    introduce(a, b, near, far);
    local.send(frame(3, 1));
    settle(a, b);
    for (const port of [near, local]) port.drain();
    for (const len of [0, 1, 46, 100, 1_000, 1_386]) {
      const [out, here] = [frame(1, 2, pattern(len)), frame(1, 3, pattern(len))];
      near.send(out);
      near.send(here);
      settle(a, b);
      expect(hex(far.drain())).toEqual(hex([out]));
      expect(hex(local.drain())).toEqual(hex([here]));
    }
  });

  test('gives no frame of a peer to another peer', () => {
    const [a, b, c] = [makeHost(), makeHost(), makeHost()];
    connect(a, b, [1, 1]);
    connect(a, c, [2, 1]);
    const [at, bt, ct] = [a.addTap(), b.addTap(), c.addTap()];
    bt.send(frame(2, BROADCAST));
    settle(a, b, c);
    expect(at.drain()).toHaveLength(1);
    expect(ct.drain()).toEqual([]);
    // Known behind the other peer, where it will not go either.
    ct.send(frame(3, BROADCAST));
    settle(a, b, c);
    bt.send(frame(2, 3));
    settle(a, b, c);
    expect(ct.drain()).toEqual([]);
    expect(a.dropped(DropCode.rxNoPort, 1)).toBe(1);
  });

  describe('super-frames', () => {
    const FLOW = { src: '10.77.0.1', dst: '10.77.0.2', payload: pattern(12_000) };
    const header = (dst = 2, tags: [number, number][] = []) => ethernetHeader(0x0800, { dst, src: 1, tags });
    const send = (port: Outer, packet: Uint8Array, own = header(), segment = 1_000) => {
      const whole = framed(asSuper(packet, segment), own);
      port.send(whole.subarray(10), whole.subarray(0, 10));
    };

    test('are cut for a peer, and joined again for a TAP there', () => {
      const { a, b } = makePair();
      const [at, bt] = [a.addTap(), b.addTap()];
      introduce(a, b, at, bt);
      send(at, tcpPacket(FLOW));
      settle(a, b);
      expect(a.totals(1).txPackets).toBe(1 + 12);
      const [joined, ...more] = bt.drain();
      expect(more).toEqual([]);
      expect(joined?.length).toBe(14 + tcpPacket(FLOW).length);
      expect(Buffer.from(joined?.subarray(0, 14) ?? []).equals(Buffer.from(header()))).toBe(true);
    });

    test('go whole to a TAP and cut to machines and peers that have no known place for them', () => {
      const { a, b } = makePair();
      const [at, other, unix, far] = [a.addTap(), a.addTap(), a.addUnix(), b.addUnix()];
      send(at, tcpPacket(FLOW));
      settle(a, b);
      const cut = hex(tcpSegments(FLOW, 1_000).map((segment) => concat(header(), segment)));
      expect(hex(unix.drain())).toEqual(cut);
      expect(hex(far.drain())).toEqual(cut);
      expect(other.drain().map(({ length }) => length)).toEqual([14 + tcpPacket(FLOW).length]);
    });

    test('are cut for the machine that they are for', () => {
      const a = makeHost();
      const [at, unix] = [a.addTap(), a.addUnix()];
      unix.send(frame(2, BROADCAST));
      settle(a);
      send(at, tcpPacket(FLOW));
      settle(a);
      expect(unix.drain()).toHaveLength(12);
      expect(a.totals()).toMatchObject({ txReceived: 0, rxReceived: 0 });
    });

    test.each([
      ['to one peer', 2],
      ['to all', 9],
    ])('that can’t be cut are counted as malformed, %s', (_, dst) => {
      const { a, b } = makePair();
      const [at, unix, bt] = [a.addTap(), a.addUnix(), b.addTap()];
      introduce(a, b, at, bt);
      unix.drain();
      // To be cut, but of no type that can be.
      const whole = framed(asSuper(tcpPacket(FLOW), 1_000), ethernetHeader(0x88b5, { dst, src: 1 }));
      at.send(whole.subarray(10), whole.subarray(0, 10));
      settle(a, b);
      expect(a.dropped(DropCode.txMalformed)).toBe(1);
      expect(unix.drain()).toEqual([]);
      expect(bt.drain()).toEqual([]);
    });

    test.each<[string, [number, number][]]>([
      ['without a tag', []],
      ['behind a VLAN tag', [[0x8100, 0x4005]]],
      ['behind a service tag', [[0x88a8, 0x4007]]],
      [
        'behind two tags',
        [
          [0x88a8, 0x4007],
          [0x8100, 0x6005],
        ],
      ],
    ])('of a queue that stands are marked, %s', (_, tags) => {
      const { a, b } = makePair();
      const [at, bt] = [a.addTap(), b.addUnix()];
      introduce(a, b, at, bt);
      const local = a.link.local(at.id);
      if (local === undefined) throw new Error('no port');
      local.standing.isDue = () => true;
      send(at, tcpPacket({ ...FLOW, tos: 2 }), header(2, tags));
      settle(a, b);
      const marked = tcpSegments({ ...FLOW, tos: 3 }, 1_000);
      expect(hex(bt.drain())).toEqual(hex(marked.map((each) => concat(header(2, tags), each))));
      expect(a.dropped(DropCode.txCongestion)).toBe(0);
      send(at, tcpPacket(FLOW), header(2, tags));
      settle(a, b);
      expect(bt.drain()).toHaveLength(11);
      expect(a.dropped(DropCode.txCongestion, 1)).toBe(1);
    });
  });

  describe('a control connection of this host', () => {
    const control = (...ports: [number, number]) =>
      concat(
        ethernetHeader(0x0800, { dst: 2, src: 1 }),
        udpPacket({ src: '10.77.0.1', dst: '10.77.0.2', ports }),
      );

    test('is not carried by the network that it keys, but a machine may have one of its own', () => {
      const { a, b } = makePair();
      const [at, au, bt] = [a.addTap(), a.addUnix(), b.addTap()];
      introduce(a, b, at, bt);
      at.send(control(CONTROL_PORT, CONTROL_PORT));
      settle(a, b);
      expect([bt.drain().length, a.dropped(DropCode.txControlLoop, 1)]).toEqual([0, 1]);
      at.send(control(CONTROL_PORT, 53));
      au.send(control(CONTROL_PORT, CONTROL_PORT).fill(9, 11, 12));
      settle(a, b);
      expect([bt.drain().length, a.dropped(DropCode.txControlLoop, 1)]).toEqual([2, 1]);
    });
  });

  describe('frames that are too large for the path', () => {
    const packet = udpPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload: pattern(1_500) });
    const tagged = (dst: number, tags: [number, number][] = []) =>
      concat(ethernetHeader(0x0800, { dst, src: 1, tags }), packet);

    test.each<['addTap' | 'addUnix']>([['addTap'], ['addUnix']])(
      'are answered to the %s that sent them, in their VLAN, from their station',
      (kind) => {
        const { a, b } = makePair();
        const [at, bt] = [a[kind](), b.addTap()];
        introduce(a, b, at, bt);
        at.send(tagged(2, [[0x8100, 0x4005]]));
        settle(a, b);
        expect(a.dropped(DropCode.txTooLarge, 1)).toBe(1);
        const [answer, ...more] = at.drain().map((each) => Buffer.from(each));
        expect(more).toEqual([]);
        expect(answer?.toString('hex', 0, 18)).toBe('020000000001020000000002810040050800');
        expect(answer?.readUInt8(18 + 9)).toBe(1);
        expect(answer?.readUInt16BE(18 + 20)).toBe(0x0304);
        // What peer.mtuBytes, 1,400, leaves for the packet.
        expect(answer?.readUInt16BE(18 + 26)).toBe(1_400 - 18);
      },
    );

    test('are not answered where their station may be behind another port', () => {
      const { a, b } = makePair();
      const [at, unix, bt] = [a.addTap(), a.addUnix(), b.addTap()];
      introduce(a, b, at, bt);
      unix.drain();
      at.send(tagged(9));
      settle(a, b);
      expect(a.dropped(DropCode.txTooLarge, 1)).toBe(1);
      expect(at.drain()).toEqual([]);
      expect(unix.drain()).toEqual([tagged(9)]);
    });

    test('pass between local ports, jumbo frames of 65,000 bytes too', () => {
      const a = makeHost();
      const [tap, unix] = [a.addTap(), a.addUnix()];
      const jumbo = frame(1, 2, pattern(65_000));
      tap.send(jumbo);
      settle(a);
      expect(hex(unix.drain())).toEqual(hex([jumbo]));
      unix.send(frame(2, 1, pattern(65_000)));
      settle(a);
      expect(tap.drain().map(({ length }) => length)).toEqual([65_014]);
    });
  });

  describe('a frame to several peers', () => {
    test('counts for each of them, and one without keys keeps it from nobody', () => {
      const [a, b, c] = [makeHost(), makeHost(), makeHost()];
      a.addPeer({ slot: 3, endpoint: null });
      connect(a, b, [1, 1]);
      connect(a, c, [2, 1]);
      const [at, bt, ct] = [a.addTap(), b.addTap(), c.addUnix()];
      for (let i = 0; i < 10; i++) at.send(frame(1, BROADCAST, pattern(100, i)));
      settle(a, b, c);
      expect(bt.drain()).toHaveLength(10);
      expect(ct.drain()).toHaveLength(10);
      expect(a.dropped(DropCode.txNoSa, 3)).toBe(10);
      expect(a.totals()).toMatchObject({ txReceived: 30, txPackets: 20 });
    });

    test('leaves in the turn that it came in', () => {
      const [a, b] = [makeHost(), makeHost()];
      a.addPeer({ slot: 3, endpoint: null });
      connect(a, b, [1, 1]);
      const [at, bt] = [a.addTap(), b.addTap()];
      at.send(frame(1, BROADCAST));
      a.loop.turn(0);
      b.loop.turn(0);
      expect(bt.drain()).toHaveLength(1);
    });
  });

  describe('what a peer sends', () => {
    test.each<[string, Uint8Array, DropCode]>([
      ['from a group’s address', frame(1, 2).fill(0xff, 6, 12), DropCode.rxInnerSource],
      ['from no address', frame(1, 2).fill(0, 6, 12), DropCode.rxInnerSource],
      ['from a station of ours', frame(9, 2), DropCode.rxInnerSource],
      [
        'for bridges alone',
        concat(Uint8Array.of(1, 0x80, 0xc2, 0, 0, 0), frame(1, 2).subarray(6)),
        DropCode.rxNoPort,
      ],
    ])('%s is dropped and counted', (_, bad, code) => {
      const { a, b } = makePair();
      const [at, bt] = [a.addTap(), b.addTap()];
      introduce(a, b, at, bt);
      a.apply({ kind: 'addStation', vni: VNI, mac: station(9), port: at.id });
      // A host that does not look at what it seals.
      makePipe(b, 1, bt.id);
      bt.send(bad);
      settle(b, a);
      expect(at.drain()).toEqual([]);
      expect(a.dropped(code, 1)).toBe(1);
    });

    test('where there is no port is dropped and counted', () => {
      const { a, b } = makePair();
      const bt = b.addTap();
      bt.send(frame(2, BROADCAST));
      settle(b, a);
      expect(a.dropped(DropCode.rxNoPort, 1)).toBe(1);
    });

    test('and no port takes is dropped and counted, by packet where they were joined', () => {
      const { a, b } = makePair();
      const [at, bt] = [a.addTap(), b.addTap()];
      introduce(a, b, at, bt);
      a.closeEarly(at.outerFd);
      const payload = pattern(5_000);
      const whole = framed(
        asSuper(tcpPacket({ src: '10.77.0.2', dst: '10.77.0.1', payload }), 1_000),
        ethernetHeader(0x0800, { dst: 1, src: 2 }),
      );
      bt.send(whole.subarray(10), whole.subarray(0, 10));
      settle(b, a);
      expect(a.dropped(DropCode.rxPortWrite, 1)).toBe(5);
      expect(a.totals(1)).toMatchObject({ rxReceived: 1 + 5, rxPackets: 1 });
    });

    test('and one of several ports takes is delivered', () => {
      const { a, b } = makePair();
      const [at, unix, bt] = [a.addTap(), a.addUnix(), b.addTap()];
      a.closeEarly(at.outerFd);
      bt.send(frame(2, BROADCAST));
      settle(b, a);
      expect(unix.drain()).toHaveLength(1);
      expect(a.dropped(DropCode.rxPortWrite)).toBe(0);
      expect(a.totals(1).rxPackets).toBe(1);
    });

    test('for all reaches every port whole, whatever was joined before and behind', () => {
      const { a, b } = makePair();
      const [tap, second, unix, bt] = [a.addTap(), a.addTap(), a.addUnix(), b.addTap()];
      introduce(a, b, tap, bt);
      for (const port of [second, unix]) port.drain();
      const flow = { src: '10.77.0.2', dst: '10.77.0.1', payload: pattern(400) };
      const segments = tcpSegments({ ...flow, payload: pattern(4_000) }, 1_000);
      const unicast = segments.map((each) => concat(ethernetHeader(0x0800, { dst: 1, src: 2 }), each));
      const all = (n: number) =>
        concat(
          frame(2, BROADCAST, new Uint8Array(), 0x0800),
          udpPacket({ ...flow, payload: pattern(400, n) }),
        );
      // Opened in one turn: the flow's packets are joined while those for all come between them.
      for (const [i, each] of unicast.entries()) {
        bt.send(each);
        bt.send(all(i));
      }
      settle(b, a);
      const everyone = hex([all(0), all(1), all(2), all(3)]);
      expect(hex(unix.drain())).toEqual(everyone);
      expect(hex(second.drain())).toEqual(everyone);
      const got = hex(tap.drain());
      const to = (mac: string) => got.filter((each) => each.startsWith(mac)).join('');
      for (let i = 0; i < 4; i++) {
        const own = Buffer.from(segments[i]?.subarray(52) ?? []).toString('hex');
        expect(to('020000000001')).toContain(own);
        expect(to('ffffffffffff')).toContain(Buffer.from(pattern(400, i)).toString('hex'));
      }
    });
  });

  describe('neighbours', () => {
    const reply = bytesOf(LINUX.reply);
    const request = bytesOf(LINUX.request);

    /** B of `neighbour-frames.ts` is known behind the peer of `a`. */
    function know() {
      const pair = makePair();
      const [at, other, bt] = [pair.a.addTap(), pair.a.addUnix(), pair.b.addTap()];
      at.send(request);
      settle(pair.a, pair.b);
      bt.send(reply);
      settle(pair.b, pair.a);
      for (const port of [at, other, bt]) port.drain();
      return { ...pair, at, other, bt };
    }

    test('are asked here where the answer is known, and nobody else hears the question', () => {
      const { a, b, at, other, bt } = know();
      at.send(request);
      settle(a, b);
      expect(other.drain()).toEqual([]);
      expect(bt.drain()).toEqual([]);
      expect(hex(at.drain())).toEqual(hex([reply]));
      expect(reading(a).suppressed).toEqual({ arp: 1, nd: 0 });
    });

    test('are asked there where suppression is off, and learned all the same', () => {
      const { a, b } = makePair({ suppress: false });
      const [at, bt] = [a.addTap(), b.addTap()];
      at.send(request);
      settle(a, b);
      bt.send(reply);
      settle(b, a);
      bt.drain();
      at.send(request);
      settle(a, b);
      expect(bt.drain()).toHaveLength(1);
      expect(reading(a).neighbours).toBe(2);
    });

    test('by IPv6 likewise', () => {
      const { a, b } = makePair();
      const [at, bt] = [a.addTap(), b.addTap()];
      bt.send(bytesOf(naFrame()));
      settle(b, a);
      at.drain();
      at.send(bytesOf(ndFrame()));
      settle(a, b);
      expect(bt.drain()).toEqual([]);
      expect(at.drain()).toHaveLength(1);
      expect(reading(a).suppressed).toEqual({ arp: 0, nd: 1 });
    });

    test('that the operator set are answered for, wherever they are', () => {
      const a = makeHost();
      const at = a.addTap();
      const ip = parseIp('10.77.0.2');
      if (ip === null) throw new Error('no address');
      const mac = { high: 0x0200, low: 0x0b };
      a.apply({ kind: 'setNeighbour', vni: VNI, neighbour: { ip, mac, port: ANYWHERE } });
      at.send(request);
      settle(a);
      expect(hex(at.drain())).toEqual(hex([reply]));
      a.apply({ kind: 'removeNeighbour', vni: VNI, ip });
      at.send(request);
      settle(a);
      expect(at.drain()).toEqual([]);
    });

    test('of a station that is bound elsewhere are not believed', () => {
      const { a, at, other } = know();
      // A's address is the TAP's.
      a.apply({ kind: 'addStation', vni: VNI, mac: { high: 0x0200, low: 0x0a }, port: at.id });
      other.send(bytesOf(arpFrame({ senderIp: '0a4d0063' })));
      settle(a);
      expect(reading(a).neighbours).toBe(2);
      expect(reading(a).fdb.staticViolations).toBe(1);
    });

    test.each([
      ['a group', 'ffffffffffff'],
      ['nobody', '000000000000'],
    ])('in a frame from %s are not believed', (_, from) => {
      const a = makeHost();
      const [at] = [a.addTap(), a.addTap()];
      at.send(bytesOf(arpFrame({ from, senderMac: '02000000000a' })));
      settle(a);
      expect(reading(a).neighbours).toBe(0);
    });

    test('who ask and are answered here are stations all the same', () => {
      const { a, at } = know();
      a.apply({ kind: 'flushStations', vni: VNI, port: at.id });
      at.send(request);
      settle(a);
      expect(reading(a).ports.find(({ id }) => id === at.id)?.stations).toBe(1);
    });

    test('a station beyond the cap is refused once a frame', () => {
      const a = makeHost({ maxStationsPerPort: 1 });
      const [at] = [a.addTap(), a.addTap()];
      at.send(frame(1, BROADCAST));
      at.send(request);
      settle(a);
      expect(reading(a).fdb.refusedPortCap).toBe(1);
    });
  });
});
