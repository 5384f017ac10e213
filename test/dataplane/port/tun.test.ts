/** Inner packets between the kernel and a TUN queue, in a namespace. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, fcntl, poll } from '../../../dataplane/io/libc.ts';
import { openTun, type TunDevice, type TunOffloads, TunQueue } from '../../../dataplane/port/tun.ts';
import { HEADER_LEN as VNET_HDR_LEN } from '../../../dataplane/wire/virtio-net.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { internetChecksum } from '../../support/frame.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { ipPacket, udpPayload } from '../path/packets.ts';

const NONE: TunOffloads = { tcp: false, udp: false };
const F_GETFD = 1;
const FD_CLOEXEC = 1;
const POLLIN = 1;
const POLLERR = 8;

function pollTun(fd: number, waitMs: number): number {
  const pollfd = Buffer.alloc(128);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  poll(addressOf(pollfd), 1, waitMs);
  return pollfd.readInt16LE(6);
}

function send(socket: Socket, data: Buffer): Promise<void> {
  return new Promise((resolve) => socket.send(data, 9_999, '10.77.0.3', () => resolve()));
}

/** An IPv4 UDP packet with its header checksum. */
function packetTo(destinationPort: number, dataLen: number): Buffer {
  const payload = udpPayload(5_000, destinationPort, dataLen);
  payload.fill(0x5a, 8);
  const packet = Buffer.from(ipPacket({ src: '10.77.0.2', dst: '10.77.0.1', payload }));
  packet.writeUInt16BE(internetChecksum(packet.subarray(0, 20)), 10);
  return packet;
}

