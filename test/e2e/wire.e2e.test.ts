/** Two hosts set up by the README: how soon they reach each other, and what the wire then carries. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PeerRekey } from '../../cli/admin-api.ts';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { Capture, type CapturedFrame } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { FirstPing } from '../support/first-ping.ts';
import { parseUdpFrame } from '../support/frame.ts';
import { injectUdp } from '../support/inject.ts';
import { scrape } from '../support/metrics.ts';
import { Lab } from '../support/netns.ts';
import { readmeHosts } from '../support/readme-hosts.ts';
import {
  allocatorRole,
  masterKeyIndex,
  OVERHEAD_LEN,
  parseSealed,
  type SealedFrame,
} from '../support/sealed-frame.ts';
import { copyTcp, ping, UdpFlow } from '../support/traffic.ts';

const A = { underlay: '192.0.2.1', overlay4: '10.77.0.1', overlay6: 'fd77::1' } as const;
const B = { underlay: '192.0.2.2', overlay4: '10.77.0.2', overlay6: 'fd77::2' } as const;
/** Default gateway of both: what wanted to leave for elsewhere would go there. */
const GATEWAY = '192.0.2.3';
const DATA_PORT = 6_081;
const CONTROL_PORT = 6_082;
const MARKER = Buffer.from('plain text that no wire may show');
const FIRST_PING_MS = 3_000;

interface Sealed extends SealedFrame {
  readonly atMs: number;
  readonly from: string;
  readonly sourcePort: number;
  readonly payloadLen: number;
}

interface Inner {
  readonly from: string;
  readonly protocolType: number;
  readonly len: number;
}

/** What one run left behind. */
interface Evidence {
  readonly lanes: number;
  readonly firstPingMs: readonly number[];
  readonly wire: readonly CapturedFrame[];
  readonly sealed: readonly Sealed[];
  readonly inner: readonly Inner[];
  readonly innerFromMs: number;
  readonly innerUntilMs: number;
  /** In order, as host A sees them. */
  readonly rekeys: readonly PeerRekey[];
  readonly secrets: readonly Buffer[];
}

const TRANSPORTS = [
  { transport: 'quic', more: '' },
  { transport: 'webtransport', more: 'control_transport = "webtransport"\n' },
] as const;

