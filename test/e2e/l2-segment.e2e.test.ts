/** Two hosts on one Ethernet segment: what a local network is used for works between their TAPs. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AddressService, LEASE_CLIENTS, SERVICE } from '../support/address-service.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { parseUdpFrame } from '../support/frame.ts';
import { injectFrames } from '../support/inject.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { resolveByMulticast } from '../support/multicast-dns.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { BROADCAST, macBytes, macOf, numberedFrame } from '../support/numbered-frame.ts';
import { OVERHEAD_LEN, parseSealed } from '../support/sealed-frame.ts';
import { meshMembers, segmentAgents, startAll } from '../support/segment.ts';
import { neighboursOf, places, stationsOf } from '../support/switch-view.ts';
import { missingLink, testUnless, testWith } from '../support/tools.ts';
import { copyTcp, ping } from '../support/traffic.ts';
import { two } from '../support/tuple.ts';

const VNI = 4_711;
const DATA_PORT = 6_081;
const ETHERNET = 0x6558;
const MARKER = Buffer.from('plain text that no wire may show');
/** Networks that tests put on the segment beside the configured one. */
const LEASES = ['10.88.0.100', '10.88.0.150', '255.255.255.0'] as const;
const SERVER = ['10.88.0.1/24', 'fd88::1/64'] as const;
const PREFIX = 'fd88::';
/** IP and ICMP headers. */
const PING_LEN = { 4: 28, 6: 48 } as const;
const COPIED = 5_000_000;
const FORGED = '02:aa:00:00:00:01';
const SETTLE_MS = 200;
const NO_VLAN = missingLink('VLAN', 'link eth0 name v0 type vlan id 1');

/** One tag of IEEE 802.1Q, and one under a service tag of 802.1ad. */
const TAGGINGS = [
  ['802.1Q', [['802.1Q', 7]]],
  [
    '802.1ad and 802.1Q',
    [
      ['802.1ad', 100],
      ['802.1Q', 7],
    ],
  ],
] as const;

async function startSegment(lab: Lab, directory: AgentDirectory, underlayMtu: number, mtu: number | 'auto') {
  const members = meshMembers(lab, ['a', 'b'], { mtu: underlayMtu, segmented: true });
  const settings = { interface: { vni: VNI, mtu } };
  const agents = segmentAgents(
    directory,
    members.map((member) => ({ ...member, ...settings })),
  );
  await startAll(agents);
  return two(agents);
}

