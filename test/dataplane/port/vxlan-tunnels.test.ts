/** Tunnels over loopback: what is taken, from whom, for whom, and what is dropped and why. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { MAX_FRAME_LEN, type VxlanPort } from '../../../dataplane/port/vxlan-port.ts';
import { VxlanDrop, VxlanTunnels } from '../../../dataplane/port/vxlan-tunnels.ts';
import { SocketSet, TestReceiver, TestSender } from './udp-ports.ts';
import { frameOf, SEED, specOf, type VxlanRig, VxlanRigs } from './vxlan-rig.ts';

const HOME = '127.0.0.1';
const rigs = new VxlanRigs();
const sockets = new SocketSet();
afterEach(() => {
  rigs.close();
  sockets.close();
});

/** Two ends of VNI 42 that know each other. */
function pair(vni = 42): { a: VxlanRig; b: VxlanRig; portA: VxlanPort; portB: VxlanPort } {
  const [a, b] = [rigs.open({ listen: '127.0.0.2' }), rigs.open({ listen: '127.0.0.3' })];
  const remote = (address: string, port: number) => [{ address, port }];
  const portA = a.add({ vni, remotes: remote('127.0.0.3', b.socket.port) });
  const portB = b.add({ vni, remotes: remote('127.0.0.2', a.socket.port) });
  return { a, b, portA, portB };
}

/** A stranger's socket that sends payloads to a rig. */
function strangerTo(rig: VxlanRig, listen = HOME): (...payloads: readonly Buffer[]) => void {
  const tx = new TestSender(sockets.open({ listen }));
  return (...payloads) => {
    for (const payload of payloads) {
      tx.commitBytes(payload.length, (bytes) => payload.copy(bytes), HOME, rig.socket.port);
      tx.sender.flush();
    }
  };
}

/** A VTEP's socket, to see what goes to it. */
function vtep(listen: string): {
  readonly rx: TestReceiver;
  readonly address: string;
  readonly port: number;
} {
  const socket = sockets.open({ listen });
  return { rx: new TestReceiver(socket), address: listen, port: socket.port };
}

const header = (vni: number, hex = '08000000') =>
  Buffer.from(`${hex}${vni.toString(16).padStart(6, '0')}00`, 'hex');
const packet = (vni: number, frame: Buffer) => Buffer.concat([header(vni), frame]);
const frames = (rig: VxlanRig, nowMs = 0) => rig.drain(nowMs).map(({ frame }) => frame);
const KNOWN = [{ address: HOME, port: 1 }];

