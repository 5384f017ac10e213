/** A VXLAN segment of Linux's own joined to an encrypted one: both are one Ethernet. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { dissect, dump } from '../support/dissect.ts';
import { injectUdp } from '../support/inject.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { BROADCAST, macOf, numberedFrame, numbersFrom } from '../support/numbered-frame.ts';
import { finishPackets } from '../support/offload-switch.ts';
import { meshMembers, segmentAgents, startAll } from '../support/segment.ts';
import { places, portOf, stationsOf } from '../support/switch-view.ts';
import { missingLink, testWith } from '../support/tools.ts';
import { copyTcp, ping } from '../support/traffic.ts';
import { three, two } from '../support/tuple.ts';

const VXLAN_PORT = 4_789;
const VNI = 42;
/** Of the encrypted network. */
const SEALED_VNI = 7;
const A = '192.0.2.1';
const B = '192.0.2.2';
const LEGACY = '192.0.2.3';
const INNER4 = '10.77.0.50';
const INNER6 = 'fd77::50';
const COPIED = 3_000_000;
const COUNT = 20;
const FORGED = '02:aa:00:00:00:01';
const SETTLE_MS = 200;

interface Header {
  readonly vni?: number;
  readonly flags?: number;
  /** What the reserved bits hold. */
  readonly reserved?: number;
}

/** @see RFC 7348 section 5 */
function vxlan(inner: Uint8Array, { vni = VNI, flags = 0x08, reserved = 0 }: Header = {}): Buffer {
  const header = Buffer.alloc(8, reserved);
  header.writeUInt8(flags, 0);
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, inner]);
}

function numbered(first: number): Buffer[] {
  return [...Array(COUNT).keys()].map((index) =>
    numberedFrame({ destination: BROADCAST, source: FORGED, number: first + index }),
  );
}

