/** Frames between a worker and an interface that exists: one end of a veth, the other in a namespace. */
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, fcntl, poll, write } from '../../../dataplane/io/libc.ts';
import { getOption, SOL_SOCKET } from '../../../dataplane/io/socket-option.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { MAX_SKIPS, takeFrameBuffer } from '../../../dataplane/port/frame-port.ts';
import { PacketPort } from '../../../dataplane/port/packet-port.ts';
import { openPacketPort, type PacketSpec } from '../../../dataplane/port/packet-socket.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { concat, ethernetHeader, framed } from '../../support/frames-of.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { asSuper } from '../../support/super-packets.ts';
import { copyTcp, ping } from '../../support/traffic.ts';
import { pattern, tcpPacket } from '../../support/transport-packets.ts';
import { FrameCable } from './frame-cable.ts';

const [F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK] = [1, 3, 1, 0x800];
const [POLLIN, POLLERR] = [1, 8];
const SO_RCVBUF = 8;
const VIRTIO_LEN = 10;
const TWO_TAGS: readonly [number, number][] = [
  [0x88a8, 0x4005],
  [0x8100, 0x2006],
];
const frame = (len = 60, seed = 1) => concat(ethernetHeader(0x88b5), pattern(len - 14, seed));

class Rig {
  readonly arena = new Arena(1 << 18, true);
  readonly port: PacketPort;
  readonly #sendAt: number;

  constructor(spec: PacketSpec) {
    this.port = new PacketPort(spec, this.arena, takeFrameBuffer(this.arena));
    this.#sendAt = this.arena.take(70_000) + 64;
  }

  /** All frames that wait, or come soon. */
  drain(waitMs = 0): Uint8Array[] {
    this.poll(waitMs);
    const { port, arena } = this;
    const out: Uint8Array[] = [];
    for (let len = port.receive(); len > 0; len = port.receive()) {
      out.push(arena.bytes.slice(port.frameAt, port.frameAt + len));
    }
    return out;
  }

  /** The virtio_net_hdr of the last frame. */
  get virtio(): Uint8Array {
    return this.arena.bytes.slice(this.port.frameAt - VIRTIO_LEN, this.port.frameAt);
  }

