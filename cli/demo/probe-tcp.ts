/** TCP throughput from inside a namespace: one stream, bounded in time. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const CHUNK_LEN = 256 * 1024;
/** Nobody came, or the stream hangs: give up instead of waiting for good. */
const PATIENCE_MS = 15_000;

export interface TcpSent {
  readonly sent_bytes: number;
}

export interface TcpReceived {
  readonly received_bytes: number;
  /** From connected to the last byte. */
  readonly seconds: number;
}

/** Accepts one connection, sends to it for `seconds`, closes. */
export async function serveTcp(
  address: string,
  port: number,
  seconds: number,
  onReady: () => void,
): Promise<TcpSent> {
  const server = createServer();
  server.listen(port, address);
  await once(server, 'listening');
  onReady();
  const [socket] = (await once(server, 'connection', { signal: AbortSignal.timeout(PATIENCE_MS) })) as [
    Socket,
  ];
  server.close();
  const chunk = Buffer.alloc(CHUNK_LEN, 0x5a);
  const endAtMs = performance.now() + seconds * 1_000;
  let sent = 0;
  while (performance.now() < endAtMs) {
    sent += CHUNK_LEN;
    if (!socket.write(chunk)) await once(socket, 'drain', { signal: AbortSignal.timeout(PATIENCE_MS) });
  }
  socket.end();
  await once(socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) });
  return { sent_bytes: sent };
}

/** Connects and reads to the end. The reading side connects: only there Node can reuse one buffer. */
export function sinkTcp(address: string, port: number): Promise<TcpReceived> {
  return new Promise((resolve, reject) => {
    let received = 0;
    let connectedAtMs = 0;
    const onread = {
      buffer: Buffer.alloc(CHUNK_LEN),
      callback: (len: number) => {
        received += len;
        return true;
      },
    };
    const socket = connect({ host: address, port, onread });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing came for 15 s')));
    socket.on('connect', () => {
      connectedAtMs = performance.now();
    });
    socket.on('error', reject);
    socket.on('end', () => {
      resolve({ received_bytes: received, seconds: (performance.now() - connectedAtMs) / 1_000 });
    });
  });
}
