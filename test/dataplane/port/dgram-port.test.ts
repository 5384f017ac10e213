/** Frames between a worker and machines on real sockets: addresses learned and forgotten, nothing waited for. */
import { unlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressOf, poll } from '../../../dataplane/io/libc.ts';
import { MAX_SKIPS } from '../../../dataplane/port/frame-port.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { frameOf, type Machine, PortRig, SocketRoom } from './dgram-peers.ts';

const POLLIN = 1;
const VFKT = Buffer.from('VFKT');
const MTU = 1_500;

let room: SocketRoom;
beforeEach(() => {
  room = new SocketRoom();
});
afterEach(() => room.clear());

/** A port whose machine's address is learned, and that machine. */
function learning(): { rig: PortRig; vm: Machine; ours: string } {
  return { rig: new PortRig(room.open()), vm: room.machine('vm'), ours: room.path('port') };
}

/** A port with a machine that has said so. */
function met() {
  const all = learning();
  all.vm.send(all.ours, frameOf(0));
  all.rig.drain();
  return all;
}

describe('DgramPort.receive()', () => {
  test('gives the frames of a datagram each, and counts them', () => {
    const { rig, vm, ours } = learning();
    expect(rig.port.receive()).toBe(0);
    const frames = [frameOf(1), frameOf(2, 14), frameOf(3, MTU + 22)];
    for (const frame of frames) vm.send(ours, frame);
    expect(rig.drain()).toEqual(frames);
    expect(rig.port.counts).toMatchObject({ rxFrames: 3, rxBytes: 60 + 14 + 1_522, rxDropped: 0 });
    expect(rig.port.takesSupers).toBe(false);
  });

  test('drops what is too short or too long, and goes on behind it', () => {
    const { rig, vm, ours } = learning();
    for (const len of [0, 1, 4, 13, MTU + 23, 9_000]) vm.send(ours, frameOf(0, len));
    vm.send(ours, frameOf(7));
    expect(rig.drain()).toEqual([frameOf(7)]);
    expect(rig.port.counts).toMatchObject({ rxFrames: 1, rxDropped: 6, rxBadLength: 6 });
  });

  test('never writes behind its buffer, whatever the MTU', () => {
    const spec = room.open({ mtuBytes: 1 << 20 });
    const rig = new PortRig(spec);
    const end = rig.port.frameAt + 65_557;
    room.machine('vm').send(room.path('port'), Buffer.alloc(65_600, 0xee));
    expect(rig.drain()).toEqual([]);
    expect(rig.arena.bytes.slice(end, end + 64).every((byte) => byte === 0)).toBe(true);
    expect(rig.port.counts.rxBadLength).toBe(1);
  });

  test('drops what comes from a socket without an address', () => {
    const { rig, ours } = learning();
    room.machine(null).send(ours, frameOf(1));
    room.machine(null).send(ours, VFKT);
    expect(rig.drain()).toEqual([]);
    expect(rig.port.counts).toMatchObject({ rxDropped: 2, rxUnnamed: 2, rxBadLength: 0 });
    expect(rig.port.remote).toBe('');
  });

  test('gives way to others after many bad ones', () => {
    // Without an address of its own the machine is not limited to ten datagrams.
    const { spec, vm } = room.pair();
    const rig = new PortRig(spec);
    for (let i = 0; i < MAX_SKIPS + 1; i++) vm.send(null, frameOf(0, 1));
    vm.send(null, frameOf(1));
    expect(rig.port.receive()).toBe(0);
    expect(rig.port.counts.rxBadLength).toBe(MAX_SKIPS);
    expect(rig.drain()).toEqual([frameOf(1)]);
  });
});

