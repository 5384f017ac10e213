/** Networks and ports of a queue: made, removed, made again, and what half-way failures leave. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { openVxlanSocket } from '../../../dataplane/port/vxlan-socket.ts';
import { VxlanTunnels } from '../../../dataplane/port/vxlan-tunnels.ts';
import type { LocalPortSpec, SwitchReading, WorkerCommand } from '../../../dataplane/worker/messages.ts';
import { KEY_B, peerSpec, saSpec, VNI } from '../path/host.ts';
import { ipPacket } from '../path/packets.ts';
import { BROADCAST, connect, FIRST_LOCAL, frame, SWITCH, SwitchHost, settle } from './switch-rig.ts';

const OTHER_VNI = 8;
const ROUTED_VNI = 9;
const hosts: SwitchHost[] = [];
const vxlanFds: number[] = [];
afterEach(() => {
  for (const host of hosts) expect(host.isAccounted()).toBe(true);
  for (const host of hosts.splice(0)) host.close();
  for (const fd of vxlanFds.splice(0)) closeFd(fd);
});

function makeHost(): SwitchHost {
  const host = new SwitchHost({
    networks: [
      { vni: VNI, own: SWITCH },
      { vni: OTHER_VNI, own: SWITCH },
      { vni: ROUTED_VNI, own: null },
    ],
  });
  hosts.push(host);
  return host;
}

function vxlanSocket() {
  const socket = openVxlanSocket({ listen: '127.0.0.1', port: 0, device: null, groupTtl: 1 });
  vxlanFds.push(socket.fd);
  return socket;
}

type VxlanSpec = LocalPortSpec & { readonly kind: 'vxlan' };

function vxlanSpec(
  id: number,
  socket: VxlanSpec['socket'],
  vni = 42,
  overrides: Partial<VxlanSpec> = {},
): VxlanSpec {
  const tunnel = {
    id,
    vni,
    remotes: [],
    group: null,
    learnRemotes: true,
    maxRemotes: 16,
    maxStations: 64,
    mtuBytes: 1_406,
  };
  return { kind: 'vxlan', id, maxStations: null, socket, tunnel, ...overrides };
}

const reading = (host: SwitchHost, vni = VNI) => host.apply({ kind: 'readSwitch', vni }) as SwitchReading;

describe('QueueNetworks', () => {
  test('keeps networks apart, switched and routed, in one turn', () => {
    const [a, b] = [makeHost(), makeHost()];
    connect(a, b, [1, 1], VNI);
    connect(a, b, [2, 2], OTHER_VNI);
    connect(a, b, [3, 3], ROUTED_VNI);
    const routes = (last: number) => [{ dst: `10.77.0.${last}/32`, src: '0.0.0.0/0' }];
    for (const [host, last, other] of [
      [a, 2, b],
      [b, 1, a],
    ] as const) {
      host.addPeer({
        slot: 3,
        vni: ROUTED_VNI,
        routes: routes(last),
        endpoint: { address: '127.0.0.1', port: other.port },
      });
    }
    const near = [a.addTap(VNI), a.addTap(OTHER_VNI), a.addTun(ROUTED_VNI)] as const;
    const far = [b.addTap(VNI), b.addTap(OTHER_VNI), b.addTun(ROUTED_VNI)] as const;
    const sent: [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];
    for (let i = 0; i < 10; i++) {
      const payload = new Uint8Array(100 + i).fill(i);
      const each = [
        frame(1, BROADCAST, payload),
        frame(2, BROADCAST, payload),
        ipPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload }),
      ];
      // One after the other on the wire.
      for (const [n, bytes] of each.entries()) {
        near[n]?.send(bytes);
        sent[n]?.push(bytes);
        a.loop.turn(0);
      }
    }
    settle(b);
    for (const [n, outer] of far.entries()) expect(outer.drain()).toEqual(sent[n]);
    expect(b.totals().rxPackets).toBe(30);
  });

  test('frames sealed for a network of another kind are malformed inside', () => {
    const [a, b] = [makeHost(), new SwitchHost({ networks: [{ vni: VNI, own: null }] })];
    hosts.push(b);
    connect(a, b, [1, 1]);
    b.addPeer({
      slot: 1,
      routes: [{ dst: '10.77.0.1/32', src: '0.0.0.0/0' }],
      endpoint: { address: '127.0.0.1', port: a.port },
    });
    const [tap, tun] = [a.addTap(), b.addTun(VNI)];
    tap.send(frame(1, BROADCAST));
    settle(a, b);
    expect(tun.drain()).toEqual([]);
    expect(b.dropped(DropCode.rxInnerMalformed, 1)).toBe(1);
    tun.send(ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' }));
    settle(b, a);
    expect(tap.drain()).toEqual([]);
    expect(a.dropped(DropCode.rxInnerMalformed, 1)).toBe(1);
  });

  test.each([
    ['of a network that is not here', 99],
    ['of network 0', 0],
    ['too short to name one', -1],
  ])('counts a datagram %s', (_, vni) => {
    const host = makeHost();
    const bytes = new Uint8Array(vni < 0 ? 4 : 80);
    if (vni >= 0) {
      new DataView(bytes.buffer).setUint32(0, 0x0640_6558);
      new DataView(bytes.buffer).setUint32(4, vni * 256);
    }
    host.inject(bytes);
    host.settle();
    expect(host.dropped(vni < 0 ? DropCode.rxMalformed : DropCode.rxUnknownVni)).toBe(1);
  });

  test('add() refuses VNI 0 and one that exists, and leaves nothing of them', () => {
    const host = makeHost();
    for (const vni of [0, VNI, ROUTED_VNI]) {
      expect(() => host.apply({ kind: 'addNetwork', network: { vni, switch: SWITCH } })).toThrow(RangeError);
    }
    expect(() => host.networks.switched(0)).toThrow('network 0 has no switch');
    expect(() => host.networks.switched(ROUTED_VNI)).toThrow('network 9 has no switch');
    expect(host.engine.networks()).toEqual([VNI, OTHER_VNI, ROUTED_VNI]);
  });

  test('remove() takes ports and peers, and the same network can come again', () => {
    const [a, b] = [makeHost(), makeHost()];
    for (let round = 0; round < 3; round++) {
      connect(a, b, [1, 1]);
      const [at, unix, bt] = [a.addTap(), a.addUnix(), b.addTap()];
      at.send(frame(1, BROADCAST));
      settle(a, b);
      expect(unix.drain()).toHaveLength(1);
      expect(bt.drain()).toHaveLength(1);
      // What waits in a port that is gone is nobody's.
      unix.send(frame(3, BROADCAST));
      for (const host of [a, b]) {
        host.apply({ kind: 'removeNetwork', vni: VNI });
        expect(() => host.networks.switched(VNI)).toThrow(RangeError);
        host.settle();
        host.apply({ kind: 'addNetwork', network: { vni: VNI, switch: SWITCH } });
      }
      expect(at.drain()).toEqual([]);
      expect(reading(a)).toMatchObject({ ports: [], neighbours: 0, fdb: { size: 0 } });
    }
  });

  describe('addPort()', () => {
    test.each<[string, WorkerCommand]>([
      [
        'an IP port in an Ethernet network',
        { kind: 'addPort', vni: VNI, port: { kind: 'tun', id: 0, fd: 0 } },
      ],
      ['an IP port in no network', { kind: 'addPort', vni: 77, port: { kind: 'tun', id: 0, fd: 0 } }],
      [
        'an Ethernet port in a network of IP packets',
        {
          kind: 'addPort',
          vni: ROUTED_VNI,
          port: { kind: 'tap', id: 20, maxStations: null, tap: { fd: 0 } },
        },
      ],
    ])('refuses %s', (_, command) => {
      expect(() => makeHost().apply(command)).toThrow(RangeError);
    });

    test('with a number in use changes nothing', () => {
      const a = makeHost();
      const [tap, unix] = [a.addTap(), a.addUnix()];
      expect(() => a.addTap(VNI, tap.id)).toThrow(RangeError);
      expect(() => a.addPort(vxlanSpec(tap.id, vxlanSocket()))).toThrow(RangeError);
      tap.send(frame(1, 2));
      settle(a);
      expect(unix.drain()).toHaveLength(1);
      expect(reading(a).ports.map(({ id }) => id)).toEqual([tap.id, unix.id]);
    });

    test('beyond what can be polled leaves no port, and its number may be used again', () => {
      const a = makeHost();
      const [tap] = [a.addTap()];
      const socket = vxlanSocket();
      const addSource = vi.spyOn(a.loop, 'addSource').mockImplementation(() => {
        throw new RangeError('Cannot poll more');
      });
      const close = vi.spyOn(VxlanTunnels.prototype, 'close');
      const id = a.takeId();
      expect(() => a.addUnix(VNI, id)).toThrow('Cannot poll more');
      expect(() => a.addPort(vxlanSpec(id, socket))).toThrow('Cannot poll more');
      expect(reading(a).ports.map((port) => port.id)).toEqual([tap.id]);
      // With the memory that it took.
      expect(close).toHaveBeenCalledOnce();
      close.mockRestore();
      addSource.mockRestore();
      a.addPort(vxlanSpec(id, socket));
      tap.send(frame(1, 2));
      settle(a);
      expect(reading(a).ports.map((port) => port.id)).toEqual([tap.id, id]);
    });

    test('of VXLAN that fails half-way frees its VNI, with other ports on the socket and without', () => {
      const a = makeHost();
      const socket = vxlanSocket();
      const bad = (vni: number) => vxlanSpec(a.takeId(), socket, vni, { maxStations: -1 });
      expect(() => a.addPort(bad(42))).toThrow(RangeError);
      a.addPort(vxlanSpec(a.takeId(), socket, 41));
      expect(() => a.addPort(bad(42))).toThrow(RangeError);
      a.addPort(vxlanSpec(a.takeId(), socket, 42));
      expect(() => a.addPort(vxlanSpec(a.takeId(), socket, 42))).toThrow(
        expect.objectContaining({ code: 'ERR_ICX_VXLAN_VNI_LIVE' }),
      );
      expect(reading(a).ports).toHaveLength(2);
    });
  });

  describe('removePort()', () => {
    test('lets its number come again, and nothing of the old port is behind it', () => {
      const [a, b] = [makeHost(), makeHost()];
      connect(a, b, [1, 1]);
      const [old, bt] = [a.addUnix(), b.addTap()];
      a.apply({ kind: 'addStation', vni: VNI, mac: { high: 0x0200, low: 9 }, port: old.id });
      old.send(frame(1, BROADCAST));
      settle(a, b);
      bt.drain();
      expect(reading(a).fdb.size).toBe(2);
      a.apply({ kind: 'removePort', vni: VNI, id: old.id });
      expect(reading(a).fdb.size).toBe(0);
      const fresh = a.addTap(VNI, old.id);
      bt.send(frame(2, 1));
      bt.send(frame(2, 9));
      settle(b, a);
      // Flooded: where stations 1 and 9 are nobody knows.
      expect(fresh.drain()).toHaveLength(2);
      expect(old.drain()).toEqual([]);
      expect(reading(a).ports.find(({ id }) => id === fresh.id)).toMatchObject({
        stations: 0,
        counts: { rxFrames: 0 },
      });
    });

    test('in the middle of others leaves them asked and answered', () => {
      const a = makeHost();
      const ports = [a.addTap(), a.addUnix(), a.addTap(), a.addUnix()];
      const [first, second, third, fourth] = ports;
      a.apply({ kind: 'removePort', vni: VNI, id: second?.id ?? 0 });
      a.apply({ kind: 'removePort', vni: VNI, id: 9_999 });
      a.apply({ kind: 'removePort', vni: 77, id: 1 });
      fourth?.send(frame(4, BROADCAST));
      third?.send(frame(3, BROADCAST));
      settle(a);
      expect([first, second, third, fourth].map((port) => port?.drain().length)).toEqual([2, 0, 1, 1]);
    });

    test('of the last VXLAN port of a socket stops asking it', () => {
      const a = makeHost();
      const socket = vxlanSocket();
      const [one, two] = [a.takeId(), a.takeId()];
      a.addPort(vxlanSpec(one, socket, 41));
      a.addPort(vxlanSpec(two, socket, 42), OTHER_VNI);
      const remove = vi.spyOn(a.loop, 'removeSource');
      a.apply({ kind: 'removePort', vni: VNI, id: one });
      expect(remove).not.toHaveBeenCalledWith(expect.objectContaining({ fd: socket.fd }));
      a.apply({ kind: 'removeNetwork', vni: OTHER_VNI });
      expect(remove).toHaveBeenCalledWith(expect.objectContaining({ fd: socket.fd }));
      expect(() => a.addPort(vxlanSpec(one, socket, 41))).not.toThrow();
    });
  });

  test('removePeer() forgets its stations, and another peer in the slot starts anew', () => {
    const [a, b, c] = [makeHost(), makeHost(), makeHost()];
    connect(a, b, [1, 1]);
    const [at, bt, ct] = [a.addTap(), b.addTap(), c.addTap()];
    bt.send(frame(2, BROADCAST));
    settle(b, a);
    at.drain();
    a.apply({ kind: 'removePeer', slot: 1 });
    expect(reading(a)).toMatchObject({ fdb: { size: 0 }, ports: [{ id: at.id }] });
    a.apply({ kind: 'removePeer', slot: 1 });
    connect(a, c, [1, 1]);
    at.send(frame(1, 2));
    settle(a, c, b);
    expect(ct.drain()).toHaveLength(1);
    expect(bt.drain()).toEqual([]);
  });

  test('a port whose far end is gone is told once, and asked no more', () => {
    const a = makeHost();
    const [tap, unix] = [a.addTap(), a.addUnix()];
    // As a TAP queue whose interface was removed.
    const local = a.link.local(tap.id);
    if (local === undefined) throw new Error('no port');
    Object.defineProperty(local.port, 'isClosed', { value: true });
    a.closeEarly(tap.outerFd);
    for (let i = 0; i < 5; i++) a.loop.turn(0);
    expect(a.lost).toEqual([[VNI, tap.id]]);
    unix.send(frame(2, BROADCAST));
    settle(a);
    expect(reading(a).ports.find(({ id }) => id === unix.id)?.counts?.rxFrames).toBe(1);
    expect(reading(a).ports.find(({ id }) => id === tap.id)?.isClosed).toBe(true);
  });

  test('a port that is gone without a word is told about a second later, once', () => {
    const a = makeHost();
    const [tap, unix] = [a.addTap(), a.addUnix()];
    a.keepHouse();
    expect(a.lost).toEqual([]);
    const local = a.link.local(tap.id);
    if (local === undefined) throw new Error('no port');
    Object.defineProperty(local.port, 'isClosed', { value: true });
    for (let i = 0; i < 3; i++) a.keepHouse();
    expect(a.lost).toEqual([[VNI, tap.id]]);
    tap.send(frame(1, BROADCAST));
    unix.send(frame(2, BROADCAST));
    settle(a);
    expect(reading(a).ports.map(({ counts }) => counts?.rxFrames)).toEqual([0, 1]);
  });

  test('what a broken port still gave leaves in the same turn', () => {
    const [a, b] = [makeHost(), makeHost()];
    connect(a, b, [1, 1]);
    const [tap, bt] = [a.addTap(), b.addTap()];
    tap.send(frame(1, BROADCAST));
    a.closeEarly(tap.outerFd);
    a.loop.turn(0);
    b.loop.turn(0);
    expect(bt.drain()).toHaveLength(1);
  });

  test('numbers of local ports begin behind the last slot', () => {
    const a = makeHost();
    expect(a.addTap().id).toBe(FIRST_LOCAL);
    expect(a.link.local(1)).toBeUndefined();
    expect(a.link.locals().map(({ id }) => id)).toEqual([FIRST_LOCAL]);
    a.addPeer({ slot: 2 });
    a.addPeer({ slot: 2, mtuBytes: 1_300 });
    expect(a.link.peers()).toEqual([2]);
  });

  test('an SA of a peer that is not here is refused, its key overwritten', () => {
    const a = makeHost();
    a.apply({ kind: 'setPeers', peers: [peerSpec({ routes: [], vni: OTHER_VNI })] });
    const sa = saSpec({ vni: VNI, key: KEY_B });
    expect(() => a.apply({ kind: 'installRx', sas: [sa] })).toThrow(RangeError);
    expect(sa.key).toEqual(new Uint8Array(16));
  });
});
