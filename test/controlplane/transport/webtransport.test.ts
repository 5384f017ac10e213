/** WebTransport over HTTP/2: what every transport does, and strangers at its TCP port. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_HANDSHAKES_PER_SOURCE } from '../../../controlplane/transport/limits.ts';
import { webtransportTransport } from '../../../controlplane/transport/webtransport.ts';
import { describeConformance } from './conformance.ts';
import { closedWithin, connect, type End, type OpenTransport, openEnd, targetOf } from './harness.ts';

const overHttp2: OpenTransport = (options) => webtransportTransport(options, false);

describeConformance('WebTransport over HTTP/2', overHttp2);

describe('webtransportTransport()', () => {
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
    const a = await open(overHttp2);
    const held: Socket[] = [];
    const hole = createServer((socket) => held.push(socket)).listen(0, '127.0.0.1');
    await once(hole, 'listening');
    const { port } = hole.address() as { port: number };
    const startedAt = performance.now();
    await expect(a.transport.dial({ ...targetOf(a, '127.0.0.1', 1_500), port })).rejects.toMatchObject({
      code: 'ERR_ICX_TRANSPORT_TIMEOUT',
      hint: expect.stringMatching(/TCP port/),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    for (const socket of held) socket.destroy();
    hole.close();
  });

  test('a connection outlives the timeout of the dial that made it', async () => {
    const [a, b] = [await open(overHttp2), await open(overHttp2)];
    const dialled = await a.transport.dial(targetOf(b, '127.0.0.1', 500));
    expect(await closedWithin(dialled, 1_000)).toBe(null);
  });

  test('2,000 TCP connections with garbage leave it working, and the log quiet', async () => {
    const [a, b] = [await open(overHttp2), await open(overHttp2)];
    const [dialled] = await connect(a, b);
    for (let count = 0; count < 2_000; count += 1) await sendGarbage(b.port, count);
    expect(await closedWithin(dialled, 1)).toBe(null);
    // All of them came from this very address, which has to wait for its next attempt.
    await expect.poll(() => connects(a, b)).toBe(true);
    expect(b.notices.length).toBeLessThan(5);
  });

  test('connections that say nothing are bounded for one source', async () => {
    const b = await open(overHttp2);
    const sockets = Array.from({ length: MAX_HANDSHAKES_PER_SOURCE + 12 }, () =>
      connectTcp(b.port, '127.0.0.1').on('error', () => {}),
    );
    await expect.poll(() => sockets.filter((socket) => socket.destroyed).length).toBe(12);
    for (const socket of sockets) socket.destroy();
    const a = await open(overHttp2);
    await expect.poll(() => connects(a, b)).toBe(true);
  });

  test('TLS without a certificate gets no HTTP/2', async () => {
    const b = await open(overHttp2);
    const options = { host: '127.0.0.1', port: b.port, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const socket = connectTls(options).on('error', () => {});
    const heard: Buffer[] = [];
    socket.on('data', (bytes) => heard.push(bytes));
    await once(socket, 'close');
    expect(Buffer.concat(heard).length).toBe(0);
  });

  test('carrier says what really runs', async () => {
    expect((await open(overHttp2)).transport.carrier).toBe('HTTP/2 over TCP');
  });

  test('the library prints nothing, whichever of its carriers is installed', () => {
    const program = `import { createServer } from 'vite';
      const server = await createServer({ configFile: false, logLevel: 'silent', server: { middlewareMode: true, ws: false } });
      const module = await server.ssrLoadModule('/controlplane/transport/webtransport-library.ts');
      await module.webTransportLibrary();
      await server.close();`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect({ status: run.status, out: run.stdout + run.stderr }).toEqual({ status: 0, out: '' });
  });
});

/** Whether a connection comes about. */
function connects(from: End, to: End): Promise<boolean> {
  return connect(from, to).then(
    () => true,
    () => false,
  );
}

/** A connection with one of: random bytes, the start of TLS and then random bytes, nothing. */
async function sendGarbage(port: number, count: number): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect').catch(() => {});
  const garbage = randomBytes(1 + (count % 600));
  if (count % 3 === 1) garbage.set([0x16, 0x03, 0x01].slice(0, garbage.length)); // a TLS handshake record
  if (count % 3 !== 2) socket.write(garbage);
  if (count % 2 === 0) socket.resetAndDestroy();
  else socket.destroy();
}
