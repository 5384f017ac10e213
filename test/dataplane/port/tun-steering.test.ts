/** Which queue the kernel gives a flow to, in a namespace with a real interface. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { close } from '../../../dataplane/io/libc.ts';
import { openTun, TunQueue } from '../../../dataplane/port/tun.ts';
import { steerByFlow } from '../../../dataplane/port/tun-steering.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import {
  type IpFields,
  pattern,
  tcpPacket,
  type UdpFields,
  udpPacket,
} from '../../support/transport-packets.ts';

const QUEUES = 4;
const FLOWS = 64;
const NONE = { tcp: false, udp: false };
const V4: IpFields = { src: '10.1.0.2', dst: '10.2.0.2' };
const V6: IpFields = { src: 'fd01::2', dst: 'fd02::2' };

/** A host that forwards from one interface to another, the one with the queues. */
describeHosts('steerByFlow()', () => {
  const lab = new Lab();
  let host: Namespace;
  let fds: number[] = [];
  let input: TunQueue;
  let queues: TunQueue[] = [];
  const arena = new Arena(1 << 22);

  beforeAll(() => {
    host = lab.addHost('q');
  });
  afterEach(() => {
    for (const fd of fds.splice(0)) close(fd);
  });
  afterAll(() => lab.close());

  async function open(isSteered: boolean): Promise<void> {
    await host.enter(() => {
      const from = openTun('in0', 1, NONE);
      const to = openTun('out0', QUEUES, NONE);
      fds = [...from.fds, ...to.fds];
      if (isSteered) steerByFlow(to.fds[0] ?? -1);
    });
    const [first = -1, ...others] = fds;
    input = new TunQueue(first, arena);
    queues = others.map((fd) => new TunQueue(fd, arena));
    for (const [index, name] of ['in0', 'out0'].entries()) {
      host.ip(`link set ${name} addrgenmode none mtu 1400 up`);
      host.ip(`address add 10.${index + 1}.0.1/24 dev ${name}`);
      host.ip(`address add fd0${index + 1}::1/64 dev ${name} nodad`);
    }
    await host.exec([
      'sh',
      '-c',
      'for f in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; do echo 1 >$f; done',
    ]);
  }

  function write(queue: TunQueue, packet: Uint8Array): void {
    arena.bytes.set(packet, queue.packetAt);
    expect(queue.transmitPlain(queue.packetAt, packet.length)).toBe(true);
  }

  /** Index of the queue that a packet comes out of. */
  function queueOf(packet: Uint8Array): number {
    for (const queue of queues) while (queue.receive() > 0);
    write(input, packet);
    const found = queues.flatMap((queue, i) => {
      // The kernel's own multicast packets come between.
      for (let len = queue.receive(); len > 0; len = queue.receive()) if (len === packet.length) return [i];
      return [];
    });
    expect(found).toHaveLength(1);
    return found[0] ?? -1;
  }

  const flow = (ip: UdpFields, i: number) => ({ ...ip, ports: [1_000 + i, 53] as const });
  /** What the other end answers. */
  const answer = (ip: UdpFields, i: number) => ({
    src: ip.dst ?? '',
    dst: ip.src ?? '',
    ports: [53, 1_000 + i] as const,
  });

  test.each([
    ['UDP over IPv4', V4, udpPacket],
    ['UDP over IPv6', V6, udpPacket],
    ['TCP over IPv4', V4, tcpPacket],
    ['TCP over IPv6', V6, tcpPacket],
    ['UDP behind IPv4 options', { ...V4, options: [1, 1, 1, 1] }, udpPacket],
  ] as const)(
    'keeps %s to its queue, whichever its answers come from, and spreads flows',
    async (_name, ip, make) => {
      await open(true);
      const chosen = Array.from({ length: FLOWS }, (_, i) => queueOf(make(flow(ip, i))));
      // 64 flows leave a queue of four idle once in 10^7 times.
      expect(new Set(chosen).size).toBe(QUEUES);
      for (const [i, first] of chosen.entries()) {
        const other = queues[(first + 1) % QUEUES];
        if (other === undefined) throw new RangeError('no such queue');
        write(other, make(answer(ip, i)));
        expect(queueOf(make({ ...flow(ip, i), payload: pattern(300) }))).toBe(first);
      }
    },
  );

  test('sends all fragments of a packet the same way', async () => {
    await open(true);
    for (let i = 0; i < FLOWS; i++) {
      const ip = { ...V4, src: `10.1.0.${i + 2}`, dontFragment: false, payload: pattern(64, i) };
      const [first, later] = [
        fragment(udpPacket(ip), 0x20, 0),
        fragment(udpPacket({ ...ip, ports: [7, 7] }), 0, 9),
      ];
      expect(queueOf(first)).toBe(queueOf(later));
    }
  });

  test('without it the kernel follows the answers', async () => {
    await open(false);
    const first = queueOf(udpPacket(flow(V4, 0)));
    const other = queues[(first + 1) % QUEUES];
    if (other === undefined) throw new RangeError('no such queue');
    write(other, udpPacket(answer(V4, 0)));
    expect(queueOf(udpPacket(flow(V4, 0)))).toBe((first + 1) % QUEUES);
  });
});

/** Makes a packet a fragment, its header checksum right. */
function fragment(packet: Uint8Array, flags: number, offset: number): Uint8Array {
  const copy = packet.slice();
  copy[6] = flags;
  copy[7] = offset;
  copy.fill(0, 10, 12);
  const view = new DataView(copy.buffer);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return copy;
}
