/** Relays of networks of IP packets: guests, peers that may, the host beside them, and settings that change. */
import { afterEach, describe, expect, test } from 'vitest';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, socketpair } from '../../../dataplane/io/libc.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { adoptDgramPort } from '../../../dataplane/port/dgram-socket.ts';
import { VNI } from '../path/host.ts';
import {
  A4,
  A6,
  B4,
  datagram,
  frameOf,
  hexOf,
  MAC_A,
  quiet,
  RELAY_4,
  ROUTER,
  readError,
  readFrame,
  reading,
  relaySpec,
  sessions,
  setRelay,
  textOf,
  until,
} from './relay-network-rig.ts';
import { Outside } from './relay-rig.ts';
import { connect, type Outer, SwitchHost } from './switch-rig.ts';

const OTHER_VNI = 8;
const PEER4 = '10.77.2.9';
const RX_ROUTES = [{ dst: '10.77.2.0/24', src: '0.0.0.0/0' }];
const undo: { close(): void }[] = [];
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each.close();
});

function makeHost(vnis: readonly number[] = [VNI]): SwitchHost {
  const host = new SwitchHost({ networks: vnis.map((vni) => ({ vni, own: null })) });
  undo.push(host);
  return host;
}

async function echo(address = '127.0.0.1'): Promise<Outside> {
  const outside = await Outside.echo(address);
  undo.push(outside);
  return outside;
}

/** A guest's port, by a pair of sockets whose other end is the guest's. */
function addGuest(
  host: SwitchHost,
  addresses: readonly string[],
  { vni = VNI, mtuBytes = 65_535 } = {},
): Outer {
  const fds = Buffer.alloc(8);
  socketpair(1, 2 | 0x800, 0, addressOf(fds));
  const [fd, outerFd] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  undo.push({ close: () => [fd, outerFd].map(closeFd) });
  const id = host.takeId();
  host.apply({
    kind: 'addPort',
    vni,
    port: { kind: 'guest', id, dgram: adoptDgramPort(fd, mtuBytes), addresses },
  });
  return host.outer(id, fd, outerFd, 0);
}

/** The host `near` with a relay, and `far`, whose interface sends what is for outside to its peer. */
function twoHosts(exit: boolean): { near: SwitchHost; far: SwitchHost; tun: Outer } {
  const [near, far] = [makeHost(), makeHost()];
  connect(near, far, [1, 1]);
  const endpoint = (of: SwitchHost) => ({ address: '127.0.0.1', port: of.port });
  near.addPeer({ slot: 1, routes: RX_ROUTES, endpoint: endpoint(far), exit });
  far.addPeer({ slot: 1, routes: [{ dst: '0.0.0.0/0', src: '0.0.0.0/0' }], endpoint: endpoint(near) });
  setRelay(near, relaySpec());
  return { near, far, tun: far.addTun(VNI) };
}

