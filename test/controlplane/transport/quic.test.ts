/** QUIC: what every transport does, floods, black holes, dead paths and broken endpoints. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { quicTransport } from '../../../controlplane/transport/quic.ts';
import { bindEndpoint } from '../../../controlplane/transport/quic-endpoint.ts';
import type { IrohEndpoint } from '../../../controlplane/transport/quic-library.ts';
import { describeConformance } from './conformance.ts';
import { closedWithin, connect, type End, freePort, openEnd, publicKeyOf, targetOf } from './harness.ts';

describeConformance('QUIC', quicTransport);

describe('quicTransport()', () => {
  const ends: End[] = [];
  const open = async (...args: Parameters<typeof openEnd>): Promise<End> => {
    const end = await openEnd(...args);
    ends.push(end);
    return end;
  };

  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end.transport.close()));
  });

  test('dial() gives up on a black hole after its timeout', async () => {
    const a = await open(quicTransport);
    const hole = createSocket('udp4');
    await new Promise<void>((resolve) => hole.bind(0, '127.0.0.1', resolve));
    const startedAt = performance.now();
    const dial = a.transport.dial({
      ...targetOf(a, '127.0.0.1', 1_500),
      peerKey: SOME_KEY,
      port: hole.address().port,
    });
    await expect(dial).rejects.toMatchObject({
      code: 'ERR_ICX_TRANSPORT_TIMEOUT',
      hint: expect.stringMatching(/UDP port/),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    hole.close();
  });

  test('60,000 random datagrams leave it working, and the log quiet', async () => {
    const [a, b] = [await open(quicTransport), await open(quicTransport)];
    await connect(a, b);
    await flood(b.port, 60_000);
    const startedAt = performance.now();
    await connect(a, b);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(b.notices.length).toBeLessThan(5);
  });

  test('a peer that moved is reached although its old connection is still open', async () => {
    const seed = randomBytes(32);
    const a = await open(quicTransport);
    const port = await freePort();
    const stopped = await spawnPeer('127.0.0.5', port, seed);
    const old = await a.transport.dial({
      host: '127.0.0.5',
      port,
      peerKey: publicKeyOf(seed),
      timeoutMs: 5_000,
    });
    await old.write(Uint8Array.of(1));
    await old.read();
    stopped();
    const moved = await open(quicTransport, { listen: '127.0.0.6', seed });
    const again = await a.transport.dial(targetOf(moved, '127.0.0.6'));
    await again.write(Uint8Array.of(1));
    await moved.nextConnection();
    expect(await closedWithin(old, 1_000)).toMatchObject({ message: expect.stringMatching(/path .* dead/) });
  });

  test('dial() runs 8 at once to one peer, with others beside them', async () => {
    let running = 0;
    let most = 0;
    const b = await open(quicTransport);
    const c = await open(quicTransport);
    const a = await open((options) =>
      quicTransport(options, async (...args) => {
        const endpoint = await bindEndpoint(...args);
        const { connect: connectFor } = endpoint;
        endpoint.connect = async (...target) => {
          running += 1;
          most = Math.max(most, running);
          return await connectFor.apply(endpoint, target).finally(() => {
            running -= 1;
          });
        };
        return endpoint;
      }),
    );
    await Promise.all(Array.from({ length: 40 }, () => a.transport.dial(targetOf(b))));
    expect(most).toBe(8);
    most = 0;
    await Promise.all(
      [b, c].flatMap((to) => Array.from({ length: 20 }, () => a.transport.dial(targetOf(to)))),
    );
    expect(most).toBe(16);
  });

  test('an endpoint that breaks is replaced on the same port', async () => {
    const endpoints: IrohEndpoint[] = [];
    const port = await freePort();
    const a = await open(quicTransport);
    const b = await open(
      (options) =>
        quicTransport(options, async (...args) => {
          const endpoint = await bindEndpoint(...args);
          endpoints.push(endpoint);
          return endpoint;
        }),
      { port },
    );
    await endpoints.pop()?.close();
    await expect.poll(() => endpoints.length, { timeout: 5_000 }).toBe(1);
    endpoints.length = 0;
    const [, accepted] = await connect(a, b);
    expect(accepted.dialled).toBe(false);
    expect(b.notices.join()).toMatch(/replaced/);
  });
});

/** A public key whose owner answers nowhere here. @see RFC 8032 §7.1, test 1 */
const SOME_KEY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');

/** Runs a peer in a process of its own that echoes one byte; returns what kills it without a goodbye. */
async function spawnPeer(host: string, port: number, seed: Uint8Array): Promise<() => void> {
  const program = `
    const { Endpoint, RelayMode } = require('@number0/iroh/index.js');
    const builder = Endpoint.builder();
    builder.applyMinimal();
    builder.relayMode(RelayMode.disabled());
    builder.secretKey([...Buffer.from('${Buffer.from(seed).toString('hex')}', 'hex')]);
    builder.alpns([[...Buffer.from('icx/1')]]);
    builder.bindAddr('${host}:${port}');
    builder.bindAddr('[::1]:0');
    builder.bind().then(async (endpoint) => {
      console.log('ready');
      const connection = await (await (await endpoint.acceptNext()).accept()).connect();
      const stream = await connection.acceptBi();
      await stream.send.writeAll(await stream.recv.read(1));
      globalThis.kept = [connection, stream];
      setInterval(() => globalThis.kept, 1000);
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return () => child.kill('SIGKILL');
}

async function flood(port: number, count: number): Promise<void> {
  const socket = createSocket('udp4');
  for (let sent = 0; sent < count; sent += 1) {
    const bytes = randomBytes(20 + (sent % 1_200));
    if (sent % 2 === 0) bytes[0] = 0xc0 | (bytes[0] ?? 0); // long header: looks like a handshake
    if (sent % 4 === 0) bytes.set([0, 0, 0, 1], 1); // QUIC version 1
    await new Promise<void>((resolve) => socket.send(bytes, port, '127.0.0.1', () => resolve()));
  }
  socket.close();
}
