/**
 * The kernel as the reference: a host forwards what the coalescer made from one TUN interface to
 * another. Where that one has no offloads, the kernel cuts it; where it has, the segmenter does.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { close } from '../../../dataplane/io/libc.ts';
import { openTun, type TunOffloads, TunQueue } from '../../../dataplane/port/tun.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';
import { KINDS, OffloadRig, type Written } from '../../support/offload-rig.ts';
import { tcpSegments, udpSegments, VIRTIO_LEN } from '../../support/super-packets.ts';
import { ACK, PSH, pattern, type TcpFields, type UdpFields } from '../../support/transport-packets.ts';

const CWR = 0x80;
const GSO_ECN = 0x80;
const ALL: TunOffloads = { tcp: true, udp: true };
const NONE: TunOffloads = { tcp: false, udp: false };
const V6 = { src: 'fd01::2', dst: 'fd02::2' };
/** A destination behind the interface with offloads, and one behind that without. */
const TO = { cut: ['10.3.0.2', 'fd03::2'], whole: ['10.2.0.2', 'fd02::2'] } as const;

/** One interface of the host, seen from outside. */
class Port {
  readonly offloads: TunOffloads;
  readonly arena = new Arena(1 << 18);
  readonly queue: TunQueue;
  readonly #fd: number;

  constructor(name: string, wanted: TunOffloads) {
    const { fds, offloads } = openTun(name, 1, wanted);
    this.#fd = fds[0] ?? -1;
    this.offloads = offloads;
    this.queue = new TunQueue(this.#fd, this.arena);
  }

  /** Gives the host virtio_net_hdr and packet. */
  put({ bytes }: Written): void {
    const { packetAt } = this.queue;
    this.arena.bytes.set(bytes, packetAt - VIRTIO_LEN);
    expect(this.queue.transmit(packetAt, bytes.length - VIRTIO_LEN)).toBe(true);
  }

  /** What the host sent to `dst`, each with its virtio_net_hdr. */
  drain(dst: string): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (let len = this.queue.receive(); len > 0; len = this.queue.receive()) {
      const read = this.arena.bytes.slice(this.queue.packetAt - VIRTIO_LEN, this.queue.packetAt + len);
      if (Buffer.from(read.slice(VIRTIO_LEN)).includes(Buffer.from(addressBytes(dst)))) out.push(read);
    }
    return out;
  }

  close(): void {
    close(this.#fd);
  }
}

function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number));
  const [head = '', tail = ''] = text.split('::');
  const hex = `${head.padStart(4, '0')}${'0'.repeat(24)}${tail.padStart(4, '0')}`;
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