  send(bytes: Uint8Array): boolean {
    this.arena.bytes.set(bytes, this.#sendAt);
    return this.port.transmit(this.#sendAt, bytes.length);
  }

  /** @param read The virtio_net_hdr, then the frame. */
  sendSuper(read: Uint8Array): boolean {
    this.arena.bytes.set(read, this.#sendAt - VIRTIO_LEN);
    return this.port.transmitSuper(this.#sendAt, read.length - VIRTIO_LEN);
  }

  poll(waitMs: number): number {
    const pollfd = Buffer.alloc(128);
    pollfd.writeInt32LE(this.port.fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    poll(addressOf(pollfd), 1, waitMs);
    return pollfd.readInt16LE(6);
  }
}

describe('PacketPort on a socket that stands for the interface', () => {
  const [ours, theirs] = openSocketPair();
  const rig = new Rig({ fd: ours, name: 'none', ifindex: 1, mtuBytes: 1_500 });
  afterAll(() => [ours, theirs].map(closeFd));

  /** With the virtio_net_hdr, as far as `len` goes. */
  function put(len: number): void {
    expect(write(theirs, addressOf(Buffer.alloc(Math.max(128, len), 0x11)), len)).toBe(len);
  }

  test('drops what is too short, counts it, and goes on behind it', () => {
    for (const len of [1, 9, 10, 11, 23]) put(len);
    put(24);
    expect(rig.drain().map((one) => one.length)).toEqual([14]);
    expect(rig.port.counts).toMatchObject({ rxFrames: 1, rxBytes: 14, rxDropped: 5 });
    expect(rig.drain()).toEqual([]);
    expect(rig.port.counts.rxDropped).toBe(5);
  });

  test('gives way to others after many bad ones', () => {
    for (let i = 0; i < MAX_SKIPS; i++) put(12);
    put(70);
    expect(rig.port.receive()).toBe(0);
    expect(rig.port.receive()).toBe(60);
  });

  test('allocates nothing per frame', () => {
    const address = addressOf(Buffer.alloc(2_000));
    const to = rig.arena.take(2_048) + 64;
    let frames = 0;
    const perCall = allocatedPerCall(2_000, () => {
      write(theirs, address, 1_510);
      if (rig.port.receive() === 1_500) frames++;
    });
    expect(frames).toBeGreaterThan(10_000);
    expect(rig.port.transmit(to, 60)).toBe(true);
    // The test's own address, where it is an object.
    expect(perCall).toBeLessThan(rig.arena.isLow ? 20 : 60);
  });
});

describeHosts('PacketPort', () => {
  let lab: Lab;
  let host: Namespace;
  let guest: Namespace;
  const open: number[] = [];

  beforeAll(async () => {
    lab = new Lab();
    host = lab.addHost('h');
    guest = lab.addHost('g');
    for (const one of [host, guest]) {
      // Its router solicitations would come between.
      await one.enter(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'));
    }
  });
  beforeEach(() => {
    host.ip(`link add icxv0 type veth peer name icxv1 netns ${guest.name}`);
    host.ip('link set icxv0 arp off up');
    guest.ip('link set icxv1 up');
  });
  afterEach(() => {
    for (const fd of open.splice(0)) closeFd(fd);
    for (const line of host.ip('-br link').split('\n')) {
      const [, name] = /^(icxv\w+)@/.exec(line) ?? [];
      if (name !== undefined) host.ip(`link del ${name}`);
    }
  });
  afterAll(() => lab?.close());

  async function specOf(where = host, name = 'icxv0'): Promise<PacketSpec> {
    const spec = await where.enter(() => openPacketPort(name));
    open.push(spec.fd);
    return spec;
  }

  /** A port at either end. */
  async function both(): Promise<{ rig: Rig; outer: Rig }> {
    return { rig: new Rig(await specOf()), outer: new Rig(await specOf(guest, 'icxv1')) };
  }

  test('openPacketPort() gives plain data', async () => {
    host.ip('link set icxv0 mtu 9000');
    const spec = await specOf();
    const [{ ifindex }] = JSON.parse(host.ip('-j link show dev icxv0'));
    expect(structuredClone(spec)).toEqual({ fd: spec.fd, name: 'icxv0', ifindex, mtuBytes: 9_000 });
    expect(fcntl(spec.fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    expect(fcntl(spec.fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
    expect(getOption(spec.fd, SOL_SOCKET, SO_RCVBUF)).toBeGreaterThanOrEqual(8 << 20);
    expect(JSON.parse(host.ip('-j -d link show dev icxv0'))[0].promiscuity).toBe(1);
  });

  test.each([
    ['missing0', /Cannot find interface missing0: .*ENODEV/],
    ['lo', /Cannot use interface lo: it carries no Ethernet frames/],
    ['', RangeError],
    ['a-name-of-16-byt', RangeError],
  ])("openPacketPort() refuses '%s' and leaves no descriptor", async (name, error) => {
    const before = await specOf();
    for (let i = 0; i < 3; i++) await expect(specOf(host, name)).rejects.toThrow(error);
    // The kernel gives the lowest number that is free.
    const after = await specOf();
    expect(after.fd).toBeLessThanOrEqual(before.fd + 1);
  });

  test('frames pass both ways whole, whomever they are for, and are counted', async () => {
    const { rig, outer } = await both();
    const frames = [frame(), frame(14), frame(1_514, 3), concat(Uint8Array.of(0x0a), frame().subarray(1))];
    for (const one of frames) expect(outer.send(one)).toBe(true);
    expect(rig.drain(1_000)).toEqual(frames);
    for (const one of frames) expect(rig.send(one)).toBe(true);
    expect(outer.drain(1_000)).toEqual(frames);
    const bytes = 60 + 14 + 1_514 + 60;
    expect(rig.port.counts).toEqual({
      rxFrames: 4,
      rxBytes: bytes,
      txFrames: 4,
      txBytes: bytes,
      rxDropped: 0,
      txDropped: 0,
    });
    expect(rig.port.takesSupers).toBe(true);
  });

  test('what the host or the port itself sends does not come back', async () => {
    const { rig } = await both();
    const other = new Rig(await specOf());
    expect(other.send(frame())).toBe(true);
    expect(rig.send(frame())).toBe(true);
    expect([...rig.drain(50), ...other.drain(50)]).toEqual([]);
  });

  test('a frame longer than the MTU is not taken', async () => {
    const { rig } = await both();
    expect(rig.send(frame(1_600))).toBe(false);
    expect(rig.port.counts).toMatchObject({ txFrames: 0, txDropped: 1 });
    expect(rig.port.isClosed).toBe(false);
  });

  test.each<[string, readonly [number, number][]]>([
    ['a VLAN tag', [[0x8100, 0x6007]]],
    ['a service tag', [[0x88a8, 0x0ffe]]],
    ['both', TWO_TAGS],
    ['a priority tag of VLAN 0', [[0x8100, 0xe000]]],
  ])('frames keep %s, and those behind them have none', async (_name, tags) => {
    const { rig, outer } = await both();
    const tagged = concat(ethernetHeader(0x88b5, { tags }), pattern(100));
    for (const [from, to] of [
      [outer, rig],
      [rig, outer],
    ] as const) {
      for (const one of [tagged, frame(), tagged]) expect(from.send(one)).toBe(true);
      expect(to.drain(1_000)).toEqual([tagged, frame(), tagged]);
      expect(to.virtio).toEqual(new Uint8Array(VIRTIO_LEN));
      expect(to.port.counts.rxBytes).toBe(2 * tagged.length + 60);
    }
  });

  test.each<[string, readonly [number, number][]]>([
    ['no tag', []],
    ['a tag', [[0x8100, 0x0007]]],
    ['two tags', TWO_TAGS],
  ])('super-frames with %s come as they were sent, and with them what is to be done', async (_name, tags) => {
    const { rig, outer } = await both();
    const header = ethernetHeader(0x0800, { tags });
    const sent = framed(asSuper(tcpPacket({ payload: pattern(30_000) }), 1_400), header);
    expect(outer.sendSuper(sent)).toBe(true);
    const [received] = rig.drain(1_000);
    const said = rig.virtio;
    // What hdr_len says is the kernel's to choose: all that it has in one piece.
    said.set(sent.subarray(2, 4), 2);
    expect(concat(said, received ?? new Uint8Array())).toEqual(sent);
  });

  /** Lets ping and TCP go from container to container, through ports at the hosts' ends. */
  async function exchange(isCut: boolean, vlan: number): Promise<FrameCable> {
    const cable = new FrameCable();
    const far = lab.addHost(`f${Number(isCut)}${vlan}`);
    host.ip(`link add icxvf0 type veth peer name icxv1 netns ${far.name}`);
    host.ip('link set icxvf0 arp off up');
    const ports: PacketPort[] = [];
    for (const name of ['icxv0', 'icxvf0']) {
      ports.push(new PacketPort(await specOf(host, name), cable.arena, cable.readAt));
    }
    const device = vlan > 0 ? `icxv1.${vlan}` : 'icxv1';
    for (const [i, one] of [guest, far].entries()) {
      one.ip('link set icxv1 up');
      if (vlan > 0) one.ip(`link add link icxv1 name ${device} up type vlan id ${vlan}`);
      one.ip(`address add 10.8.0.${i + 1}/24 dev ${device}`);
    }
    const [a, b] = ports as [PacketPort, PacketPort];
    cable.start(a, b, isCut);
    try {
      expect(await ping(guest, '10.8.0.2', { count: 3, intervalMs: 5 })).toMatchObject({ received: 3 });
      expect(await copyTcp(guest, far, '10.8.0.2', 8 << 20)).toMatchObject({ intact: true });
    } finally {
      await cable.stop();
    }
    expect(cable.supers).toBeGreaterThan(50);
    expect(b.counts.txBytes).toBeGreaterThan(8 << 20);
    return cable;
  }

  test('ping and TCP go from container to container with super-frames as they are', async () => {
    await exchange(false, 0);
  });

  test('ping and TCP go from container to container with super-frames cut and joined again', async () => {
    expect((await exchange(true, 0)).joined).toBeGreaterThan(20);
  });

  test.each([
    ['as they are', false],
    ['cut', true],
  ])('ping and TCP go from container to container in a VLAN, super-frames %s', async (_name, isCut) => {
    try {
      guest.ip('link add link icxv1 name icxprobe type vlan id 9');
    } catch (error) {
      if (!String(error).includes('Unknown device type')) throw error;
      process.stderr.write('skipped: TCP in a VLAN: the kernel has no VLAN interfaces\n');
      return;
    }
    await exchange(isCut, 7);
  });

  test('an interface that is down is told of once, and works again when it is up', async () => {
    const { rig, outer } = await both();
    host.ip('link set icxv0 down');
    expect(rig.poll(0) & POLLERR).toBe(POLLERR);
    expect(rig.port.receive()).toBe(0);
    expect(rig.poll(0)).toBe(0);
    expect(rig.send(frame())).toBe(false);
    expect(rig.port.isClosed).toBe(false);
    host.ip('link set icxv0 up');
    outer.send(frame());
    expect(rig.drain(1_000)).toEqual([frame()]);
  });

  test('is closed once the interface is removed, by its other end too', async () => {
    const { rig } = await both();
    guest.ip('link del icxv1');
    expect(rig.poll(0) & POLLERR).toBe(POLLERR);
    expect(rig.port.receive()).toBe(0);
    expect(rig.port.isClosed).toBe(true);
    expect(rig.poll(0)).toBe(0);
  });

  test('is closed also where it was asked before the interface, which is down, was removed', async () => {
    const { rig } = await both();
    host.ip('link set icxv0 down');
    expect(rig.port.receive()).toBe(0);
    expect(rig.port.isClosed).toBe(false);
    host.ip('link del icxv0');
    // There is no other error.
    expect(rig.poll(0)).toBe(0);
    expect(rig.port.isClosed).toBe(true);
  });

  test('finds out that it is closed when it sends, too', async () => {
    const { rig } = await both();
    host.ip('link del icxv0');
    // The error that the socket noted comes first.
    for (let i = 0; i < 2; i++) expect(rig.send(frame())).toBe(false);
    expect(rig.port.isClosed).toBe(true);
    expect(rig.port.counts.txDropped).toBe(2);
  });
});