describe('DgramPort learns', () => {
  test('the address of the first frame, and answers there', () => {
    const { rig, vm, ours } = learning();
    expect(rig.send(frameOf(1))).toBe(false);
    expect(rig.port.counts).toMatchObject({ txDropped: 1, txNoRemote: 1, txFrames: 0 });
    vm.send(ours, frameOf(2));
    expect(rig.drain()).toHaveLength(1);
    expect(rig.port.remote).toBe(room.path('vm'));
    expect(rig.send(frameOf(3))).toBe(true);
    expect(vm.drain()).toEqual([frameOf(3)]);
    expect(rig.port.counts).toMatchObject({ txFrames: 1, txBytes: 60, txDropped: 1 });
  });

  test('from the four bytes that vfkit sends first, which are no frame and no drop', () => {
    const { rig, vm, ours } = learning();
    vm.send(ours, VFKT);
    expect(rig.drain()).toEqual([]);
    expect(rig.port.counts).toMatchObject({ rxFrames: 0, rxDropped: 0 });
    expect(rig.send(frameOf(1))).toBe(true);
    expect(vm.drain()).toEqual([frameOf(1)]);
  });

  test('nothing from other four bytes, from more behind the right ones, or from bad frames', () => {
    const { rig, vm, ours } = learning();
    for (const bytes of [Buffer.from('VFKU'), Buffer.from('VFKT!'), Buffer.from('VFK'), frameOf(0, 13)]) {
      vm.send(ours, bytes);
    }
    expect(rig.drain()).toEqual([]);
    expect(rig.port.counts.rxBadLength).toBe(4);
    expect(rig.port.remote).toBe('');
  });

  test('the new address of a machine that starts again, longer or shorter', () => {
    const { rig, vm, ours } = met();
    room.close(vm.fd);
    for (const name of ['vm-of-another-process', 'v', '@']) {
      const again = room.machine(name);
      again.send(ours, VFKT);
      rig.drain();
      expect(rig.port.remote).toBe(room.path(name));
      expect(rig.send(frameOf(4))).toBe(true);
      expect(again.drain()).toEqual([frameOf(4)]);
    }
  });

  test('an address that fills all the room there is', () => {
    const { rig, ours } = learning();
    const name = 'x'.repeat(108 - room.path('').length - 1);
    expect(room.path(name)).toHaveLength(108);
    const vm = room.machine(name);
    vm.send(ours, frameOf(1));
    rig.drain();
    expect(rig.port.remote).toBe(room.path(name));
    expect(rig.send(frameOf(2))).toBe(true);
    expect(vm.drain()).toEqual([frameOf(2)]);
  });

  test.each([
    ['its socket is closed', false],
    ['its socket file is removed too', true],
  ])('that the machine is gone, once %s', (_name, isRemoved) => {
    const { rig, vm } = met();
    room.close(vm.fd);
    if (isRemoved) unlinkSync(room.path('vm'));
    expect(rig.send(frameOf(1))).toBe(false);
    expect(rig.port.remote).toBe('');
    expect(rig.send(frameOf(2))).toBe(false);
    expect(rig.port.counts).toMatchObject({ txDropped: 2, txGone: 1, txNoRemote: 1, txFailed: 0 });
    expect(rig.port.isClosed).toBe(false);
  });
});