describeHosts('Two hosts on one segment', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let a: Agent;
  let b: Agent;
  let macA: string;
  let macB: string;

  beforeAll(async () => {
    [a, b] = await startSegment(lab, directory, 1_500, 'auto');
    [macA, macB] = [macOf(a.host, a.name), macOf(b.host, b.name)];
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  test('resolve each other by ARP and neighbour discovery, and ping over either family', async () => {
    for (const address of [overlay4(1), overlay6(1)]) {
      expect((await ping(a.host, address, { count: 5, timeoutMs: 3_000 })).received).toBe(5);
      expect(a.host.ip(`neigh show ${address} dev ${a.name}`)).toContain(`lladdr ${macB}`);
    }
    for (const address of [overlay4(0), overlay6(0)]) {
      expect((await ping(b.host, address, { count: 5, timeoutMs: 3_000 })).received).toBe(5);
    }
  });

  test('agents know which station and which address is where', async () => {
    await ping(a.host, overlay4(1), { count: 1, timeoutMs: 3_000 });
    const found = places(await stationsOf(a));
    expect(found).toContain(`${macB} peer ${b.name} learned`);
    expect(found).not.toContain(`${macA} peer ${b.name} learned`);
    const neighbours = await neighboursOf(a);
    expect(neighbours).toContainEqual(
      expect.objectContaining({ ip: overlay4(1), mac: macB, port: b.name, kind: 'peer' }),
    );
  });

  test('the largest packet of the interface passes whole over either family', async () => {
    const { mtu } = (await a.status()).interface;
    for (const [address, headerLen] of [
      [overlay4(1), PING_LEN[4]],
      [overlay6(1), PING_LEN[6]],
    ] as const) {
      const dataLen = mtu - headerLen;
      const { received } = await ping(a.host, address, {
        count: 3,
        timeoutMs: 3_000,
        dataLen,
        dontFragment: true,
      });
      expect(received).toBe(3);
    }
  });

  test('TCP arrives intact, both ways and over either family', async () => {
    const copies = await Promise.all([
      copyTcp(a.host, b.host, overlay4(1), COPIED, 7_201),
      copyTcp(b.host, a.host, overlay6(0), COPIED, 7_202),
    ]);
    for (const copied of copies) expect(copied).toMatchObject({ bytes: COPIED, intact: true });
  });

  test.each(TAGGINGS)('frames with tags of %s come out with them', async (_, tags) => {
    const bytes = Buffer.concat(tags.map(([protocol, id]) => tagBytes(protocol, id)));
    const { mtu } = (await a.status()).interface;
    // Tags are on top of the MTU.
    const lens = [60, 61, 1_000, mtu + 14 + (tags.length === 1 ? bytes.length : 0)];
    const sent = lens.map((len, number) =>
      numberedFrame({ destination: BROADCAST, source: FORGED, number, len, tags: bytes }),
    );
    const capture = await Capture.start(b.host, b.name, join(directory.path, 'tagged.pcap'));
    await injectFrames(a.host, a.name, sent);
    await sleep(SETTLE_MS);
    const got = (await capture.stop()).map((frame) => frame.bytes.toString('hex'));
    const wanted = sent.map((frame) => frame.toString('hex'));
    expect(got.filter((frame) => wanted.includes(frame))).toEqual(wanted);
  });

  for (const [name, tags] of TAGGINGS) {
    testUnless(NO_VLAN, `interfaces with tags of ${name} reach each other, and no others`, async () => {
      const [nearA, nearB] = [addTagged(a.host, a.name, tags), addTagged(b.host, b.name, tags)];
      try {
        a.host.ip(`address add 10.99.7.1/24 dev ${nearA.device}`);
        b.host.ip(`address add 10.99.7.2/24 dev ${nearB.device}`);
        expect((await ping(a.host, '10.99.7.2', { count: 3, timeoutMs: 3_000 })).received).toBe(3);
        expect(await copyTcp(a.host, b.host, '10.99.7.2', COPIED)).toMatchObject({ intact: true });
        nearB.remove();
        const other = addTagged(b.host, b.name, [['802.1Q', 8]]);
        try {
          b.host.ip(`address add 10.99.7.2/24 dev ${other.device}`);
          expect((await ping(a.host, '10.99.7.2', { count: 3, timeoutMs: 300 })).received).toBe(0);
        } finally {
          other.remove();
        }
      } finally {
        nearA.remove();
        nearB.remove();
      }
    });
  }

  test('a name is resolved by multicast over either family', async () => {
    const ends = [
      { host: a.host, device: a.name, address: overlay4(0) },
      { host: b.host, device: b.name, address: overlay4(1) },
    ] as const;
    const answers = await resolveByMulticast(ends[0], ends[1], 'station-b.local');
    expect(answers).toEqual({ udp4: overlay4(1), udp6: overlay4(1) });
  });

  /** Runs the service on A's TAP while `body` runs. */
  async function withService(body: () => Promise<void>): Promise<void> {
    for (const address of SERVER) a.host.ip(`address replace ${address} dev ${a.name} nodad`);
    const settings = { device: a.name, leases: LEASES, prefix: PREFIX };
    const service = await AddressService.start(a.host, directory.path, settings);
    try {
      await body();
    } catch (error) {
      process.stderr.write(service.log);
      throw error;
    } finally {
      service.stop();
      for (const address of SERVER) a.host.ip(`address del ${address} dev ${a.name}`);
    }
  }

  for (const name of ['udhcpc', 'dhclient'] as const) {
    testWith([SERVICE, name], `${name} obtains a lease from a DHCP server behind the other TAP`, async () => {
      await withService(async () => {
        const leased = await LEASE_CLIENTS[name](b.host, b.name, directory.path);
        expect(leased).toMatch(/^10\.88\.0\.1[0-5]\d$/);
        b.host.ip(`address replace ${leased}/24 dev ${b.name}`);
        try {
          expect((await ping(b.host, '10.88.0.1', { count: 3, timeoutMs: 3_000 })).received).toBe(3);
        } finally {
          b.host.ip(`address del ${leased}/24 dev ${b.name}`);
        }
      });
    });
  }

  testWith([SERVICE], 'a host configures itself by a router advertisement and is reached', async () => {
    await withService(async () => {
      const address = () => autoconfigured(b.host, b.name);
      await expect.poll(address, { timeout: 15_000, interval: 100 }).not.toBeNull();
      const own = address() ?? '';
      expect((await ping(a.host, own, { count: 3, timeoutMs: 3_000 })).received).toBe(3);
      expect((await ping(b.host, `${PREFIX}1`, { count: 3, timeoutMs: 3_000 })).received).toBe(3);
      expect(a.host.ip(`neigh show ${own} dev ${a.name}`)).toContain(`lladdr ${macB}`);
    });
  });

  test('the underlay carries sealed Ethernet of one network and nothing in plain', async () => {
    const file = join(directory.path, 'underlay.pcap');
    const capture = await Capture.start(a.host, 'eth0', file);
    const marked = numberedFrame({ destination: BROADCAST, source: macA, number: 1, len: 700 });
    MARKER.copy(marked, 100);
    await injectFrames(a.host, a.name, [marked]);
    await ping(a.host, overlay4(1), { count: 5, timeoutMs: 3_000 });
    await ping(b.host, overlay6(0), { count: 5, timeoutMs: 3_000 });
    const frames = await capture.stop();
    const sealed = frames
      .map(({ bytes }) => parseUdpFrame(bytes))
      .filter((udp) => udp?.destinationPort === DATA_PORT)
      .map((udp) => parseSealed(udp?.payload ?? Buffer.alloc(0)));
    expect(sealed.length).toBeGreaterThan(20);
    for (const { vni, protocolType } of sealed) {
      expect(vni).toBe(VNI);
      expect([ETHERNET, 0]).toContain(protocolType);
    }
    const lens = sealed.map(({ body }) => body.length + 32);
    expect(lens).toContain(marked.length + OVERHEAD_LEN);
    const needles = [MARKER, macBytes(macA), macBytes(macB)];
    for (const { bytes } of frames) {
      for (const needle of needles) expect(bytes.includes(needle), needle.toString('hex')).toBe(false);
    }
  });
});

describeHosts('Jumbo frames', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  test('of 9,000 bytes pass whole over an underlay of 9,200', async () => {
    const [a, b] = await startSegment(lab, directory, 9_200, 9_000);
    const settings = { count: 3, timeoutMs: 3_000, dontFragment: true };
    for (const [address, headerLen] of [
      [overlay4(1), PING_LEN[4]],
      [overlay6(1), PING_LEN[6]],
    ] as const) {
      const { received } = await ping(a.host, address, { ...settings, dataLen: 9_000 - headerLen });
      expect(received).toBe(3);
    }
    expect(await copyTcp(b.host, a.host, overlay4(0), COPIED)).toMatchObject({ bytes: COPIED, intact: true });
  });
});