describeHosts('TUN', () => {
  let lab: Lab;
  let host: Namespace;
  const open: number[] = [];

  beforeAll(async () => {
    lab = new Lab();
    host = lab.addHost('m');
    // Its router solicitations would come between.
    await host.enter(() => writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1'));
  });
  afterEach(() => {
    for (const fd of open.splice(0)) closeFd(fd);
  });
  afterAll(() => lab?.close());

  async function make(queues = 1, name = 'icxm0', wanted: TunOffloads = NONE): Promise<TunDevice> {
    const device = await host.enter(() => openTun(name, queues, wanted));
    open.push(...device.fds);
    return device;
  }

  async function makeQueue(mtu = 1_400): Promise<{ queue: TunQueue; arena: Arena }> {
    const { fds } = await make();
    host.ip(`link set icxm0 addrgenmode none mtu ${mtu} up`);
    host.ip('address add 10.77.0.1/24 dev icxm0');
    const arena = new Arena(1 << 20);
    return { queue: new TunQueue(fds[0] ?? -1, arena), arena };
  }

  /** Node makes a UDP socket when it binds it. */
  function bound(port: number): Promise<Socket> {
    return host.enter(async () => {
      const socket = createSocket('udp4').bind(port, '10.77.0.1');
      await once(socket, 'listening');
      return socket;
    });
  }

  function links(): string[] {
    return JSON.parse(host.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname);
  }

  test('openTun() makes an interface that goes away with its last descriptor', async () => {
    const device = await make(2);
    expect(device.name).toBe('icxm0');
    expect(device.fds).toHaveLength(2);
    for (const fd of device.fds) expect(fcntl(fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    closeFd(open.shift() ?? -1);
    expect(links()).toContain('icxm0');
    closeFd(open.shift() ?? -1);
    expect(links()).not.toContain('icxm0');
  });

  test.each<TunOffloads>([
    { tcp: true, udp: true },
    { tcp: true, udp: false },
    { tcp: false, udp: false },
  ])('openTun() says which offloads are on: at most $tcp, $udp', async (wanted) => {
    const { offloads } = await make(2, 'icxm0', wanted);
    expect(offloads.tcp).toBe(wanted.tcp);
    // Linux 6.2 and later.
    if (!wanted.udp) expect(offloads.udp).toBe(false);
    const features = (await host.exec(['ethtool', '-k', 'icxm0'])).stdout;
    if (features !== '') expect(features).toContain(`tcp-segmentation-offload: ${wanted.tcp ? 'on' : 'off'}`);
  });

  test.each([1, 2])('openTun() does not join an interface of %i queues that exists', async (queues) => {
    await make(queues);
    await expect(make(queues)).rejects.toThrow(/Cannot create the TUN interface icxm0: .*EBUSY/);
    host.ip('link add icxm1 type veth peer name icxm2');
    await expect(make(queues, 'icxm1')).rejects.toThrow(/Cannot create the TUN interface icxm1/);
    host.ip('link del icxm1');
  });

  test('openTun() that fails leaves no descriptor and no interface', async () => {
    const before = await make();
    for (let i = 0; i < 3; i++) await expect(make(2)).rejects.toThrow();
    expect(links().filter((name) => name.startsWith('icxm'))).toEqual(['icxm0']);
    // The kernel gives the lowest number that is free.
    expect((await make(1, 'icxm2')).fds).toEqual([(before.fds[0] ?? 0) + 1]);
  });

  test('receive() gives what the kernel sends into the interface, whole, and 0 when there is nothing', async () => {
    const { queue, arena } = await makeQueue();
    expect(queue.receive()).toBe(0);
    const socket = await bound(0);
    for (const len of [0, 1, 1_372]) {
      await send(socket, Buffer.alloc(len, 0x77));
      expect(pollTun(queue.fd, 2_000)).toBe(POLLIN);
      expect(queue.receive()).toBe(28 + len);
      const packet = Buffer.from(arena.bytes.slice(queue.packetAt, queue.packetAt + 28 + len));
      expect(packet.readUInt16BE(2)).toBe(28 + len);
      expect(internetChecksum(packet.subarray(0, 20))).toBe(0);
      expect(packet.subarray(28).equals(Buffer.alloc(len, 0x77))).toBe(true);
      // The kernel leaves no checksum for us to finish: no offload was asked for.
      const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 17]), packet.subarray(24, 26)]);
      expect(internetChecksum(Buffer.concat([pseudo, packet.subarray(20)]))).toBe(0);
      expect(queue.receive()).toBe(0);
    }
    socket.close();
  });

  test('receive() takes packets of the largest MTU', async () => {
    const { queue } = await makeQueue(65_535);
    const socket = await bound(0);
    await send(socket, Buffer.alloc(65_507));
    pollTun(queue.fd, 2_000);
    expect(queue.receive()).toBe(65_535);
    socket.close();
  });

  test('transmitPlain() hands packets to the kernel and touches only its own bytes before them', async () => {
    const { queue, arena } = await makeQueue();
    const socket = await bound(9_000);
    const at = arena.take(4_096) + 64;
    for (const len of [0, 1, 1_372]) {
      arena.bytes.fill(0xa5, at - 64, at + 2_000);
      const packet = packetTo(9_000, len);
      arena.bytes.set(packet, at);
      const received = once(socket, 'message');
      expect(queue.transmitPlain(at, packet.length)).toBe(true);
      const [data, from] = await received;
      expect(Buffer.from(data).equals(Buffer.alloc(len, 0x5a))).toBe(true);
      expect(from).toMatchObject({ address: '10.77.0.2', port: 5_000 });
      expect(arena.bytes.slice(at - 64, at - VNET_HDR_LEN).every((byte) => byte === 0xa5)).toBe(true);
      expect(Buffer.from(arena.bytes.slice(at, at + packet.length)).equals(packet)).toBe(true);
    }
    socket.close();
  });

  test('transmitPlain() says false when the interface is down', async () => {
    const { queue, arena } = await makeQueue();
    host.ip('link set icxm0 down');
    const at = arena.take(4_096) + 64;
    const packet = packetTo(9_000, 10);
    arena.bytes.set(packet, at);
    expect(queue.transmitPlain(at, packet.length)).toBe(false);
    host.ip('link set icxm0 up');
    expect(queue.transmitPlain(at, packet.length)).toBe(true);
  });

  test('an interface that somebody removes shows as POLLERR, and neither half throws', async () => {
    const { queue, arena } = await makeQueue();
    host.ip('link del icxm0');
    expect(pollTun(queue.fd, 0) & POLLERR).toBe(POLLERR);
    expect(queue.receive()).toBe(0);
    expect(queue.transmitPlain(arena.take(4_096) + 64, 40)).toBe(false);
  });
});