describe('A relay of guests', () => {
  test.each([
    ['127.0.0.1', A4],
    ['::1', A6],
  ])('carries what they send to %s, and answers from there', async (address, own) => {
    const host = makeHost();
    const outside = await echo(address);
    setRelay(host, relaySpec());
    const guest = addGuest(host, [A4, A6]);
    guest.send(frameOf(datagram({ from: own, toPort: outside.port })));
    const [frame = Buffer.alloc(0)] = await until(guest, 1, host);
    const { to, from, packet } = readFrame(frame);
    expect([to, from]).toEqual([MAC_A, ROUTER]);
    expect(textOf(packet)).toEqual({
      from: hexOf(address),
      fromPort: outside.port,
      to: hexOf(own),
      toPort: 5_000,
      data: 'hello',
    });
    expect(sessions(host)).toMatchObject([{ guest: guest.id, source: own, txDatagrams: 1, rxDatagrams: 1 }]);
  });

  test.each([
    ['the network’s, where their port says none', 65_535, 2],
    ['their port’s', 3_028, 1],
  ])('cuts answers to an MTU: %s', async (_, mtuBytes, packets) => {
    const host = makeHost();
    const outside = await echo();
    setRelay(host, relaySpec({ mtuBytes: 2_000 }));
    const guest = addGuest(host, [A4], { mtuBytes });
    guest.send(frameOf(datagram({ toPort: outside.port, data: new Uint8Array(3_000) })));
    expect(await until(guest, packets, host)).toHaveLength(packets);
  });

  test('leaves the host what it has an interface to, but for the relay itself', async () => {
    const host = makeHost();
    setRelay(host, relaySpec({ host: ['10.77.0.0/24', 'fd77::/64'], rules: {} }));
    const tun = host.addTun(VNI);
    const guest = addGuest(host, [A4, A6]);
    for (const to of ['10.77.0.1', 'fd77::1']) {
      guest.send(frameOf(datagram({ from: to.includes(':') ? A6 : A4, to, toPort: 9 })));
      expect(await until(tun, 1, host)).toHaveLength(1);
    }
    guest.send(frameOf(datagram({ to: RELAY_4, toPort: 9 })));
    guest.send(frameOf(datagram({ to: '127.0.0.1', toPort: 9 })));
    const answers = (await until(guest, 2, host)).map((frame) => readError(readFrame(frame).packet).type);
    expect(answers).toEqual(['3/3', '3/13']);
    expect(tun.drain()).toEqual([]);
  });

  test('carries DNS to the resolver, and moves it when that changes', async () => {
    const host = makeHost();
    const [first, second] = [await echo(), await echo()];
    const resolver = ({ port }: Outside) => ({ address: '127.0.0.1', port });
    setRelay(host, relaySpec({ resolver: resolver(first), rules: {} }));
    const guest = addGuest(host, [A4]);
    const ask = async () => {
      guest.send(frameOf(datagram({ to: RELAY_4, toPort: 53 })));
      const [frame = Buffer.alloc(0)] = await until(guest, 1, host);
      return textOf(readFrame(frame).packet).from;
    };
    expect(await ask()).toBe(hexOf(RELAY_4));
    setRelay(host, relaySpec({ resolver: resolver(second), rules: {} }));
    expect(sessions(host)).toEqual([]);
    expect(await ask()).toBe(hexOf(RELAY_4));
    expect([first.received.length, second.received.length]).toEqual([1, 1]);
    setRelay(
      host,
      relaySpec({ resolver: resolver(second), rules: {}, addresses: { v4: '10.77.0.253', v6: null } }),
    );
    expect(sessions(host)).toEqual([]);
    guest.send(frameOf(datagram({ to: '10.77.0.253', toPort: 53 })));
    await until(guest, 1, host);
    expect(second.received).toHaveLength(2);
  });

  test('ends their sessions with their port', async () => {
    const host = makeHost();
    const outside = await echo();
    setRelay(host, relaySpec());
    const [a, b] = [addGuest(host, [A4]), addGuest(host, [B4])];
    a.send(frameOf(datagram({ toPort: outside.port })));
    b.send(frameOf(datagram({ from: B4, toPort: outside.port })));
    await until(b, 1, host);
    expect(sessions(host)).toHaveLength(2);
    host.apply({ kind: 'removePort', vni: VNI, id: a.id });
    expect(sessions(host)).toMatchObject([{ guest: b.id }]);
  });
});

describe('A relay of peers', () => {
  test('lets those out that may', async () => {
    const { near, far, tun } = twoHosts(true);
    const outside = await echo();
    tun.send(datagram({ from: PEER4, toPort: outside.port }));
    const [packet = Buffer.alloc(0)] = await until(tun, 1, far, near);
    expect(textOf(packet)).toMatchObject({ from: hexOf('127.0.0.1'), to: hexOf(PEER4), data: 'hello' });
    expect(sessions(near)).toMatchObject([{ guest: 1, source: PEER4 }]);
    expect(near.isAccounted()).toBe(true);
  });

  test('tells them at once what it refuses', async () => {
    const { near, far, tun } = twoHosts(true);
    tun.send(datagram({ from: PEER4, to: '169.254.169.254', toPort: 80 }));
    const [packet = Buffer.alloc(0)] = await until(tun, 1, far, near);
    expect(readError(packet)).toEqual({ type: '3/13', from: hexOf(RELAY_4) });
  });

  test('lets out nobody else, who is counted', async () => {
    const { near, far, tun } = twoHosts(false);
    const outside = await echo();
    tun.send(datagram({ from: PEER4, toPort: outside.port }));
    expect(await quiet(tun, far, near)).toEqual([]);
    expect(outside.received).toEqual([]);
    expect(near.dropped(DropCode.rxNoPort, 1)).toBe(1);
  });

  test.each([
    ['may no more', (near: SwitchHost) => near.addPeer({ slot: 1, routes: RX_ROUTES, exit: false })],
    ['is gone', (near: SwitchHost) => near.apply({ kind: 'removePeer', slot: 1 })],
  ])('ends the sessions of one that %s', async (_, change) => {
    const { near, far, tun } = twoHosts(true);
    const outside = await echo();
    tun.send(datagram({ from: PEER4, toPort: outside.port }));
    await until(tun, 1, far, near);
    change(near);
    expect(sessions(near)).toEqual([]);
  });

  test('gives an answer to no other peer, though the address is that one’s by now', async () => {
    const { near, far, tun } = twoHosts(true);
    const third = makeHost();
    connect(near, third, [2, 2]);
    const outside = await Outside.open();
    undo.push(outside);
    tun.send(datagram({ from: PEER4, toPort: outside.port }));
    const [from] = await expect
      .poll(() => {
        for (const host of [far, near]) host.settle();
        return outside.received;
      })
      .toHaveLength(1)
      .then(() => outside.received);
    near.addPeer({ slot: 1, routes: [], exit: true });
    near.addPeer({ slot: 2, routes: RX_ROUTES, endpoint: { address: '127.0.0.1', port: third.port } });
    await outside.send(Buffer.from('late'), from?.from.port ?? 0);
    await quiet(tun, near);
    expect(reading(near)?.counters.rxDatagrams).toBe(1);
    expect(near.totals(2).txPackets).toBe(0);
    near.addPeer({ slot: 2, routes: [], endpoint: null });
  });
});