function tagBytes(protocol: '802.1Q' | '802.1ad', id: number): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(protocol === '802.1Q' ? 0x8100 : 0x88a8, 0);
  tag.writeUInt16BE(id, 2);
  return tag;
}

interface Tagged {
  readonly device: string;
  remove(): void;
}

/** An interface whose frames leave by `device` with these tags, the outermost first. */
function addTagged(host: Namespace, device: string, tags: readonly (readonly [string, number])[]): Tagged {
  let parent = device;
  let outermost: string | null = null;
  for (const [protocol, id] of tags) {
    const name = `${parent}.${id}`;
    host.ip(`link add link ${parent} name ${name} type vlan proto ${protocol} id ${id}`);
    host.ip(`link set ${name} up`);
    outermost ??= name;
    parent = name;
  }
  // What lies on top goes with it.
  let rest = outermost;
  return {
    device: parent,
    remove() {
      if (rest !== null) host.ip(`link del ${rest}`);
      rest = null;
    },
  };
}

/** The address that the kernel made from a router's prefix, once it is no other's. @see RFC 4862 */
function autoconfigured(host: Namespace, device: string): string | null {
  const lines = host.ip(`-6 -o address show dev ${device} dynamic -tentative`).split('\n');
  const line = lines.find((candidate) => candidate.includes(` ${PREFIX}`));
  return /inet6 (\S+)\//.exec(line ?? '')?.[1] ?? null;
}
