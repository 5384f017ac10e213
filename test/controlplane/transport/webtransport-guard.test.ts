/** What an authorized peer may send without taking the process down. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { identityCredentials } from '../../../controlplane/transport/tls-identity.ts';
import { webtransportTransport } from '../../../controlplane/transport/webtransport.ts';
import { guardParser } from '../../../controlplane/transport/webtransport-guard.ts';
import type { DrivenSession } from '../../../controlplane/transport/webtransport-library.ts';
import { connect, type End, openEnd } from './harness.ts';

/** Capsule types. @see draft-ietf-webtrans-http2 §6, RFC 9297 §3.2 */
const Capsule = { stream: 0x190b4d3b, close: 0x2843, datagram: 0 } as const;

function capsule(type: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(0x8000_0000 + type, 0); // four-byte variable-length integers, RFC 9000 §16
  header.writeUInt32BE(0x8000_0000 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

const CLOSE = capsule(Capsule.close, Buffer.from('\0\0\0\0bye'));
const STREAM_1 = capsule(Capsule.stream, Uint8Array.of(1, 42));

describe('guardSession()', () => {
  const ends: End[] = [];
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end.transport.close()));
  });

  test.each([
    ['two closes', [CLOSE, CLOSE]],
    ['a stream after the close', [CLOSE, STREAM_1]],
    [
      'a stream of 4 GiB',
      [capsule(Capsule.stream, Uint8Array.of(1)), Buffer.from('990b4d3bc0000001000000000142', 'hex')],
    ],
    ['random bytes', [randomBytes(4_096)]],
    ['10,000 datagrams', Array.from({ length: 10_000 }, () => capsule(Capsule.datagram, randomBytes(100)))],
    ['a stream number of the other side', [capsule(Capsule.stream, Uint8Array.of(0, 42))]],
  ])('%s: the process goes on, and so does the transport', async (_what, capsules) => {
    const open = () => openEnd((options) => webtransportTransport(options, false));
    const [a, b] = [await open(), await open()];
    ends.push(a, b);
    const stream = await openSession(b.port);
    stream.write(Buffer.concat(capsules));
    await new Promise((resolve) => setTimeout(resolve, 100));
    stream.session?.destroy();
    await connect(a, b);
    expect(b.transport.carrier).toBe('HTTP/2 over TCP');
  });
});

describe('guardParser()', () => {
  test('a session that closes ends its HTTP/2 stream after what waits in it, and never destroys it', async () => {
    const sent: string[] = [];
    const stream = new Writable({
      write: (bytes: Buffer, _, done) =>
        setImmediate(() => {
          sent.push(bytes.toString());
          done();
        }),
    });
    const destroyed = vi.spyOn(stream, 'destroy');
    const parser = {
      stream,
      parseData: () => {},
      // As the library does it.
      closeHttp2Stream: () => stream.destroy(),
    };
    guardParser({ objint: { capsParser: parser } } as unknown as DrivenSession);
    for (const bytes of ['goodbye', 'close']) stream.write(bytes);
    parser.closeHttp2Stream();
    expect(destroyed).not.toHaveBeenCalled();
    await once(stream, 'finish');
    expect(sent).toEqual(['goodbye', 'close']);
  });
});

/** A session by hand, as a peer with a key of its own would open it. */
async function openSession(port: number): Promise<ClientHttp2Stream> {
  const options = { host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false };
  const socket = connectTls({ ...options, ...identityCredentials(randomBytes(32)) });
  await once(socket, 'secureConnect');
  const session = connectHttp2('https://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'webtransport',
    ':scheme': 'https',
    ':path': '/icx/1',
  });
  stream.on('error', () => {});
  await once(stream, 'response');
  return stream;
}