describeHosts('Two hosts by the README', () => {
  describe.each(TRANSPORTS)('over $transport', ({ more }) => {
    const lab = new Lab();
    const directories = [new AgentDirectory(), new AgentDirectory()] as const;
    let evidence: Evidence;
    beforeAll(async () => {
      evidence = await run(lab, directories, more);
    }, 90_000);
    afterAll(() => {
      lab.close();
      for (const directory of directories) directory.remove();
    });

    test('the first ping over either family is answered within 3 s of the second icx up', () => {
      process.stderr.write(`first pings after ${evidence.firstPingMs.map(Math.round).join(' and ')} ms\n`);
      expect(evidence.firstPingMs).toHaveLength(2);
      for (const ms of evidence.firstPingMs) expect(ms).toBeLessThan(FIRST_PING_MS);
    });

    test('every frame on the data port has exactly the header described', () => {
      expect(evidence.sealed.length).toBeGreaterThan(1_500);
      for (const frame of evidence.sealed) {
        expect(frame.vni).toBe(1);
        // Other lanes than the first send from ports of their own.
        if (evidence.lanes === 1) expect(frame.sourcePort).toBe(DATA_PORT);
      }
      const types = new Set(evidence.sealed.map((frame) => frame.protocolType));
      expect(types).toEqual(new Set([0, 0x0800, 0x86dd]));
    });

    test('the counter of every SPI starts at 1 and rises by one: no nonce comes twice', () => {
      const next = new Map<string, bigint>();
      for (const { from, spi, counter } of evidence.sealed) {
        const key = `${from} ${spi}`;
        expect({ key, counter }).toEqual({ key, counter: next.get(key) ?? 1n });
        next.set(key, counter + 1n);
      }
      // One before the first rekey, one after each, in both directions.
      expect(next.size).toBeGreaterThanOrEqual(2 * (evidence.rekeys.length + 1));
      const nonces = evidence.sealed.map(({ spi, counter }) => `${spi} ${counter}`);
      expect(new Set(nonces).size).toBe(nonces.length);
    });

    test('SPIs carry the role of their receiver and the master key of their generation', () => {
      expect(evidence.rekeys).toHaveLength(4);
      const used = new Set(evidence.sealed.map(({ from, spi }) => `${from} ${spi}`));
      for (const { old, new: fresh } of evidence.rekeys) {
        const [sent, received] = [spisOf(fresh.tx), spisOf(fresh.rx)];
        const [role] = sent.map(allocatorRole);
        const [masterKey] = sent.map(masterKeyIndex);
        for (const spi of [...sent, ...spisOf(old.tx)]) expect(allocatorRole(spi)).toBe(role);
        for (const spi of [...received, ...spisOf(old.rx)]) expect(allocatorRole(spi)).not.toBe(role);
        for (const spi of [...sent, ...received]) expect(masterKeyIndex(spi)).toBe(masterKey);
        for (const spi of spisOf([...old.tx, ...old.rx])) expect(masterKeyIndex(spi)).not.toBe(masterKey);
        for (const spi of sent) expect(used).toContain(`${A.underlay} ${spi}`);
        for (const spi of received) expect(used).toContain(`${B.underlay} ${spi}`);
      }
    });

    test('a keepalive follows every switch, an empty packet under its tag', () => {
      const fresh = evidence.rekeys.flatMap((rekey) => [
        ...spisOf(rekey.new.tx).map((spi) => ({ from: A.underlay, spi })),
        ...spisOf(rekey.new.rx).map((spi) => ({ from: B.underlay, spi })),
      ]);
      for (const { from, spi } of fresh) {
        const [keepalive] = evidence.sealed.filter(
          (frame) => frame.from === from && frame.spi === spi && frame.protocolType === 0,
        );
        expect(keepalive?.payloadLen, `keepalive from ${from} under ${spi}`).toBe(OVERHEAD_LEN);
      }
    });

    test('a frame is 48 bytes longer than its inner packet, in both directions and families', () => {
      const { inner, innerFromMs, innerUntilMs } = evidence;
      for (const [underlay, overlay] of [[A.underlay, 'a'] as const, [B.underlay, 'b'] as const]) {
        const outer = evidence.sealed
          .filter((frame) => frame.from === underlay && frame.protocolType !== 0)
          .filter((frame) => frame.atMs > innerFromMs && frame.atMs < innerUntilMs)
          .map((frame) => ({ protocolType: frame.protocolType, len: frame.payloadLen - OVERHEAD_LEN }));
        const expected = inner
          .filter(({ from }) => from === overlay)
          .map(({ protocolType, len }) => ({ protocolType, len }));
        expect(expected.length).toBeGreaterThan(30);
        expect(outer.sort(byLength)).toEqual(expected.sort(byLength));
      }
    });

    test('no frame shows plain text: payloads, inner addresses, keys', () => {
      const needles = [MARKER, ...evidence.secrets, ...addressPairs()];
      expect(evidence.wire.some(({ bytes }) => parseUdpFrame(bytes)?.destinationPort === DATA_PORT)).toBe(
        true,
      );
      for (const { bytes } of evidence.wire) {
        for (const needle of needles) {
          if (bytes.includes(needle)) expect.fail(`${needle.toString('hex')} in ${bytes.toString('hex')}`);
        }
      }
    });

    test('nothing leaves to anyone but the configured peer, on no port but the two', () => {
      const strange = evidence.wire.map(({ bytes }) => foreign(bytes)).filter((what) => what !== null);
      expect(strange).toEqual([]);
    });
  });
});