describeHosts('a host that forwards between TUN interfaces', () => {
  const lab = new Lab();
  const ports: Port[] = [];
  const port = (index: number): Port => {
    const one = ports[index];
    if (one === undefined) throw new RangeError(`no port ${index}`);
    return one;
  };

  beforeAll(async () => {
    const host = lab.addHost('fwd');
    await host.enter(() => {
      ports.push(new Port('in0', ALL), new Port('whole0', ALL), new Port('cut0', NONE));
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
      for (const name of ['in0', 'whole0', 'cut0']) {
        writeFileSync(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, '0');
      }
    });
    ['in0', 'whole0', 'cut0'].forEach((name, i) => {
      host.ip(`link set ${name} addrgenmode none mtu 1400 up`);
      host.ip(`address add 10.${i + 1}.0.1/24 dev ${name}`);
      host.ip(`address add fd0${i + 1}::1/64 dev ${name} nodad`);
    });
  });

  afterAll(() => {
    for (const one of ports) one.close();
    lab.close();
  });

  /** What goes in comes out at both interfaces, one hop older. */
  function expectForwarded(make: (dst: string, ttl: number) => Uint8Array[], isV6: boolean): void {
    for (const kind of KINDS) {
      const rig = new OffloadRig(kind, port(0).offloads);
      const [whole, cut] = [TO.whole[isV6 ? 1 : 0], TO.cut[isV6 ? 1 : 0]];
      const writes = rig.join(make(whole, 64));
      expect(writes).toHaveLength(1);
      for (const written of [...writes, ...rig.join(make(cut, 64))]) port(0).put(written);
      const supers = port(1).drain(whole);
      expect(supers).toHaveLength(1);
      expect(supers.flatMap((read) => rig.cut(read))).toEqual(make(whole, 63));
      expect(
        port(2)
          .drain(cut)
          .map((read) => read.slice(VIRTIO_LEN)),
      ).toEqual(make(cut, 63));
    }
  }

  test.each<[string, TcpFields, number, number]>([
    ['IPv4', {}, 20_000, 1_000],
    ['IPv4, odd sizes, a small last one', { sequence: 2 ** 32 - 3_000 }, 9_998, 1_333],
    ['IPv4 without DF', { dontFragment: false, id: 65_533 }, 5_000, 1_000],
    ['IPv4 without TCP options', { tcpOptions: [] }, 5_000, 1_000],
    ['IPv4, pushed', { flags: ACK | PSH }, 5_000, 1_000],
    ['IPv4, ECN capable', { tos: 2 }, 5_000, 1_000],
    ['IPv4, 60 KB', {}, 60_000, 1_348],
    ['IPv6', V6, 20_000, 1_000],
    ['IPv6, odd sizes, a small last one, pushed', { ...V6, tos: 1, flags: ACK | PSH }, 9_997, 1_301],
    ['IPv6, small', V6, 300, 7],
  ])('TCP over %s', (_name, fields, len, size) => {
    const isV6 = fields.src !== undefined;
    const src = isV6 ? V6.src : '10.1.0.2';
    const make = (dst: string, ttl: number) =>
      tcpSegments({ ...fields, src, dst, ttl, payload: pattern(len) }, size);
    expectForwarded(make, isV6);
  });

  test.each<[string, UdpFields, number, number]>([
    ['IPv4', {}, 10_000, 1_000],
    ['IPv4, odd sizes, a small last one', { id: 65_530 }, 9_998, 1_333],
    ['IPv4, 64 of them', {}, 64 * 36, 36],
    ['IPv6', V6, 10_000, 1_000],
    ['IPv6, odd sizes, a small last one', { ...V6, tos: 2 }, 9_997, 1_301],
  ])('UDP over %s', (_name, fields, len, size) => {
    if (!port(0).offloads.udp) return expect(port(1).offloads.udp).toBe(false);
    const isV6 = fields.src !== undefined;
    const src = isV6 ? V6.src : '10.1.0.2';
    const make = (dst: string, ttl: number) =>
      udpSegments({ ...fields, src, dst, ttl, payload: pattern(len) }, size);
    expectForwarded(make, isV6);
  });

  test('packets that the kernel makes itself leave with their checksums made', () => {
    // An echo request to the host is answered from it: nothing to be done but to pass it on.
    const rig = new OffloadRig('WebAssembly');
    const [unanswered] = udpSegments({ src: '10.1.0.2', dst: '10.1.0.1', payload: pattern(9) }, 9);
    for (const written of rig.join([unanswered ?? new Uint8Array()])) port(0).put(written);
    const answers = port(0)
      .drain('10.1.0.2')
      .flatMap((read) => rig.cut(read) ?? []);
    expect(answers.map((packet) => packet[9])).toEqual([1]);
    expect(answers.every((packet) => packet.length > 28)).toBe(true);
  });

  test('FIN, PSH and CWR of a super-packet are cut as the kernel cuts them', () => {
    const rig = new OffloadRig('WebAssembly');
    for (const flags of [0x11, 0x19, 0x90, 0xd8]) {
      const make = (dst: string, ttl: number, own = flags) =>
        tcpSegments({ src: '10.1.0.2', dst, ttl, flags: own, payload: pattern(3_500) }, 1_000);
      for (const dst of [TO.whole[0], TO.cut[0]]) {
        // The coalescer would not join such packets: the flags come afterwards.
        for (const written of rig.join(make(dst, 64, ACK))) port(0).put(withFlags(written, flags));
      }
      expect(
        port(1)
          .drain(TO.whole[0])
          .flatMap((read) => rig.cut(read)),
      ).toEqual(make(TO.whole[0], 63));
      expect(
        port(2)
          .drain(TO.cut[0])
          .map((read) => read.slice(VIRTIO_LEN)),
      ).toEqual(make(TO.cut[0], 63));
    }
  });
});

function withFlags(written: Written, flags: number): Written {
  const bytes = written.bytes.slice();
  bytes[VIRTIO_LEN + 33] = flags;
  if ((flags & CWR) !== 0) bytes[1] = (bytes[1] ?? 0) | GSO_ECN;
  return { ...written, bytes };
}