describe('DgramPort.transmit()', () => {
  test('drops what is too short or too long', () => {
    const { rig, vm } = met();
    for (const len of [0, 13, MTU + 23]) expect(rig.send(frameOf(1, len))).toBe(false);
    for (const len of [14, MTU + 22]) expect(rig.send(frameOf(1, len))).toBe(true);
    expect(vm.drain()).toHaveLength(2);
    expect(rig.port.counts).toMatchObject({ txDropped: 3, txBadLength: 3 });
  });

  test('does not wait for a machine that does not read, and others get theirs', () => {
    const { rig, vm } = met();
    const other = new PortRig(room.open({ path: room.path('port2'), remote: room.path('vm2') }));
    const vm2 = room.machine('vm2');
    let taken = 0;
    for (let i = 0; i < 5_000; i++) if (rig.send(frameOf(i, MTU))) taken++;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(5_000);
    expect(rig.port.counts).toMatchObject({
      txFrames: taken,
      txFull: 5_000 - taken,
      txDropped: 5_000 - taken,
    });
    expect(other.send(frameOf(1))).toBe(true);
    expect(vm2.drain()).toHaveLength(1);
    expect(vm.drain().map((frame) => frame.readUInt32BE(14))).toEqual([...Array(taken).keys()]);
    expect(rig.send(frameOf(1))).toBe(true);
  });

  test('does not wait for a connected machine either, whose queue is as long as the buffer is', () => {
    const { rig, ours } = learning();
    const vm = room.machine('connected').connect(ours);
    vm.send(ours, VFKT);
    rig.drain();
    let taken = 0;
    for (let i = 0; i < 20_000; i++) if (rig.send(frameOf(i, MTU))) taken++;
    expect(taken).toBeGreaterThan(50);
    expect(rig.port.counts.txFull).toBe(20_000 - taken);
    expect(vm.drain()).toHaveLength(taken);
  });

  test('keeps a configured address, whoever sends and whether or not the machine is there', () => {
    const rig = new PortRig(room.open({ remote: room.path('vm') }));
    expect(rig.send(frameOf(1))).toBe(false);
    expect(rig.port.counts).toMatchObject({ txGone: 1, txNoRemote: 0 });
    const vm = room.machine('vm');
    room.machine('stranger').send(room.path('port'), frameOf(2));
    expect(rig.drain()).toHaveLength(1);
    expect(rig.port.remote).toBe(room.path('vm'));
    expect(rig.send(frameOf(3))).toBe(true);
    expect(vm.drain()).toEqual([frameOf(3)]);
  });

  test('takes an abstract name for a configured address', () => {
    const name = `icx-test-${process.pid}`;
    const rig = new PortRig(room.open({ remote: `@${name}` }));
    expect(rig.port.remote).toBe(`@${name}`);
    expect(rig.send(frameOf(1))).toBe(false);
    expect(rig.port.counts.txGone).toBe(1);
  });

  test('counts what fails for another reason', () => {
    const { rig, vm } = met();
    // It takes nothing any more but from its peer: EPERM.
    room.machine('elsewhere');
    vm.connect(room.path('elsewhere'));
    expect(rig.send(frameOf(1))).toBe(false);
    expect(rig.port.counts).toMatchObject({ txDropped: 1, txFailed: 1 });
    expect(rig.port.remote).toBe(room.path('vm'));
  });

  test('transmitSuper() takes nothing: there is nobody to cut it', () => {
    const { rig, vm } = met();
    expect(rig.port.transmitSuper(1_000, 60)).toBe(false);
    expect(vm.drain()).toEqual([]);
    expect(rig.port.counts).toMatchObject({ txDropped: 1, txFailed: 1 });
  });
});

describe('DgramPort of a pair', () => {
  test('gives and takes frames of an unnamed socket', () => {
    const { spec, vm } = room.pair();
    const rig = new PortRig(spec);
    expect(rig.send(frameOf(1))).toBe(true);
    expect(vm.drain()).toEqual([frameOf(1)]);
    vm.send(null, VFKT);
    vm.send(null, frameOf(2));
    expect(rig.drain()).toEqual([frameOf(2)]);
    expect(rig.port.remote).toBe('');
    expect(rig.port.counts).toMatchObject({ rxFrames: 1, txFrames: 1, rxDropped: 0, txDropped: 0 });
  });

  test('says that it is closed once the other end is, and does not spin', () => {
    const { spec, vm } = room.pair();
    const rig = new PortRig(spec);
    vm.send(null, frameOf(1));
    room.close(vm.fd);
    expect(rig.drain()).toEqual([frameOf(1)]);
    expect(rig.port.isClosed).toBe(false);
    expect(rig.send(frameOf(2))).toBe(false);
    expect(rig.send(frameOf(2))).toBe(false);
    expect(rig.port.isClosed).toBe(true);
    expect(rig.port.counts).toMatchObject({ txGone: 2, txFailed: 0 });
    rig.port.receive();
    const pollfd = Buffer.alloc(128);
    pollfd.writeInt32LE(spec.fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    expect(poll(addressOf(pollfd), 1, 0)).toBe(0);
  });
});

test('DgramPort allocates nothing per frame, after 2 GiB neither', () => {
  const rig = new PortRig(room.open());
  const { port, arena } = rig;
  const vm = new PortRig(room.open({ path: room.path('vm'), remote: room.path('port') }));
  port.counts.rxBytes = port.counts.txBytes = 2 ** 31;
  const at = arena.take(2_048);
  arena.bytes.set(frameOf(1, MTU), at);
  const isLow = arena.isLow && vm.arena.isLow;
  let frames = 0;
  const perCall = allocatedPerCall(2_000, () => {
    vm.port.transmit(vm.port.frameAt, MTU);
    if (port.receive() > 0) frames++;
    port.transmit(at, MTU);
    vm.port.receive();
  });
  expect(frames).toBeGreaterThan(10_000);
  expect(port.counts.txFrames).toBe(frames);
  // An address beyond 2 GiB is an object in each of the four calls.
  expect(perCall).toBeLessThan(isLow ? 1 : 80);
});
