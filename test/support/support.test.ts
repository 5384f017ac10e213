/** The tests' own tools, checked: what they report must be what happened. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Capture, datagramsTo } from './capture.ts';
import { describeHosts } from './describe-hosts.ts';
import { MAIN } from './dist.ts';
import { internetChecksum, parseUdpFrame, withPayload } from './frame.ts';
import { injectFrames, injectUdp } from './inject.ts';
import { Lab } from './netns.ts';
import { copyTcp, ping, UdpFlow, untilPing } from './traffic.ts';

const directory = mkdtempSync(join(tmpdir(), 'icx-support-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('internetChecksum()', () => {
  test('gives the example of RFC 1071 section 3', () => {
    expect(internetChecksum(Buffer.from('0001f203f4f5f6f7', 'hex'))).toBe(~0xddf2 & 0xffff);
  });
});

describeHosts('Lab', () => {
  test('mesh() joins hosts over either family with the MTU asked for', async () => {
    for (const ipv6 of [false, true]) {
      const lab = new Lab();
      const hosts = lab.mesh(['x', 'y', 'z'], { mtu: 1300, ipv6 });
      expect(hosts).toHaveLength(3);
      const target = ipv6 ? 'fd00:192::3' : '192.0.2.3';
      const done = await hosts[0]?.exec(['ping', '-c', '1', '-W', '2', target]);
      if (existsSync('/usr/bin/ping')) expect(done?.code).toBe(0);
      expect(hosts[1]?.ip('link show eth0')).toContain('mtu 1300');
      lab.close();
    }
  });

  test('close() kills what runs in the hosts and removes them, twice', async () => {
    const lab = new Lab();
    const host = lab.addHost('x');
    const child = host.spawn(['sleep', '60']);
    const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
    while (host.pids().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    lab.close();
    lab.close();
    expect(await ended).toBe('SIGKILL');
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(host.name);
  });

  test('enter() comes back, also after an error', async () => {
    const lab = new Lab();
    const host = lab.addHost('x');
    const links = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    const home = links();
    host.ip('link add marker type veth peer name marker2');
    expect(await host.enter(links)).toContain('marker');
    await expect(
      host.enter(() => {
        throw new Error('inside');
      }),
    ).rejects.toThrow('inside');
    expect(links()).toBe(home);
    lab.close();
  });
});

describeHosts('Capture and inject', () => {
  const lab = new Lab();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(a, b, {
    addresses: [
      ['192.0.2.1/24', 'fd00::1/64'],
      ['192.0.2.2/24', 'fd00::2/64'],
    ],
    segmented: true,
  });
  afterAll(() => lab.close());

  test('what injectUdp() sends is what the capture has, over both families', async () => {
    const capture = await Capture.start(b, 'eth0', join(directory, 'udp.pcap'));
    const payloads = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(1_400, 7)];
    const target = { source: '192.0.2.1', sourcePort: 4_000, destination: '192.0.2.2', port: 4_001 };
    expect(await injectUdp(a, target, payloads)).toBe(3);
    const target6 = { source: 'fd00::1', sourcePort: 4_000, destination: 'fd00::2', port: 4_002 };
    expect(await injectUdp(a, target6, payloads)).toBe(3);
    const frames = await capture.stop();
    expect(datagramsTo(frames, 4_001).map((frame) => frame.payload)).toEqual(payloads);
    expect(datagramsTo(frames, 4_002).map((frame) => frame.payload)).toEqual(payloads);
    expect(datagramsTo(frames, 4_001)[0]).toMatchObject({ source: '192.0.2.1', sourcePort: 4_000 });
  });

  test('injectFrames() puts a frame on the wire again that a socket accepts', async () => {
    const first = await Capture.start(b, 'eth0', join(directory, 'first.pcap'));
    const targets = [
      { source: '192.0.2.1', destination: '192.0.2.2', port: 4_003 },
      { source: 'fd00::1', destination: 'fd00::2', port: 4_003 },
    ];
    for (const target of targets) await injectUdp(a, target, [Buffer.from('original')]);
    const originals = (await first.stop()).filter(
      (frame) => parseUdpFrame(frame.bytes)?.destinationPort === 4_003,
    );
    expect(originals).toHaveLength(2);
    const changed = originals.map((frame) => withPayload(Buffer.from(frame.bytes), Buffer.from('changed!!')));
    for (const [index, listen] of ['192.0.2.2', 'fd00::2'].entries()) {
      const received = b.exec([process.execPath, '-e', RECEIVE_ONE, listen, '4003']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await injectFrames(a, 'eth0', changed.slice(index, index + 1))).toBe(1);
      expect((await received).stdout).toBe('changed!!');
    }
  });

  test('copyTcp() finds the bytes intact', async () => {
    expect(await copyTcp(a, b, '192.0.2.2', 3_000_001)).toMatchObject({ bytes: 3_000_001, intact: true });
  });

  test('a segmented link carries no frame beyond the MTU', async () => {
    const capture = await Capture.start(b, 'eth0', join(directory, 'tcp.pcap'));
    await copyTcp(a, b, '192.0.2.2', 2_000_000);
    const frames = await capture.stop();
    expect(frames.length).toBeGreaterThan(1_400);
    expect(Math.max(...frames.map((frame) => frame.bytes.length))).toBeLessThanOrEqual(1_514);
  });
});

const RECEIVE_ONE = `
const [address, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
setTimeout(() => process.exit(1), 5000);
socket.on('message', (bytes) => { process.stdout.write(bytes); process.exit(0); }).bind(Number(port), address);
`;

describeHosts('traffic', () => {
  const lab = new Lab();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(a, b, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  afterAll(() => lab.close());

  test.skipIf(!existsSync(MAIN))('ping() counts answers and misses', async () => {
    expect(await ping(a, '192.0.2.2', { count: 3, intervalMs: 10 })).toMatchObject({ sent: 3, received: 3 });
    const missing = await ping(a, '192.0.2.9', { count: 2, intervalMs: 10, timeoutMs: 50 });
    expect(missing).toMatchObject({ sent: 2, received: 0 });
  });

  test.skipIf(!existsSync(MAIN))(
    'UdpFlow loses nothing on a clean link, and counts what a policer drops',
    async () => {
      const clean = await UdpFlow.start(a, b, '192.0.2.2');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const result = await clean.stop();
      expect(result.sent).toBeGreaterThan(2_000);
      expect(result).toMatchObject({ lost: 0, duplicates: 0 });

      const lossy = await UdpFlow.start(a, b, '192.0.2.2');
      await new Promise((resolve) => setTimeout(resolve, 700));
      b.ip('link set eth0 down');
      await new Promise((resolve) => setTimeout(resolve, 300));
      b.ip('link set eth0 up');
      // The gap ends with the next datagram, which waits for the neighbour to be found.
      await untilPing(a, '192.0.2.2', 10_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const losses = await lossy.stop();
      expect(losses.received).toBeGreaterThan(0);
      expect(losses.lost).toBeGreaterThan(0);
      expect(losses.longestGapMs).toBeGreaterThan(200);
    },
  );
});
