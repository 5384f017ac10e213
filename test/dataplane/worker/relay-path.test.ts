/** What the network says of guests' datagrams: a narrow link behind a router, and routes that lead nowhere. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DenyList } from '../../../dataplane/relay/deny-list.ts';
import { Lab, type Namespace, skipReason } from '../../support/netns.ts';
import { hexAddress, readUdp, udpPacket } from '../relay/packets.ts';
import { GUEST_4, GUEST_6, Outside, RelayRig } from './relay-rig.ts';

const NARROW = 1_300;
const FAR_4 = '198.51.100.2';
const FAR_6 = 'fd00:198::2';

const reason = skipReason();
if (reason !== null) process.stderr.write(`skipped: a relay behind a router: ${reason}\n`);

let lab: Lab;
let host: Namespace;
const far: Outside[] = [];

/** host (192.0.2.1) — router — far (198.51.100.2), where the second link is narrow. */
async function build(): Promise<void> {
  lab = new Lab();
  host = lab.addHost('host');
  const router = lab.addHost('router');
  const end = lab.addHost('far');
  host.ip(`link add eth0 type veth peer name near netns ${router.name}`);
  end.ip(`link add eth0 mtu ${NARROW} type veth peer name far mtu ${NARROW} netns ${router.name}`);
  for (const [namespace, device, ...addresses] of [
    [host, 'eth0', '192.0.2.1/24', 'fd00:192::1/64'],
    [router, 'near', '192.0.2.254/24', 'fd00:192::fe/64'],
    [router, 'far', '198.51.100.254/24', 'fd00:198::fe/64'],
    [end, 'eth0', `${FAR_4}/24`, `${FAR_6}/64`],
  ] as const) {
    namespace.ip(`link set ${device} up`);
    for (const address of addresses) {
      namespace.ip(`address add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`);
    }
  }
  await router.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  host.ip('route add 198.51.100.0/24 via 192.0.2.254');
  host.ip('route add fd00:198::/64 via fd00:192::fe');
  end.ip('route add 192.0.2.0/24 via 198.51.100.254');
  end.ip('route add fd00:192::/64 via fd00:198::fe');
  host.ip('route add 198.18.0.0/15 via 192.0.2.254');
  router.ip('route add prohibit 198.18.0.0/15');
  host.ip('route add unreachable 203.0.113.0/25');
  host.ip('route add prohibit 203.0.113.128/25');
  await end.enter(async () => {
    far.push(await Outside.echo(FAR_4), await Outside.echo(FAR_6));
  });
}

function bytes(len: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: len }, (_, i) => (i * 31) & 0xff));
}

function inHost(body: (rig: RelayRig) => Promise<void>): Promise<void> {
  return host.enter(async () => {
    const rig = new RelayRig({ denyList: new DenyList() });
    rig.guest.mtuBytes = 1_500;
    try {
      await body(rig);
    } finally {
      rig.close();
    }
  });
}

