/** Frames between the kernel and TAP queues, in namespaces. */
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, fcntl, poll } from '../../../dataplane/io/libc.ts';
import { takeFrameBuffer } from '../../../dataplane/port/frame-port.ts';
import { PacketPort } from '../../../dataplane/port/packet-port.ts';
import { openPacketPort } from '../../../dataplane/port/packet-socket.ts';
import { TapPort } from '../../../dataplane/port/tap-port.ts';
import { openTap, type TunDevice, type TunOffloads } from '../../../dataplane/port/tun.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { concat, ethernetHeader } from '../../support/frames-of.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { copyTcp, ping } from '../../support/traffic.ts';
import { pattern } from '../../support/transport-packets.ts';
import { FrameCable } from './frame-cable.ts';

const [F_GETFD, FD_CLOEXEC] = [1, 1];
const [POLLIN, POLLERR] = [1, 8];
const NONE: TunOffloads = { tcp: false, udp: false };

function pollFd(fd: number, waitMs: number): number {
  const pollfd = Buffer.alloc(128);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  poll(addressOf(pollfd), 1, waitMs);
  return pollfd.readInt16LE(6);
}

describeHosts('TAP', () => {
  let lab: Lab;
  let left: Namespace;
  let right: Namespace;
  const open: number[] = [];

  beforeAll(async () => {
    lab = new Lab();
    left = lab.addHost('l');
    right = lab.addHost('r');
    for (const host of [left, right]) {
      // Its router solicitations would come between.
      await host.enter(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'));
    }
  });
  afterEach(() => {
    for (const fd of open.splice(0)) closeFd(fd);
  });
  afterAll(() => lab?.close());

  async function make(host = left, queues = 1, wanted?: TunOffloads): Promise<TunDevice> {
    const device = await host.enter(() => openTap('icxtap0', queues, wanted));
    open.push(...device.fds);
    return device;
  }

  async function makePort(mtu = 1_500): Promise<{ port: TapPort; arena: Arena }> {
    const { fds } = await make();
    left.ip(`link set icxtap0 mtu ${mtu} up`);
    const arena = new Arena(1 << 20);
    return { port: new TapPort({ fd: fds[0] ?? -1 }, arena, takeFrameBuffer(arena)), arena };
  }

  test('openTap() makes an Ethernet interface with queues, and goes away with them', async () => {
    const device = await make(left, 2);
    expect(device).toMatchObject({ name: 'icxtap0', offloads: { tcp: true } });
    for (const fd of device.fds) expect(fcntl(fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    const link = () => JSON.parse(left.ip('-j -d link show dev icxtap0'))[0];
    expect(link()).toMatchObject({
      link_type: 'ether',
      linkinfo: { info_data: { type: 'tap', vnet_hdr: true } },
    });
    expect(link().address).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    expect(JSON.stringify(link())).toContain('"numqueues":2');
    for (const fd of open.splice(0)) closeFd(fd);
    expect(left.ip('-j link')).not.toContain('icxtap0');
  });

  test('openTap() does not join an interface that exists', async () => {
    await make();
    await expect(make()).rejects.toThrow(
      /Cannot create the TAP interface icxtap0: .*an interface of that name/,
    );
  });

  test('openTap() says which offloads are on', async () => {
    expect((await make(left, 1, NONE)).offloads).toEqual(NONE);
  });

  test('TapPort gives frames whole, tags included, and counts them', async () => {
    const { port, arena } = await makePort();
    expect(port.receive()).toBe(0);
    const spec = await left.enter(() => openPacketPort('icxtap0'));
    open.push(spec.fd);
    const inside = new PacketPort(spec, arena, takeFrameBuffer(arena));
    const at = arena.take(2_048) + 64;
    const sent = [
      [],
      [[0x8100, 7]],
      [
        [0x88a8, 5],
        [0x8100, 7],
      ],
    ].map((tags) => concat(ethernetHeader(0x88b5, { tags: tags as [number, number][] }), pattern(100)));
    for (const frame of sent) {
      arena.bytes.set(frame, at);
      expect(inside.transmit(at, frame.length)).toBe(true);
      expect(pollFd(port.fd, 2_000)).toBe(POLLIN);
      expect(port.receive()).toBe(frame.length);
      expect(arena.bytes.slice(port.frameAt, port.frameAt + frame.length)).toEqual(frame);
    }
    expect(port.receive()).toBe(0);
    expect(port.counts).toMatchObject({ rxFrames: 3, rxBytes: 3 * 114 + 12, rxDropped: 0 });
  });

  test('TapPort.transmit() hands over a complete frame, whatever lay before it', async () => {
    const { port, arena } = await makePort();
    const at = arena.take(2_048) + 64;
    const frame = concat(ethernetHeader(0x88b5), pattern(100));
    arena.bytes.fill(0xff, at - 64, at);
    arena.bytes.set(frame, at);
    expect(port.transmit(at, frame.length)).toBe(true);
    expect(arena.bytes.slice(at - 64, at - 10).every((byte) => byte === 0xff)).toBe(true);
    // As a super-frame with such a header before it, it is refused.
    arena.bytes.fill(0xff, at - 64, at);
    expect(port.transmitSuper(at, frame.length)).toBe(false);
    expect(port.counts).toMatchObject({ txFrames: 1, txBytes: frame.length, txDropped: 1 });
    const [{ stats64 }] = JSON.parse(left.ip('-j -s link show dev icxtap0'));
    expect(stats64.rx.packets).toBe(1);
  });

  test('TapPort.transmit() says false while the interface is down, which is not closed', async () => {
    const { port, arena } = await makePort();
    const at = arena.take(2_048) + 64;
    left.ip('link set icxtap0 down');
    expect(port.transmit(at, 60)).toBe(false);
    expect(port.receive()).toBe(0);
    expect(port.isClosed).toBe(false);
    left.ip('link set icxtap0 up');
    expect(port.transmit(at, 60)).toBe(true);
  });

  test('TapPort is closed once somebody removes the interface', async () => {
    const { port, arena } = await makePort();
    left.ip('link del icxtap0');
    expect(pollFd(port.fd, 0) & POLLERR).toBe(POLLERR);
    expect(port.receive()).toBe(0);
    expect(port.isClosed).toBe(true);
    expect(port.transmit(arena.take(2_048) + 64, 60)).toBe(false);
  });

  test.each([
    ['as they are', false],
    ['cut and joined again', true],
  ])('ping and TCP go through two TAPs whose super-frames are passed %s', async (_name, isCut) => {
    const cable = new FrameCable();
    const ports: TapPort[] = [];
    for (const [i, host] of [left, right].entries()) {
      const { fds } = await make(host);
      host.ip('link set icxtap0 mtu 1500 up');
      host.ip(`address add 10.8.0.${i + 1}/24 dev icxtap0`);
      ports.push(new TapPort({ fd: fds[0] ?? -1 }, cable.arena, cable.readAt));
    }
    const [a, b] = ports as [TapPort, TapPort];
    cable.start(a, b, isCut);
    try {
      expect(await ping(left, '10.8.0.2', { count: 5, intervalMs: 5 })).toMatchObject({ received: 5 });
      // More than IP may have in one packet, in fragments.
      const large = { count: 2, intervalMs: 5, dataLen: 4_000 };
      expect(await ping(left, '10.8.0.2', large)).toMatchObject({ received: 2 });
      expect(await copyTcp(left, right, '10.8.0.2', 8 << 20)).toMatchObject({ bytes: 8 << 20, intact: true });
    } finally {
      await cable.stop();
    }
    expect(cable.supers).toBeGreaterThan(50);
    if (isCut) expect(cable.joined).toBeGreaterThan(20);
    expect(b.counts.txBytes).toBeGreaterThan(8 << 20);
  });
});
