/** A relay as a station of an Ethernet network: who may use it, what it answers, and where its frames go. */
import { afterEach, describe, expect, test } from 'vitest';
import type { RelaySpec } from '../../../dataplane/worker/messages.ts';
import { arpFrame, ndFrame, solicitedNode } from '../l2/neighbour-frames.ts';
import { VNI } from '../path/host.ts';
import {
  A4,
  A6,
  datagram,
  frameOf,
  hexOf,
  MAC_A,
  MAC_B,
  quiet,
  RELAY_4,
  RELAY_6,
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
import { connect, type Outer, SWITCH, SwitchHost } from './switch-rig.ts';

const undo: { close(): void }[] = [];
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each.close();
});

interface Rig {
  readonly host: SwitchHost;
  readonly outside: Outside;
  readonly spec: RelaySpec;
}

async function makeRig(address = '127.0.0.1', maxStationsPerPort = 100): Promise<Rig> {
  const own = { ...SWITCH, maxStations: 4_000, maxStationsPerPort };
  const host = new SwitchHost({ networks: [{ vni: VNI, own }] });
  undo.push(host);
  const outside = await Outside.echo(address);
  undo.push(outside);
  const spec = relaySpec({ port: host.takeId() });
  setRelay(host, spec);
  return { host, outside, spec };
}

/** A host whose stations are behind a peer of the relay's host. */
function addFar({ host }: Rig, exit: boolean): { far: SwitchHost; station: Outer } {
  const far = new SwitchHost();
  undo.push(far);
  connect(host, far, [1, 1]);
  host.addPeer({ slot: 1, endpoint: { address: '127.0.0.1', port: far.port }, exit });
  return { far, station: far.addUnix() };
}

const question = (ip: string, from = MAC_A) =>
  Buffer.from(arpFrame({ from, senderIp: hexOf(A4), targetIp: hexOf(ip) }), 'hex');
const solicitation = (ip: string, from = MAC_A) => {
  const target = hexOf(ip);
  return Buffer.from(
    ndFrame({ from, source: hexOf(A6), target, destination: solicitedNode(target) }).replaceAll(' ', ''),
    'hex',
  );
};