describe.skipIf(reason !== null)('RelaySource', () => {
  beforeAll(build);
  afterAll(() => {
    for (const outside of far) outside.close();
    lab.close();
  });

  test.each([
    ['IPv4 with DF', FAR_4, GUEST_4, 0, 1_472, [3, 4]],
    ['IPv6', FAR_6, GUEST_6, 1, 1_452, [2, 0]],
  ] as const)('tells which size the path takes: %s', async (_, to, from, peer, len, says) => {
    await inHost(async (rig) => {
      const packet = udpPacket({
        from,
        fromPort: 5_000,
        to,
        toPort: far[peer]?.port ?? 0,
        data: bytes(len),
        dontFragment: true,
      });
      const at = packet[0] === 0x45 ? 20 : 40;
      // The first time the router says so, the second time the host knows.
      for (const count of [1, 2]) {
        rig.accept(packet);
        await rig.until(count);
        const icmp = rig.guest.packets[count - 1] ?? Buffer.alloc(80);
        expect([...icmp.subarray(at, at + 2)]).toEqual(says);
        expect(icmp.readUInt32BE(at + 4)).toBe(NARROW);
        // The router has not named itself to the guest.
        expect(icmp.subarray(at === 20 ? 12 : 8, at === 20 ? 16 : 24).toString('hex')).toBe(
          hexAddress(at === 20 ? '10.77.0.1' : 'fd77::1'),
        );
        const quoted = icmp.subarray(at + 8);
        expect(quoted.subarray(at, at + 6)).toEqual(packet.subarray(at, at + 6));
        expect(quoted.subarray(at + 8)).toEqual(packet.subarray(at + 8, quoted.length));
      }
      expect(rig.relay.counters()).toMatchObject({ icmpErrors: 1, dropped: { tooLarge: 1 } });
      // What fits passes.
      rig.accept(
        udpPacket({
          from,
          fromPort: 5_000,
          to,
          toPort: far[peer]?.port ?? 0,
          data: bytes(NARROW - at - 8),
          dontFragment: true,
        }),
      );
      await rig.until(3);
      expect(readUdp(rig.guest.packets[2] ?? Buffer.alloc(0)).data).toEqual(bytes(NARROW - at - 8));
    });
  });

  test('a run of datagrams that the path does not take is told of one by one', async () => {
    await inHost(async (rig) => {
      const packet = udpPacket({
        from: GUEST_4,
        fromPort: 6_000,
        to: FAR_4,
        toPort: far[0]?.port ?? 0,
        data: bytes(1_472),
        dontFragment: true,
      });
      rig.accept(packet);
      await rig.until(1);
      for (let i = 0; i < 5; i++) rig.offer(packet);
      rig.relay.flush();
      expect(rig.guest.packets.length).toBe(6);
      // Of the first one the router may have told.
      const { icmpErrors, dropped } = rig.relay.counters();
      expect(icmpErrors + dropped.tooLarge).toBe(6);
    });
  });

  test.each([
    ['without DF', 1_472],
    ['in fragments', 9_000],
  ])('carries what the path does not take whole: %s', async (_, len) => {
    await inHost(async (rig) => {
      const toPort = far[0]?.port ?? 0;
      // A run of them, so that a merged message is refused and they pass singly.
      for (let i = 0; i < 3; i++) {
        rig.send({ to: FAR_4, toPort, data: bytes(len) });
        await rig.turns(() => rig.relay.counters().rxDatagrams > i);
      }
      const packet = udpPacket({ from: GUEST_4, fromPort: 5_000, to: FAR_4, toPort, data: bytes(1_400) });
      for (let i = 0; i < 3; i++) rig.offer(packet);
      rig.relay.flush();
      await rig.turns(() => rig.relay.counters().rxDatagrams === 6);
      expect(rig.relay.counters().txDatagrams).toBe(6);
    });
  });

  test('sends each datagram of a turn as it may be sent', async () => {
    await inHost(async (rig) => {
      const packet = (len: number, dontFragment: boolean, fromPort = 5_000) =>
        udpPacket({
          from: GUEST_4,
          fromPort,
          to: FAR_4,
          toPort: far[0]?.port ?? 0,
          data: bytes(len),
          dontFragment,
        });
      for (let i = 0; i < 2; i++) {
        rig.offer(packet(1_400, false));
        rig.offer(packet(10, true));
      }
      rig.relay.flush();
      await rig.turns(() => rig.relay.counters().rxDatagrams === 4);
      expect(rig.relay.counters().dropped.tooLarge).toBe(0);
      // A session that began with the other kind.
      rig.accept(packet(10, true, 5_001));
      rig.accept(packet(1_400, false, 5_001));
      await rig.turns(() => rig.relay.counters().rxDatagrams === 6);
      rig.guest.packets.length = 0;
      rig.accept(packet(1_400, true));
      const [icmp = Buffer.alloc(28)] = await rig.until(1);
      expect([...icmp.subarray(20, 22)]).toEqual([3, 4]);
    });
  });

  test('tells a guest of IPv6 the size of a path of IPv4 to the resolver', async () => {
    await inHost(async (rig) => {
      rig.relay.setResolver({ address: FAR_4, port: far[0]?.port ?? 0 });
      const packet = udpPacket({ from: GUEST_6, fromPort: 1, to: 'fd77::1', toPort: 53, data: bytes(1_400) });
      rig.accept(packet);
      await rig.until(1);
      const icmp = rig.guest.packets[0] ?? Buffer.alloc(48);
      expect([...icmp.subarray(40, 42)]).toEqual([2, 0]);
      expect(icmp.readUInt32BE(44)).toBe(NARROW + 20);
    });
  });

  test('tells in the relay’s name what a router says, to a guest of another version in general', async () => {
    await inHost(async (rig) => {
      rig.relay.setResolver({ address: '198.18.0.1', port: 53 });
      rig.send({ to: '198.18.0.1', toPort: 9, data: bytes(10) });
      await rig.until(1);
      rig.send({ to: 'fd77::1', toPort: 53, data: bytes(10) });
      const [four = Buffer.alloc(28), six = Buffer.alloc(48)] = await rig.until(2);
      expect([...four.subarray(20, 22)]).toEqual([3, 13]);
      expect(four.subarray(12, 16).toString('hex')).toBe(hexAddress('10.77.0.1'));
      expect([...six.subarray(40, 42)]).toEqual([1, 3]);
    });
  });

  test.each([
    ['no route', '8.8.8.8', [3, 0]],
    ['an unreachable route', '203.0.113.1', [3, 1]],
    ['a prohibited one', '203.0.113.200', [3, 13]],
    ['no route in IPv6', '2001:db8::1', [1, 0]],
  ])('tells of %s', async (_, to, says) => {
    await inHost(async (rig) => {
      rig.send({ to, toPort: 9, data: bytes(10) });
      const at = to.includes(':') ? 40 : 20;
      expect([...(rig.guest.packets[0]?.subarray(at, at + 2) ?? [])]).toEqual(says);
      expect(rig.relay.size).toBe(0);
      expect(rig.relay.counters().dropped.unreachable).toBe(1);
    });
  });
});