describe('VxlanTunnels.receive()', () => {
  test('gives frames of all lengths as they were sent, and the port that they are for', () => {
    const { a, b, portA, portB } = pair();
    const sent = [14, 15, 60, 61, 1_514, 9_014, MAX_FRAME_LEN].map((len) => frameOf(1, 0, len, len & 0xff));
    for (const frame of sent) expect(a.send(portA, frame)).toEqual([true]);
    const received = b.drain();
    expect(received.map(({ frame }) => frame)).toEqual(sent);
    expect(received.every(({ port }) => port === portB)).toBe(true);
    const rxBytes = sent.reduce((sum, { length }) => sum + length, 0);
    expect(portB.counts).toMatchObject({ rxFrames: sent.length, rxBytes, rxDropped: 0 });
    expect(portA.counts).toMatchObject({ txFrames: sent.length, txBytes: rxBytes, txDropped: 0 });
  });

  test('gives frames that came merged one by one', () => {
    const { a, b, portA } = pair();
    const sent = Array.from({ length: 200 }, (_, i) => frameOf(1, 0, i % 50 === 49 ? 90 : 300, i));
    expect(a.send(portA, ...sent).every(Boolean)).toBe(true);
    expect(frames(b)).toEqual(sent);
  });

  test('hasMore tells of datagrams that were read and not given yet', () => {
    const { a, b, portA } = pair();
    a.send(portA, ...Array.from({ length: 5 }, () => frameOf(1, 0, 300)));
    expect(b.tunnels.hasMore).toBe(false);
    const seen = Array.from({ length: 5 }, () => [b.tunnels.receive(0), b.tunnels.hasMore]);
    expect(seen).toEqual([...Array(4).fill([300, true]), [300, false]]);
  });

  test('takes tunnels apart by VNI, VNI 0 and the largest too', () => {
    const b = rigs.open();
    const ports = [0, 7, 0xffffff].map((vni, id) => b.add({ id, vni, remotes: KNOWN }));
    const send = strangerTo(b);
    for (const vni of [7, 0xffffff, 0, 7]) send(packet(vni, frameOf(vni & 0xff, 0)));
    expect(b.drain().map(({ port }) => port?.id)).toEqual([1, 2, 0, 1]);
    expect(ports.map(({ counts }) => counts.rxFrames)).toEqual([1, 2, 1]);
  });

  test('ignores reserved bits', () => {
    const b = rigs.open();
    b.add({ remotes: KNOWN });
    const frame = frameOf(1, 0);
    const reserved = Buffer.concat([header(42, 'ffffffff'), frame]);
    reserved[7] = 0xff;
    strangerTo(b)(reserved);
    expect(frames(b)).toEqual([frame]);
  });

  const frame = frameOf(1, 0);
  test.each([
    ['an empty datagram', Buffer.alloc(0), VxlanDrop.truncated],
    ['seven bytes', header(42).subarray(0, 7), VxlanDrop.truncated],
    ['a header alone', header(42), VxlanDrop.truncated],
    ['a frame of 13 bytes', packet(42, frame.subarray(0, 13)), VxlanDrop.truncated],
    ['a header without the I flag', Buffer.concat([header(42, 'f7000000'), frame]), VxlanDrop.badFlags],
    ['another VNI', packet(43, frame), VxlanDrop.unknownVni],
    ['a VNI that differs in its upper byte', packet(0x01002a, frame), VxlanDrop.unknownVni],
  ])('drops %s, and gives what follows', (_, payload, reason) => {
    const b = rigs.open();
    const port = b.add({ remotes: KNOWN });
    strangerTo(b)(payload, packet(42, frame));
    expect(frames(b)).toEqual([frame]);
    const drops = Array(5).fill(0);
    drops[reason] = 1;
    expect([...b.tunnels.drops]).toEqual(drops);
    expect(port.counts.rxDropped).toBe(1);
  });

  test('what is of no tunnel counts at the oldest that is left', () => {
    const b = rigs.open();
    const [old, next] = [7, 8].map((vni, id) => b.add({ id, vni, remotes: KNOWN }));
    const send = strangerTo(b);
    send(packet(43, frame));
    b.drain();
    b.tunnels.remove(7);
    send(packet(43, frame), packet(43, frame));
    b.drain();
    expect([old?.counts.rxDropped, next?.counts.rxDropped]).toEqual([1, 2]);
  });

  test('drops what comes from an unknown VTEP, whatever its port, and learns nothing from it', () => {
    const b = rigs.open();
    const port = b.add({ remotes: [{ address: '127.0.0.9', port: 4_789 }] });
    strangerTo(b, '127.0.0.8')(packet(42, frameOf(1, 0)));
    expect(frames(b)).toEqual([]);
    expect(b.tunnels.drops[VxlanDrop.unknownRemote]).toBe(1);
    expect(port.counts.rxDropped).toBe(1);
    expect(port.stations(0)).toEqual([]);
    strangerTo(b, '127.0.0.9')(packet(42, frameOf(1, 0)));
    expect(frames(b)).toHaveLength(1);
  });

  test('learns VTEPs up to the cap where it may, and forgets them when they are silent', () => {
    const b = rigs.open();
    const port = b.add({ learnRemotes: true, maxRemotes: 2 });
    for (const [i, listen] of ['127.0.0.7', '127.0.0.8', '127.0.0.9'].entries()) {
      strangerTo(b, listen)(packet(42, frameOf(i, 0)));
    }
    expect(frames(b, 1_000)).toHaveLength(2);
    expect(b.tunnels.drops[VxlanDrop.tooManyRemotes]).toBe(1);
    expect(port.vteps()).toEqual(
      ['127.0.0.7', '127.0.0.8'].map((address) => ({ address, port: b.socket.port, isLearned: true })),
    );
    strangerTo(b, '127.0.0.8')(packet(42, frameOf(1, 0)));
    b.drain(200_000);
    b.tunnels.sweep(301_001);
    expect(port.vteps().map(({ address }) => address)).toEqual(['127.0.0.8']);
    expect(port.stations(301_001).map(({ ageMs }) => ageMs)).toEqual([101_001]);
    b.send(port, frameOf(1, 0));
    expect(port.counts.txFrames + port.counts.txDropped).toBe(1);
  });

  test('has a turn end while nothing but rubbish comes', () => {
    const b = rigs.open();
    b.add({ remotes: KNOWN });
    const send = strangerTo(b);
    send(packet(42, frameOf(1, 0)));
    for (let i = 0; i < 400; i++) send(Buffer.alloc(20));
    send(packet(42, frameOf(1, 0)));
    expect(b.tunnels.receive(0)).toBe(60);
    // The kernel has more, of which poll(2) tells; the turn is over all the same.
    expect([b.tunnels.receive(0), b.tunnels.hasMore]).toEqual([0, false]);
    expect(b.tunnels.drops[VxlanDrop.badFlags]).toBeLessThan(200);
    let turns = 1;
    while (b.tunnels.receive(0) === 0) turns++;
    expect(turns).toBeLessThan(10);
    expect(b.tunnels.drops[VxlanDrop.badFlags]).toBe(400);
  });

  test('never gives more than came, whatever comes', () => {
    const b = rigs.open();
    b.add({ vni: 0x2a2a2a, learnRemotes: true });
    const send = strangerTo(b);
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 120 });
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), fc.boolean(), (payloads, isOurs) => {
        const sent = payloads.map((payload) =>
          isOurs ? packet(0x2a2a2a, Buffer.from(payload)) : Buffer.from(payload),
        );
        const before = b.tunnels.drops.reduce((sum, count) => sum + count);
        send(...sent);
        const lengths = frames(b).map(({ length }) => length);
        const dropped = b.tunnels.drops.reduce((sum, count) => sum + count) - before;
        expect(lengths.length + dropped).toBe(sent.length);
        if (isOurs) {
          const whole = sent.map(({ length }) => length - 8).filter((length) => length >= 14);
          expect(lengths).toEqual(whole);
        }
      }),
      { seed: 20_260_303, numRuns: 200 },
    );
  });
});