async function run(
  lab: Lab,
  directories: readonly [AgentDirectory, AgentDirectory],
  more: string,
): Promise<Evidence> {
  const [hostA, hostB] = lab.mesh(['a', 'b', 'gw'], { segmented: true });
  if (hostA === undefined || hostB === undefined) throw new TypeError('a mesh of three');
  for (const host of [hostA, hostB]) host.ip(`route add default via ${GATEWAY}`);
  const [a, b] = await readmeHosts([hostA, hostB], directories, more);
  const file = (name: string) => join(directories[0].path, name);
  const outer = await Capture.start(hostA, 'eth0', file('outer.pcap'));
  a.agent.start();
  await a.agent.waitReady();
  const pings = await Promise.all([B.overlay4, B.overlay6].map((address) => FirstPing.start(hostA, address)));
  const upAtMs = Date.now();
  b.agent.start();
  const answeredAtMs = await Promise.all(pings.map((first) => first.answeredAt()));
  await Promise.all([a.agent.waitPeers(), b.agent.waitPeers()]);

  await sleep(300);
  const innerCapture = await Capture.start(hostA, 'icx0', file('inner.pcap'));
  const innerFromMs = Date.now();
  await talk(a.agent, b.agent);
  await sleep(300);
  const innerUntilMs = Date.now();
  // The QUIC library tries the peer's overlay addresses too: the engine must not let it.
  const inner = (await innerCapture.stop())
    .filter(({ bytes }) => !isControlPacket(bytes))
    .map(({ bytes }) => readInner(bytes));

  const lanes = (await a.agent.status()).interface.queues;
  const rekeys = await rekeyUnderLoad(a.agent, b.agent);
  for (const { agent } of [a, b]) (await scrape(agent)).expectBalanced();
  await Promise.all([a.agent.stop(), b.agent.stop()]);
  await sleep(200);
  const wire = await outer.stop();
  return {
    lanes,
    firstPingMs: answeredAtMs.map((ms) => ms - upAtMs),
    wire,
    sealed: wire.flatMap(readSealed),
    inner,
    innerFromMs,
    innerUntilMs,
    rekeys,
    secrets: [a, b].flatMap(({ privateKey }) => [Buffer.from(privateKey), Buffer.from(privateKey, 'base64')]),
  };
}

/** Marked datagrams of many sizes both ways; closed ports answer with ICMP that quotes them. */
async function talk(a: Agent, b: Agent): Promise<void> {
  const { mtu } = (await a.status()).interface;
  const payloads = (headerLen: number) =>
    [...Array(30).keys()]
      .map((turn) => Math.max(MARKER.length, Math.round(((mtu - headerLen) * (turn + 1)) / 30)))
      .map((len) => Buffer.alloc(len, MARKER));
  const routes = [
    { agent: a, source: A.overlay4, destination: B.overlay4, headerLen: 28 },
    { agent: b, source: B.overlay4, destination: A.overlay4, headerLen: 28 },
    { agent: a, source: A.overlay6, destination: B.overlay6, headerLen: 48 },
    { agent: b, source: B.overlay6, destination: A.overlay6, headerLen: 48 },
  ];
  for (const { agent, headerLen, ...route } of routes) {
    await injectUdp(agent.host, { ...route, port: 4_000 }, payloads(headerLen), 500);
  }
  for (const dataLen of [8, 9, 1_000]) {
    for (const address of [B.overlay4, B.overlay6]) {
      expect(await ping(a.host, address, { count: 3, intervalMs: 5, dataLen })).toMatchObject({
        received: 3,
      });
    }
  }
}

/** Four rekeys, from either side in turn, with TCP and UDP under way. */
async function rekeyUnderLoad(a: Agent, b: Agent): Promise<PeerRekey[]> {
  const flow = await UdpFlow.start(a.host, b.host, B.overlay4, { mbit: 5 });
  const rekeys: PeerRekey[] = [];
  for (const [index, agent] of [a, b, a, b].entries()) {
    const { peers } = await agent.admin.rekey([]);
    const [done] = peers;
    if (done?.ok !== true) throw new Error(`rekey: ${done?.error}`);
    const flip = ({ rx, tx }: PeerRekey['old']) => ({ rx: tx, tx: rx });
    rekeys.push(agent === a ? done : { ...done, old: flip(done.old), new: flip(done.new) });
    if (index === 1) {
      expect(await copyTcp(a.host, b.host, B.overlay6, 2_000_000)).toMatchObject({ intact: true });
    }
  }
  await sleep(300);
  expect(await flow.stop()).toMatchObject({ lost: 0, duplicates: 0 });
  return rekeys;
}