describeHosts(
  'A VXLAN segment behind one of two hosts',
  () => {
    const lab = new Lab();
    const directory = new AgentDirectory();
    let a: Agent;
    let b: Agent;
    let legacy: Namespace;

    beforeAll(async () => {
      const [memberA, memberB, { host }] = three(meshMembers(lab, ['a', 'b', 'legacy'], { segmented: true }));
      legacy = host;
      const port = { type: 'vxlan', name: 'legacy', vni: VNI, listen_port: VXLAN_PORT, remotes: [LEGACY] };
      const settings = { interface: { vni: SEALED_VNI } };
      const agents = segmentAgents(directory, [
        { ...memberA, ...settings, ports: [port] },
        { ...memberB, ...settings },
      ]);
      await startAll(agents);
      [a, b] = two(agents);
      const { mtu } = (await a.status()).interface;
      const remote = `remote ${A} local ${LEGACY} dev eth0`;
      legacy.ip(`link add vx0 mtu ${mtu} type vxlan id ${VNI} dstport ${VXLAN_PORT} ${remote}`);
      finishPackets(legacy, 'vx0');
      legacy.ip(`address add ${INNER4}/24 dev vx0`);
      legacy.ip(`address add ${INNER6}/64 dev vx0 nodad`);
      legacy.ip('link set vx0 up');
    });
    afterAll(() => {
      lab.close();
      directory.remove();
    });

    /** Runs `body` while the VXLAN leg is captured. @returns The file. */
    async function captured(name: string, body: () => Promise<void>): Promise<string> {
      const file = join(directory.path, `${name}.pcap`);
      const capture = await Capture.start(legacy, 'eth0', file);
      await body();
      await sleep(SETTLE_MS);
      await capture.stop();
      return file;
    }

    async function expectPings(): Promise<void> {
      const settings = { count: 5, timeoutMs: 3_000 };
      const pings = await Promise.all([
        ...[overlay4(0), overlay4(1), overlay6(0), overlay6(1)].map((address) =>
          ping(legacy, address, settings),
        ),
        ...[a, b].flatMap(({ host }) => [INNER4, INNER6].map((address) => ping(host, address, settings))),
      ]);
      expect(pings.map(({ received }) => received)).toEqual(Array(8).fill(5));
    }

    test('its stations and the TAPs of both hosts ping each other over either family', expectPings);

    test('TCP arrives intact both ways, to the near and to the far TAP', async () => {
      const copies = await Promise.all([
        copyTcp(legacy, b.host, overlay4(1), COPIED, 7_201),
        copyTcp(b.host, legacy, INNER4, COPIED, 7_202),
        copyTcp(legacy, a.host, overlay6(0), COPIED, 7_203),
        copyTcp(a.host, legacy, INNER6, COPIED, 7_204),
      ]);
      for (const copied of copies) expect(copied).toMatchObject({ bytes: COPIED, intact: true });
    });

    test('the agents have its stations behind the port and behind the peer', async () => {
      await expectPings();
      const mac = macOf(legacy, 'vx0');
      expect(places(await stationsOf(a))).toContain(`${mac} port legacy learned`);
      expect(places(await stationsOf(b))).toContain(`${mac} peer ${a.name} learned`);
    });

    testWith(['tshark'], 'tshark finds VXLAN with whole inner packets on the leg', async () => {
      const file = await captured('tshark', async () => {
        for (const host of [b.host, legacy]) host.ip('neigh flush all');
        await expectPings();
        await copyTcp(b.host, legacy, INNER4, 200_000, 7_205);
      });
      for (const direction of [`ip.src == ${A}`, `ip.src == ${LEGACY}`]) {
        const packets = dissect(file, `udp.port == ${VXLAN_PORT} && ${direction}`);
        expect(packets.length).toBeGreaterThan(20);
        for (const { protocols, vnis, isMalformed, isDamaged } of packets) {
          expect({ protocols, vnis, isMalformed, isDamaged }).toEqual({
            protocols: expect.stringMatching(/^eth:ethertype:ip:udp:vxlan:eth:ethertype:/),
            vnis: [`${VNI}`],
            isMalformed: false,
            isDamaged: false,
          });
        }
        const inner = packets.map(({ protocols }) => protocols.split(':vxlan:')[1] ?? '');
        for (const wanted of ['arp', 'ip:icmp', 'ip:tcp', 'ipv6:icmpv6']) {
          expect(inner.some((protocols) => protocols.startsWith(`eth:ethertype:${wanted}`))).toBe(true);
        }
      }
    });

    testWith(['tcpdump'], 'tcpdump finds the VNI and the I flag alone on what the agent sends', async () => {
      const file = await captured('tcpdump', expectPings);
      const lines = dump(file, `udp dst port ${VXLAN_PORT} and src host ${A}`);
      const headers = lines.filter((line) => line.includes('VXLAN'));
      expect(headers.length).toBeGreaterThan(10);
      for (const line of headers) expect(line).toContain(`VXLAN, flags [I] (0x08), vni ${VNI}`);
      expect(lines.filter((line) => /truncated|\[\||bad cksum|invalid/i.test(line))).toEqual([]);
    });

    /** Numbers that come out of B's TAP when these payloads come to A, and what A's port dropped. */
    async function delivered(
      source: { readonly host: Namespace; readonly address: string },
      payloads: readonly Buffer[],
    ): Promise<{ readonly numbers: readonly number[]; readonly dropped: number }> {
      const before = (await portOf(a, 'legacy')).rx_dropped;
      const capture = await Capture.start(b.host, b.name, join(directory.path, 'delivered.pcap'));
      const target = { source: source.address, destination: A, port: VXLAN_PORT };
      await injectUdp(source.host, target, payloads, 1_000);
      await sleep(SETTLE_MS);
      const numbers = numbersFrom(await capture.stop(), FORGED);
      return { numbers, dropped: (await portOf(a, 'legacy')).rx_dropped - before };
    }

    test.each([
      ['of another VNI', (inner: Buffer) => vxlan(inner, { vni: VNI + 1 })],
      ['without the I flag', (inner: Buffer) => vxlan(inner, { flags: 0 })],
      ['whose inner frame is cut', (inner: Buffer) => vxlan(inner.subarray(0, 13))],
      ['shorter than the header', (inner: Buffer) => vxlan(inner).subarray(0, 7)],
    ])('datagrams %s are dropped and counted', async (_, damage) => {
      const first = 1_000;
      const payloads = numbered(first).map(damage);
      const outcome = await delivered({ host: legacy, address: LEGACY }, payloads);
      expect(outcome).toEqual({ numbers: [], dropped: COUNT });
    });

    test('datagrams of a host that is no remote are dropped and counted', async () => {
      const payloads = numbered(2_000).map((inner) => vxlan(inner));
      const outcome = await delivered({ host: b.host, address: B }, payloads);
      expect(outcome).toEqual({ numbers: [], dropped: COUNT });
    });

    test('reserved bits of the header say nothing', async () => {
      const first = 3_000;
      const payloads = numbered(first).map((inner) => vxlan(inner, { flags: 0xff, reserved: 0xff }));
      const outcome = await delivered({ host: legacy, address: LEGACY }, payloads);
      const numbers = [...Array(COUNT).keys()].map((index) => first + index);
      expect(outcome).toEqual({ numbers, dropped: 0 });
    });
  },
  missingLink('VXLAN', 'vx0 type vxlan id 1 dstport 4789 remote 192.0.2.1 dev eth0'),
);