describe('VxlanPort.transmit()', () => {
  test('writes a header with the I flag and the VNI, all else 0', () => {
    const b = rigs.open();
    const { rx, ...remote } = vtep('127.0.0.2');
    const port = b.add({ vni: 0xabcdef, remotes: [remote] });
    const frame = frameOf(1, 2);
    b.send(port, frame);
    expect(rx.drain().map(({ bytes }) => bytes.toString('hex'))).toEqual([
      `08000000abcdef00${frame.toString('hex')}`,
    ]);
  });

  test('sends frames for all and for unknown stations to every VTEP, once', () => {
    const b = rigs.open();
    const vteps = ['127.0.0.2', '127.0.0.3', '127.0.0.4'].map(vtep);
    const port = b.add({ remotes: vteps });
    const sent = [frameOf(1, 0, 100, 1), frameOf(1, 9, 70, 2), frameOf(1, 0, 1_514, 3)];
    expect(b.send(port, ...sent)).toEqual([true, true, true]);
    for (const { rx } of vteps) expect(rx.drain().map(({ bytes }) => bytes.subarray(8))).toEqual(sent);
    expect(port.counts).toMatchObject({ txFrames: 9, txBytes: 3 * (100 + 70 + 1_514), txDropped: 0 });
  });

  test('sends frames for all to the group and configured VTEPs, not to learned ones, who hear the group', () => {
    const b = rigs.open();
    const port = b.add({
      group: { address: '239.7.7.7', port: 9 },
      remotes: [{ address: '127.0.0.9', port: 9 }],
    });
    strangerTo(b, '127.0.0.8')(packet(42, frameOf(5, 0)));
    expect(frames(b)).toHaveLength(1);
    b.send(port, frameOf(1, 0));
    // Whether loopback leads to the group is not the question.
    expect(port.counts.txFrames + port.counts.txDropped).toBe(2);
    b.send(port, frameOf(1, 5));
    expect(port.counts.txFrames + port.counts.txDropped).toBe(3);
  });

  test('sends frames of the greatest length to many VTEPs whole', () => {
    const b = rigs.open();
    const vteps = Array.from({ length: 7 }, (_, i) => vtep(`127.0.1.${i + 1}`));
    const port = b.add({ remotes: vteps });
    const sent = [
      frameOf(1, 0, MAX_FRAME_LEN, 1),
      frameOf(1, 0, MAX_FRAME_LEN - 9, 2),
      frameOf(1, 0, 40_000, 3),
    ];
    b.send(port, ...sent);
    for (const { rx } of vteps) {
      const received = rx.drain().map(({ bytes }) => bytes.subarray(8));
      expect(received.map((bytes, i) => bytes.equals(sent[i] ?? bytes.subarray(1)))).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  test('sends to the VTEP that a station was heard behind, and follows it when it moves', () => {
    const b = rigs.open();
    const vteps = ['127.0.0.2', '127.0.0.3'].map(vtep);
    const port = b.add({ remotes: vteps });
    const counts = () => vteps.map(({ rx }) => rx.drain(20).length);
    strangerTo(b, '127.0.0.2')(packet(42, frameOf(5, 0)));
    b.drain();
    b.send(port, frameOf(1, 5));
    expect(counts()).toEqual([1, 0]);
    strangerTo(b, '127.0.0.3')(packet(42, frameOf(5, 0)));
    b.drain(500);
    b.send(port, frameOf(1, 5));
    expect(counts()).toEqual([0, 1]);
    expect(port.stations(800)).toEqual([
      { mac: '02:00:00:00:00:05', vtep: { address: '127.0.0.3', port: vteps[1]?.port }, ageMs: 300 },
    ]);
    b.tunnels.sweep(300_501);
    b.send(port, frameOf(1, 5));
    expect(counts()).toEqual([1, 1]);
  });

  test('answers a learned VTEP on the port that this end listens on', () => {
    const b = rigs.open();
    const port = b.add({ learnRemotes: true });
    expect(b.send(port, frameOf(1, 0))).toEqual([false]);
    strangerTo(b, '127.0.0.2')(packet(42, frameOf(5, 0)));
    expect(frames(b)).toHaveLength(1);
    const rx = new TestReceiver(sockets.open({ listen: '127.0.0.2', port: b.socket.port }));
    b.send(port, frameOf(1, 5), frameOf(1, 0));
    expect(rx.drain()).toHaveLength(2);
  });

  test.each([13, 0, MAX_FRAME_LEN + 1])('refuses a frame of %i bytes', (len) => {
    const { a, b, portA } = pair();
    expect(a.send(portA, frameOf(1, 0, len))).toEqual([false]);
    expect(portA.counts).toMatchObject({ txFrames: 0, txDropped: 1 });
    expect(frames(b)).toEqual([]);
  });

  test('refuses what has nowhere to go, and super-frames', () => {
    const b = rigs.open();
    const port = b.add();
    expect(b.send(port, frameOf(1, 0), frameOf(1, 2))).toEqual([false, false]);
    expect(port.transmitSuper(b.sendAt, 60)).toBe(false);
    expect(port.counts.txDropped).toBe(3);
    expect([port.receive(), port.takesSupers]).toEqual([0, false]);
  });

  test('counts frames that the kernel refused', () => {
    const b = rigs.open();
    // From loopback there is no way out.
    const port = b.add({ remotes: [{ address: '192.0.2.1', port: 4_789 }] });
    expect(b.send(port, frameOf(1, 0), frameOf(1, 0))).toEqual([true, true]);
    expect(port.counts).toMatchObject({ txFrames: 0, txBytes: 0, txDropped: 2 });
  });
});

describe('VxlanPort.setRemotes()', () => {
  test('sends to new ones, keeps what it knows of others, and forgets those that are gone', () => {
    const b = rigs.open();
    const vteps = ['127.0.0.2', '127.0.0.3', '127.0.0.4'].map(vtep);
    const [first, second, third] = vteps.map(({ address, port }) => ({ address, port }));
    if (!first || !second || !third) throw new TypeError('three VTEPs expected');
    const port = b.add({ remotes: [first, second] });
    strangerTo(b, '127.0.0.2')(packet(42, frameOf(5, 0)));
    strangerTo(b, '127.0.0.3')(packet(42, frameOf(6, 0)));
    b.drain();
    port.setRemotes([second, third]);
    expect(port.stations(0).map(({ mac }) => mac)).toEqual(['02:00:00:00:00:06']);
    b.send(port, frameOf(1, 5), frameOf(1, 6));
    expect(vteps.map(({ rx }) => rx.drain(20).length)).toEqual([0, 2, 1]);
    strangerTo(b, '127.0.0.2')(packet(42, frameOf(5, 0)));
    expect(frames(b)).toEqual([]);
  });

  test('changes nothing where one can not be used', () => {
    const b = rigs.open();
    const port = b.add({ remotes: KNOWN, maxRemotes: 2 });
    for (const remotes of [
      [
        { address: '127.0.0.2', port: 1 },
        { address: '224.0.0.1', port: 1 },
      ],
      ['127.0.0.2', '127.0.0.3', '127.0.0.4'].map((address) => ({ address, port: 1 })),
    ]) {
      expect(() => port.setRemotes(remotes)).toThrow(
        expect.objectContaining({ code: 'ERR_ICX_VXLAN_REMOTE' }),
      );
      expect(port.vteps()).toEqual([{ ...KNOWN[0], isLearned: false }]);
    }
  });
});

describe('VxlanTunnels', () => {
  test('add() refuses a VNI that the socket carries, until it is removed', () => {
    const b = rigs.open();
    const port = b.add({ vni: 7 });
    expect(() => b.add({ vni: 7 })).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_VXLAN_VNI_LIVE',
        message: `Cannot add VNI 7 twice to the VXLAN socket on port ${b.socket.port}`,
      }),
    );
    expect([b.tunnels.remove(7), b.tunnels.remove(7)]).toEqual([true, false]);
    expect(b.add({ vni: 7 })).not.toBe(port);
    expect(rigs.open().add({ vni: 7 }).vni).toBe(7);
  });

  test.each([-1, 0x1000000, 1.5, Number.NaN])('add() refuses VNI %d', (vni) => {
    expect(() => rigs.open().add({ vni })).toThrow(RangeError);
  });

  test('a refused tunnel leaves its VNI free', () => {
    const b = rigs.open();
    expect(() => b.add({ remotes: [{ address: 'host', port: 1 }] })).toThrow(/Cannot use remote 'host'/);
    expect(b.add({ remotes: KNOWN }).vni).toBe(42);
  });

  test('remove() sends what waits, and counts what became of it for the right port', () => {
    const { a, b, portA } = pair();
    a.arena.bytes.set(frameOf(1, 0), a.sendAt);
    expect(portA.transmit(a.sendAt, 60)).toBe(true);
    expect(portA.counts.txFrames).toBe(0);
    a.tunnels.remove(42);
    const next = a.add({ vni: 43, remotes: [{ address: '127.0.0.3', port: b.socket.port }] });
    expect([portA.counts.txFrames, next.counts.txFrames]).toEqual([1, 0]);
    a.send(next, frameOf(2, 0));
    expect([portA.counts.txFrames, next.counts.txFrames]).toEqual([1, 1]);
    expect(a.send(portA, frameOf(1, 0))).toEqual([false]);
    expect(frames(b)).toHaveLength(1);
  });

  test('remove() has frames of the VNI dropped, and of others pass', () => {
    const b = rigs.open();
    b.add({ vni: 1, remotes: KNOWN });
    const port = b.add({ vni: 2, remotes: KNOWN });
    const send = strangerTo(b);
    send(packet(1, frameOf(1, 0)));
    b.drain();
    b.tunnels.remove(1);
    expect(b.tunnels.lastPort).toBeNull();
    send(packet(1, frameOf(1, 0)), packet(2, frameOf(1, 0)));
    expect(b.drain().map((received) => received.port)).toEqual([port]);
    expect(b.tunnels.drops[VxlanDrop.unknownVni]).toBe(1);
  });

  test('close() ends it all, twice too', () => {
    const { a, b, portA } = pair();
    b.tunnels.close();
    b.tunnels.close();
    a.send(portA, frameOf(1, 0));
    expect(b.tunnels.receive(0)).toBe(0);
    b.tunnels.flush();
    expect(() => b.add()).toThrow(expect.objectContaining({ code: 'ERR_ICX_VXLAN_CLOSED' }));
  });

  test('close() gives the low memory back', () => {
    const low = () =>
      readFileSync('/proc/self/maps', 'latin1')
        .split('\n')
        .filter((line) => line.includes('icx-arena') && Number.parseInt(line, 16) < 2 ** 31).length;
    const { socket, arena, sendAt } = rigs.open();
    const before = low();
    const open = Array.from({ length: 3 }, () => new VxlanTunnels(socket, arena, sendAt - 16, SEED));
    expect(low()).toBe(before + (process.arch === 'x64' ? 3 : 0));
    for (const tunnels of open) tunnels.close();
    expect(low()).toBe(before);
    // Its place is another's now.
    const next = new VxlanTunnels(socket, arena, sendAt - 16, SEED);
    for (const tunnels of open) tunnels.close();
    expect(low()).toBe(before + (process.arch === 'x64' ? 1 : 0));
    next.close();
  });

  test('wants frames aligned', () => {
    const { socket } = rigs.open();
    expect(() => new VxlanTunnels(socket, new Arena(1 << 20), 68)).toThrow(RangeError);
  });

  test('its plain data survives structured cloning', () => {
    const { socket } = rigs.open();
    expect(structuredClone({ socket, spec: specOf() })).toEqual({ socket, spec: specOf() });
  });
});
