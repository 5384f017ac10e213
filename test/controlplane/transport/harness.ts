/**
 * Two ends of a control transport on loopback, for the tests that every transport has to pass.
 */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type {
  CloseInfo,
  ControlConnection,
  ControlTransport,
  TransportOptions,
} from '../../../controlplane/transport/transport.ts';

export type OpenTransport = (options: TransportOptions) => Promise<ControlTransport>;

export interface End {
  readonly transport: ControlTransport;
  readonly port: number;
  readonly key: Uint8Array;
  readonly accepted: ControlConnection[];
  readonly notices: string[];
  /** The next connection that comes in, or the first one nobody asked for yet. */
  nextConnection(): Promise<ControlConnection>;
}

export interface EndOptions {
  readonly listen?: string;
  readonly port?: number;
  readonly seed?: Uint8Array;
  authorize?(key: Uint8Array): boolean;
}

/** Public key of a seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const header = Buffer.from('302e020100300506032b657004220420', 'hex'); // RFC 8410 §7
  const key = createPrivateKey({ key: Buffer.concat([header, seed]), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
}

export async function openEnd(open: OpenTransport, options: EndOptions = {}): Promise<End> {
  const seed = options.seed ?? randomBytes(32);
  const port = options.port ?? (await freePort());
  const accepted: ControlConnection[] = [];
  const notices: string[] = [];
  let arrived: () => void = () => {};
  let taken = 0;
  const transport = await open({
    listen: options.listen ?? '127.0.0.1',
    port,
    seed,
    authorize: options.authorize ?? (() => true),
    onConnection: (connection) => {
      accepted.push(connection);
      arrived();
    },
    onNotice: (notice) => notices.push(notice),
  });
  const nextConnection = async (): Promise<ControlConnection> => {
    while (accepted.length <= taken) await new Promise<void>((resolve) => (arrived = resolve));
    taken += 1;
    return accepted[taken - 1] as ControlConnection;
  };
  return { transport, port, key: publicKeyOf(seed), accepted, notices, nextConnection };
}

export function targetOf(end: End, host = '127.0.0.1', timeoutMs = 5_000) {
  return { host, port: end.port, peerKey: end.key, timeoutMs };
}

/** Dials and says one byte, so that the other side gets to see the connection. */
export async function connect(from: End, to: End): Promise<[ControlConnection, ControlConnection]> {
  const incoming = to.nextConnection();
  const dialled = await from.transport.dial(targetOf(to));
  await dialled.write(Uint8Array.of(0));
  const accepted = await incoming;
  await accepted.read();
  return [dialled, accepted];
}

/** Sends back whatever comes, until the other side ends. */
export async function echo(connection: ControlConnection): Promise<void> {
  for (let piece = await connection.read(); piece !== null; piece = await connection.read()) {
    await connection.write(piece);
  }
}

/** Reads exactly `len` bytes; fewer when the connection ends. */
export async function readBytes(connection: ControlConnection, len: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let got = 0; got < len; ) {
    const piece = await connection.read();
    if (piece === null) break;
    pieces.push(piece);
    got += piece.length;
  }
  return Buffer.concat(pieces);
}

export async function closedWithin(
  connection: ControlConnection,
  limitMs: number,
): Promise<CloseInfo | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  const info = await Promise.race([connection.closed, late]);
  clearTimeout(timer);
  return info;
}

/** A port that is free for UDP and TCP. */
export async function freePort(): Promise<number> {
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket('udp4');
  const free = await new Promise<boolean>((resolve) => {
    udp.once('error', () => resolve(false));
    udp.bind(port, '127.0.0.1', () => resolve(true));
  });
  if (free) udp.close();
  await new Promise((resolve) => tcp.close(resolve));
  return free ? port : freePort();
}
