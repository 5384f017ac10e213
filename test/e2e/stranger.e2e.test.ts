/** A host whose key is not pinned gets nothing, over either control transport. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Agent } from '../support/agent.ts';
import {
  AttackedPair,
  CONTROL_PORT,
  DATA_PORT,
  receiveSpis,
  rxDropsDuring,
} from '../support/attacked-pair.ts';
import { Capture, type CapturedFrame } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { parseUdpFrame } from '../support/frame.ts';
import { injectUdp } from '../support/inject.ts';
import { scrape } from '../support/metrics.ts';
import { ping } from '../support/traffic.ts';

const A = '192.0.2.1';
const STRANGER = '192.0.2.3';
const OBSERVED_MS = 4_000;

describeHosts('A host whose key is not pinned', () => {
  describe.each(['quic', 'webtransport'])('over %s', (transport) => {
    const control = { control_transport: transport };
    const pair = new AttackedPair({ interface: control });
    const { a, b, attacker } = pair;
    const stranger = new Agent(attacker, pair.directory, 'stranger');
    let wire: readonly CapturedFrame[] = [];
    let before = { spis: new Set<number>(), handshakeAt: '', lines: 0 };

    beforeAll(async () => {
      await pair.up();
      const status = await a.status();
      before = {
        spis: receiveSpis(status),
        handshakeAt: status.peers[0]?.handshake?.at ?? '',
        lines: a.log.split('\n').length,
      };
      stranger.writeConfig({
        interface: { address: ['10.77.0.3/24', 'fd77::3/64'], listen: '0.0.0.0', ...control },
        peers: [
          {
            name: 'a',
            public_key: a.keys.publicKey,
            endpoint: A,
            allowed_ips: ['10.77.0.1/32', 'fd77::1/128'],
          },
        ],
        metrics: { listen: '127.0.0.1:6083' },
      });
      const capture = await Capture.start(attacker, 'eth0', join(pair.directory.path, 'stranger.pcap'));
      stranger.start();
      await stranger.waitReady();
      await sleep(OBSERVED_MS);
      expect(await ping(attacker, '10.77.0.1', { count: 3, timeoutMs: 100 })).toMatchObject({ received: 0 });
      wire = await capture.stop();
    }, 60_000);
    afterAll(async () => {
      await stranger.stop();
      await pair.close();
    });

    test('gets no SA, and its operator a reason', async () => {
      const [peer] = (await stranger.status()).peers;
      expect(peer?.state).not.toBe('up');
      expect(peer?.sas).toEqual({ rx: [], tx: [] });
      expect(peer?.handshake).toBeNull();
      expect(peer?.last_error).toMatch(/not configured|hung up/);
      process.stderr.write(`the stranger reads: ${peer?.last_error}\n`);
      const metrics = await scrape(stranger);
      expect(metrics.drops('tx', 'no_sa')).toBe(3);
      expect(metrics.value('icx_peer_up')).toBe(0);
      metrics.expectBalanced();
    });

    test('leaves the agent and its peer as they were', async () => {
      const status = await a.status();
      expect(status.peers.map(({ name }) => name)).toEqual([b.name]);
      expect(status.peers[0]?.state).toBe('up');
      expect(status.peers[0]?.handshake?.at).toBe(before.handshakeAt);
      expect(receiveSpis(status)).toEqual(before.spis);
      expect(await ping(a.host, '10.77.0.2', { count: 20, intervalMs: 10 })).toMatchObject({ received: 20 });
      expect(a.log.split('\n').length - before.lines).toBeLessThan(10);
    });

    test('gets no answer but on the control port, and little there', () => {
      const answers = wire.map(({ bytes }) => bytes).filter((bytes) => isFromA(bytes));
      const dataPort = answers.filter((bytes) => parseUdpFrame(bytes)?.sourcePort === DATA_PORT);
      expect(dataPort).toEqual([]);
      const elsewhere = answers.filter((bytes) => bytes.readUInt16BE(34) !== CONTROL_PORT);
      expect(elsewhere).toEqual([]);
      const [answered, asked] = [answers, wire.map(({ bytes }) => bytes).filter(isToA)].map(byteCount);
      process.stderr.write(`the stranger sent ${asked} bytes and got ${answered}\n`);
      expect(answered).toBeLessThan(3 * (asked ?? 0));
    });

    test('gets no answer to frames of its own making, not even under live SPIs', async () => {
      const capture = await Capture.start(attacker, 'eth0', join(pair.directory.path, 'forged.pcap'));
      const frames = [...before.spis].map(forgedFrame);
      const target = { source: STRANGER, destination: A, port: DATA_PORT };
      const drops = await rxDropsDuring(a, frames.length, () => injectUdp(attacker, target, frames));
      expect(drops).toEqual({ auth_failed: frames.length });
      const answers = (await capture.stop()).filter(({ bytes }) => isFromA(bytes));
      expect(answers.filter(({ bytes }) => bytes.readUInt16BE(34) === DATA_PORT)).toEqual([]);
      (await scrape(a)).expectBalanced();
    });
  });
});

/** A well-formed frame that nobody has a key for. */
function forgedFrame(spi: number): Buffer {
  const frame = Buffer.alloc(32 + 84 + 16, 0x5a);
  frame.write('0640080000000100', 'hex');
  frame.writeUInt32BE(0xff00_8101, 8);
  frame.writeUInt32BE(spi, 12);
  frame.writeUInt32BE(0xff00_8203, 16);
  frame.writeUInt32BE(spi, 20);
  frame.writeBigUInt64BE(1_000n, 24);
  return frame;
}

function isFromA(frame: Buffer): boolean {
  return frame.readUInt16BE(12) === 0x0800 && runs(frame, A, STRANGER);
}

function isToA(frame: Buffer): boolean {
  return frame.readUInt16BE(12) === 0x0800 && runs(frame, STRANGER, A);
}

function runs(frame: Buffer, source: string, destination: string): boolean {
  return frame.subarray(26, 30).join('.') === source && frame.subarray(30, 34).join('.') === destination;
}

function byteCount(frames: readonly Buffer[]): number {
  return frames.reduce((sum, frame) => sum + frame.length, 0);
}