describe('RelayStation', () => {
  test('answers for its own addresses, and for no other', async () => {
    const { host } = await makeRig();
    const port = host.addUnix();
    port.send(question(RELAY_4));
    const [arp = Buffer.alloc(0)] = await until(port, 1, host);
    expect(arp.toString('hex')).toMatch(
      new RegExp(`^${MAC_A}${ROUTER}0806.{12}0002${ROUTER}${hexOf(RELAY_4)}`),
    );
    port.send(solicitation(RELAY_6));
    const [nd = Buffer.alloc(0)] = await until(port, 1, host);
    expect(nd.toString('hex')).toMatch(new RegExp(`^${MAC_A}${ROUTER}86dd.*${hexOf(RELAY_6)}0201${ROUTER}$`));
    for (const frame of [question('10.77.0.1'), solicitation('fd77::1')]) port.send(frame);
    expect(await quiet(port, host)).toEqual([]);
  });

  test('answers for the addresses that it has by now', async () => {
    const { host, spec } = await makeRig();
    const port = host.addUnix();
    setRelay(host, { ...spec, addresses: { v4: '10.77.0.253', v6: null } });
    port.send(question(RELAY_4));
    expect(await quiet(port, host)).toEqual([]);
    port.send(question('10.77.0.253'));
    expect(await until(port, 1, host)).toHaveLength(1);
  });

  test('goes on answering when a station claims its address', async () => {
    const { host } = await makeRig();
    const [port, other] = [host.addUnix(), host.addUnix()];
    const claim = arpFrame({ from: MAC_B, senderIp: hexOf(RELAY_4), targetIp: hexOf(RELAY_4) });
    other.send(Buffer.from(claim, 'hex'));
    await until(port, 1, host);
    port.send(question(RELAY_4));
    const [answer = Buffer.alloc(0)] = await until(port, 1, host);
    expect(readFrame(answer).from).toBe(ROUTER);
  });

  test.each([
    ['127.0.0.1', A4],
    ['::1', A6],
  ])('carries what stations send to %s, and answers who asked', async (address, own) => {
    const { host, outside } = await makeRig(address);
    const [port, other] = [host.addUnix(), host.addUnix()];
    other.send(frameOf(datagram({ from: own, toPort: 9 }), { to: MAC_A, from: MAC_B }));
    await quiet(port, host);
    port.send(frameOf(datagram({ from: own, toPort: outside.port })));
    const [frame = Buffer.alloc(0)] = await until(port, 1, host);
    const { to, from, packet } = readFrame(frame);
    expect([to, from]).toEqual([MAC_A, ROUTER]);
    expect(textOf(packet)).toMatchObject({ from: hexOf(address), to: hexOf(own), data: 'hello' });
    expect(other.drain()).toEqual([]);
    expect(sessions(host)).toMatchObject([{ guest: port.id, source: own }]);
  });

  test('takes super-frames of the host as what they stand for', async () => {
    const { host, outside } = await makeRig();
    const tap = host.addTap();
    tap.send(frameOf(datagram({ toPort: outside.port })));
    const [frame = Buffer.alloc(0)] = await until(tap, 1, host);
    expect(textOf(readFrame(frame).packet).data).toBe('hello');
  });

  test.each([
    ['to another station', { to: '0200000000cc' }],
    ['to all', { to: 'ffffffffffff' }],
    ['in a VLAN', { tag: '81000005' }],
    ['in its own name', { from: ROUTER }],
  ])('takes nothing %s', async (_, addresses) => {
    const { host, outside } = await makeRig();
    const port = host.addUnix();
    port.send(frameOf(datagram({ toPort: outside.port }), addresses));
    await quiet(port, host);
    expect([outside.received, sessions(host)]).toEqual([[], []]);
  });

  test('follows a station to another port', async () => {
    const { host, outside } = await makeRig();
    const [port, other] = [host.addUnix(), host.addUnix()];
    port.send(frameOf(datagram({ toPort: outside.port })));
    await until(port, 1, host);
    const { from } = outside.received[0] ?? {};
    other.send(question('10.77.0.1'));
    await quiet(other, host);
    await outside.send(Buffer.from('late'), from?.port ?? 0);
    const frames = await until(other, 1, host);
    expect(textOf(readFrame(frames[0] ?? Buffer.alloc(0)).packet).data).toBe('late');
    // What it sends from there is that port's.
    other.send(frameOf(datagram({ toPort: outside.port })));
    await until(other, 1, host);
    expect(sessions(host).map(({ guest }) => guest)).toEqual([port.id, other.id]);
    host.apply({ kind: 'removePort', vni: VNI, id: port.id });
    expect(sessions(host).map(({ guest }) => guest)).toEqual([other.id]);
  });

  test('remembers no more stations than it can, and serves all', async () => {
    const { host, outside } = await makeRig('127.0.0.1', 2_000);
    const port = host.addUnix();
    for (let i = 0; i < 1_100; i++) {
      const from = `0200000${i.toString(16).padStart(5, '0')}`;
      port.send(frameOf(datagram({ fromPort: 5_000 + (i & 7), toPort: outside.port }), { from }));
      host.settle();
    }
    const frames = await until(port, 1_100, host);
    expect(new Set(frames.slice(-8).map((frame) => readFrame(frame).from))).toEqual(new Set([ROUTER]));
    expect(sessions(host)).toHaveLength(8);
  });

  test('is for stations of peers that may', async () => {
    const rig = await makeRig();
    const { far, station } = addFar(rig, true);
    station.send(question(RELAY_4));
    const [answer = Buffer.alloc(0)] = await until(station, 1, far, rig.host);
    expect(readFrame(answer).from).toBe(ROUTER);
    // No answer is larger than the path takes with its Ethernet header.
    const endpoint = { address: '127.0.0.1', port: far.port };
    rig.host.addPeer({ slot: 1, endpoint, exit: true, mtuBytes: 1_018 });
    for (const [len, packets] of [
      [972, 1],
      [973, 2],
    ] as const) {
      station.send(frameOf(datagram({ toPort: rig.outside.port, data: new Uint8Array(len) })));
      expect(await until(station, packets, far, rig.host)).toHaveLength(packets);
    }
    expect(sessions(rig.host)).toMatchObject([{ guest: 1 }]);
    rig.host.apply({ kind: 'removePeer', slot: 1 });
    expect(sessions(rig.host)).toEqual([]);
  });

  test('tells stations of peers at once what it refuses', async () => {
    const rig = await makeRig();
    const { far, station } = addFar(rig, true);
    station.send(frameOf(datagram({ to: '169.254.169.253', toPort: 9 })));
    station.send(frameOf(datagram({ to: '100.100.100.200', toPort: 9 })));
    const [frame = Buffer.alloc(0)] = await until(station, 1, far, rig.host);
    expect(readError(readFrame(frame).packet)).toEqual({ type: '3/13', from: hexOf(RELAY_4) });
  });

  test('is not for those of others: neither answers nor datagrams', async () => {
    const rig = await makeRig();
    const { far, station } = addFar(rig, false);
    station.send(question(RELAY_4));
    station.send(frameOf(datagram({ toPort: rig.outside.port })));
    expect(await quiet(station, far, rig.host)).toEqual([]);
    expect([rig.outside.received, sessions(rig.host)]).toEqual([[], []]);
    expect(rig.host.isAccounted()).toBe(true);
  });

  test('ends the sessions of a peer that may no more', async () => {
    const rig = await makeRig();
    const { far, station } = addFar(rig, true);
    station.send(frameOf(datagram({ toPort: rig.outside.port })));
    await until(station, 1, far, rig.host);
    rig.host.addPeer({ slot: 1, endpoint: { address: '127.0.0.1', port: far.port }, exit: false });
    expect(sessions(rig.host)).toEqual([]);
  });

  test('goes with the relay, and its port with it', async () => {
    const { host, outside, spec } = await makeRig();
    const port = host.addUnix();
    setRelay(host, null);
    expect(reading(host)).toBeNull();
    port.send(question(RELAY_4));
    port.send(frameOf(datagram({ toPort: outside.port })));
    expect(await quiet(port, host)).toEqual([]);
    setRelay(host, spec);
    port.send(frameOf(datagram({ toPort: outside.port })));
    expect(await until(port, 1, host)).toHaveLength(1);
  });
});