function readSealed({ atMs, bytes }: CapturedFrame): Sealed[] {
  const udp = parseUdpFrame(bytes);
  if (udp === null || udp.destinationPort !== DATA_PORT) return [];
  const { source: from, sourcePort, payload } = udp;
  try {
    return [{ ...parseSealed(payload), atMs, from, sourcePort, payloadLen: payload.length }];
  } catch (error) {
    throw new Error(`${(error as Error).message} in ${payload.toString('hex')}`);
  }
}

/** A packet of the TUN interface, which has no link header. */
function readInner(packet: Buffer): Inner {
  if (packet.readUInt8(0) >> 4 === 4) {
    const from = packet.subarray(12, 16).join('.') === A.overlay4 ? 'a' : 'b';
    return { from, protocolType: 0x0800, len: packet.length };
  }
  const from = packet.readUInt8(23) === 1 ? 'a' : 'b';
  return { from, protocolType: 0x86dd, len: packet.length };
}

/** Whether a packet of the TUN interface runs between the control ports. */
function isControlPacket(packet: Buffer): boolean {
  const [protocolAt, portsAt] = packet.readUInt8(0) >> 4 === 4 ? [9, 20] : [6, 40];
  if (packet.readUInt8(protocolAt) !== 17) return false;
  return packet.readUInt32BE(portsAt) === CONTROL_PORT * 0x10001;
}

/** What is neither ours nor the kernel's address resolution, in words; null for the rest. */
function foreign(frame: Buffer): string | null {
  const type = frame.readUInt16BE(12);
  if (type === 0x0806 || (type === 0x86dd && isNeighbourDiscovery(frame))) return null;
  const wrong = type === 0x0800 ? wrongAddresses(frame) : `EtherType 0x${type.toString(16)}`;
  return wrong === null ? null : `${wrong}: ${frame.subarray(0, 64).toString('hex')}`;
}

/** Neighbour and router discovery, multicast listener reports. @see RFC 4861, RFC 3810 */
function isNeighbourDiscovery(frame: Buffer): boolean {
  const hopByHop = frame.readUInt8(20) === 0;
  const type = frame.readUInt8(hopByHop ? 62 : 54);
  return (hopByHop || frame.readUInt8(20) === 58) && ((type >= 133 && type <= 136) || type === 143);
}

/** Null when the frame runs between the two hosts on one of their ports. */
function wrongAddresses(frame: Buffer): string | null {
  const hosts = [frame.subarray(26, 30).join('.'), frame.subarray(30, 34).join('.')];
  const protocol = frame.readUInt8(23);
  const ports = [frame.readUInt16BE(34), frame.readUInt16BE(36)] as const;
  const isBetween = hosts.toSorted().join() === [A.underlay, B.underlay].join();
  const isData = ports[1] === DATA_PORT;
  const isUdp = protocol === 17 && (isData || (ports[0] === CONTROL_PORT && ports[1] === CONTROL_PORT));
  const isTcp = protocol === 6 && ports.includes(CONTROL_PORT);
  // The kernel's answer to a dial before the peer was up: port unreachable.
  const isRefusal = protocol === 1 && frame.readUInt16BE(34) === 0x0303;
  if (isBetween && (isUdp || isTcp || isRefusal)) return null;
  return `${hosts.join(' to ')}, protocol ${protocol}, ports ${ports.join(' to ')}`;
}

/** Inner source and destination as they stand next to each other in an IP header. */
function addressPairs(): Buffer[] {
  const v4 = [A.overlay4, B.overlay4].map((address) => Buffer.from(address.split('.').map(Number)));
  const v6 = [1, 2].map((last) => Buffer.from(`fd77${'00'.repeat(13)}0${last}`, 'hex'));
  return [Buffer.concat(v4), Buffer.concat(v4.toReversed()), ...v6];
}

/** One for each lane. */
function spisOf(texts: readonly string[]): number[] {
  expect(texts).not.toEqual([]);
  return texts.map((text) => Number.parseInt(text, 16));
}

function byLength(x: Omit<Inner, 'from'>, y: Omit<Inner, 'from'>): number {
  return x.protocolType - y.protocolType || x.len - y.len;
}