describe('A relay’s settings', () => {
  async function withSession(): Promise<{ host: SwitchHost; guest: Outer; outside: Outside }> {
    const host = makeHost();
    const outside = await echo();
    setRelay(host, relaySpec());
    const guest = addGuest(host, [A4]);
    guest.send(frameOf(datagram({ toPort: outside.port })));
    await until(guest, 1, host);
    return { host, guest, outside };
  }

  test('change without ending what they still allow', async () => {
    const { host } = await withSession();
    setRelay(
      host,
      relaySpec({ limits: { maxSessions: 64, maxPerGuest: 1, idleMs: 60_000 }, mtuBytes: 1_300 }),
    );
    expect(sessions(host)).toHaveLength(1);
    setRelay(host, relaySpec({ rules: {} }));
    expect(sessions(host)).toEqual([]);
  });

  test('limit the sessions of a guest, and how long they idle, from then on', async () => {
    const { host, guest, outside } = await withSession();
    setRelay(host, relaySpec({ limits: { maxSessions: 64, maxPerGuest: 1, idleMs: 60_000 } }));
    guest.send(frameOf(datagram({ fromPort: 5_001, toPort: outside.port })));
    expect(await quiet(guest, host)).toEqual([]);
    expect(reading(host)?.counters.dropped.guestFull).toBe(1);
    setRelay(host, relaySpec({ limits: { maxSessions: 64, maxPerGuest: 1, idleMs: 1 } }));
    await quiet(guest, host);
    host.keepHouse();
    expect(reading(host)).toMatchObject({ sessions: 0, counters: { expired: 1 } });
  });

  test('make another relay where there may be more sessions', async () => {
    const { host, guest, outside } = await withSession();
    setRelay(host, relaySpec({ limits: { maxSessions: 65, maxPerGuest: 32, idleMs: 60_000 } }));
    expect(reading(host)).toMatchObject({ sessions: 0, maxSessions: 65 });
    guest.send(frameOf(datagram({ toPort: outside.port })));
    expect(await until(guest, 1, host)).toHaveLength(1);
  });

  test.each([
    ['rules', { rules: { deny: ['nowhere'] } }],
    ['a prefix of the host', { host: ['10.0.0.1/8'] }],
    ['a resolver', { resolver: { address: 'nowhere', port: 53 } }],
    ['an address', { addresses: { v4: 'fd77::1', v6: null } }],
    [
      'an address of a larger one',
      { addresses: { v4: 'x', v6: null }, limits: { maxSessions: 9, maxPerGuest: 9, idleMs: 1 } },
    ],
  ])('that are none change nothing: %s', async (_, wrong) => {
    const { host, guest, outside } = await withSession();
    expect(() => setRelay(host, relaySpec(wrong))).toThrow(RangeError);
    expect(reading(host)).toMatchObject({ sessions: 1, maxSessions: 64 });
    guest.send(frameOf(datagram({ toPort: outside.port })));
    expect(await until(guest, 1, host)).toHaveLength(1);
  });

  test('take it away, and the guests’ way with it', async () => {
    const { host, guest, outside } = await withSession();
    setRelay(host, null);
    expect([reading(host), sessions(host)]).toEqual([null, []]);
    guest.send(frameOf(datagram({ toPort: outside.port })));
    expect(await quiet(guest, host)).toEqual([]);
    expect(outside.received).toHaveLength(1);
    expect(() => setRelay(host, relaySpec(), 99)).toThrow(RangeError);
  });

  test('are each network’s own', async () => {
    const host = makeHost([VNI, OTHER_VNI]);
    setRelay(host, relaySpec({ rules: {} }));
    setRelay(host, relaySpec({ rules: {}, addresses: { v4: '10.88.0.254', v6: null } }), OTHER_VNI);
    const guest = addGuest(host, [A4]);
    const other = addGuest(host, [A4], { vni: OTHER_VNI });
    const error = async (from: Outer, to: string) => {
      from.send(frameOf(datagram({ toPort: 9 }), { to }));
      const [frame = Buffer.alloc(0)] = await until(from, 1, host);
      return readError(readFrame(frame).packet);
    };
    expect(await error(guest, ROUTER)).toEqual({ type: '3/13', from: hexOf(RELAY_4) });
    expect(await error(other, '026963000008')).toEqual({ type: '3/13', from: hexOf('10.88.0.254') });
    host.apply({ kind: 'removeNetwork', vni: OTHER_VNI });
    expect(reading(host, OTHER_VNI)).toBeNull();
    expect(await error(guest, ROUTER)).toEqual({ type: '3/13', from: hexOf(RELAY_4) });
  });
});
