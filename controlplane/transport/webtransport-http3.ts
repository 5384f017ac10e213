/**
 * WebTransport over HTTP/3, where the library's native QUIC transport is installed.
 *
 * Nothing verifies the peer here (http3-certificate.ts says why): every session is a stranger's
 * until the handshake, and the sum of sessions is bounded.
 */
import { randomBytes } from 'node:crypto';
import type { ConnectionSet } from './connection-set.ts';
import { withDeadline } from './deadline.ts';
import { HandshakeSlots } from './handshake-slots.ts';
import { http3Certificate, http3CertificateHashes, weekOf } from './http3-certificate.ts';
import { ACCEPT_TIMEOUT_MS, LINGER_MS, MAX_UNVERIFIED_CONNECTIONS } from './limits.ts';
import type { Notices } from './notices.ts';
import { hostOf, joinHostPort } from './socket-address.ts';
import { type DialTarget, TransportError } from './transport.ts';
import { firstStream, WebTransportConnection } from './webtransport-connection.ts';
import { guardSession } from './webtransport-guard.ts';
import type { DrivenSession, Session } from './webtransport-library.ts';
import { PATH } from './webtransport-server.ts';

/** Stands for the key of peers that showed none. */
const NO_KEY = new Uint8Array(0);
/** How often the listener looks whether its certificate's week is over. */
const ROTATE_CHECK_MS = 3_600_000;

interface Http3Server {
  readonly ready: Promise<unknown>;
  startServer(): void;
  stopServer(): void;
  sessionStream(path: string): ReadableStream<DrivenSession & { readonly peerAddress?: string }>;
}

interface Http3Library {
  readonly quicheLoaded: Promise<unknown>;
  readonly Http3Server: new (options: object) => Http3Server;
  readonly WebTransport: new (url: string, options: object) => Session;
}

export interface Http3Options {
  readonly listen: string;
  readonly port: number;
  readonly publicKey: Uint8Array;
  readonly connections: ConnectionSet<WebTransportConnection>;
  readonly notices: Notices;
  onConnection(connection: WebTransportConnection): void;
}

export function http3Installed(): boolean {
  try {
    import.meta.resolve('@fails-components/webtransport-transport-http3-quiche');
    return true;
  } catch {
    return false;
  }
}

async function http3Library(): Promise<Http3Library> {
  const library = (await import('@fails-components/webtransport')) as unknown as Http3Library;
  await library.quicheLoaded;
  return library;
}

export class Http3Listener {
  readonly #options: Http3Options;
  readonly #slots = new HandshakeSlots();
  #server: Http3Server | null = null;
  #week = 0;
  #rotation: NodeJS.Timeout | undefined;

  constructor(options: Http3Options) {
    this.#options = options;
  }

  /** @throws {TransportError} ERR_ICX_TRANSPORT_BIND */
  async listen(): Promise<void> {
    const { listen, port, publicKey } = this.#options;
    const library = await http3Library();
    this.#week = weekOf(Date.now());
    const { cert, key } = http3Certificate(publicKey, this.#week);
    const secret = randomBytes(32).toString('hex');
    const server = new library.Http3Server({ host: listen, port, secret, cert, privKey: key });
    server.startServer();
    await withDeadline(server.ready, ACCEPT_TIMEOUT_MS).catch((error: Error) => {
      const where = `UDP ${joinHostPort(listen, port)}`;
      throw new TransportError(
        'ERR_ICX_TRANSPORT_BIND',
        `Cannot bind the control port ${where}: ${error.message}`,
      );
    });
    this.#server = server;
    this.#rotation ??= setInterval(() => void this.#rotate(), ROTATE_CHECK_MS).unref();
    void this.#acceptSessions(server);
  }

  close(): void {
    clearInterval(this.#rotation);
    this.#server?.stopServer();
    this.#server = null;
  }

  /** The library cannot exchange the certificate of a running server. */
  async #rotate(): Promise<void> {
    if (this.#server === null || this.#week === weekOf(Date.now())) return;
    this.#server.stopServer();
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await this.listen().catch((error: Error) => this.#options.notices.say('http3', error.message));
  }

  async #acceptSessions(server: Http3Server): Promise<void> {
    const sessions = server.sessionStream(PATH).getReader();
    for (;;) {
      const { done, value } = await sessions.read();
      if (done) return;
      const source = hostOf(value.peerAddress ?? '');
      void this.#welcome(guardSession(value), source).catch(() => {});
    }
  }

  async #welcome(session: DrivenSession, source: string): Promise<void> {
    const { connections, notices, onConnection } = this.#options;
    const hangUp = () => session.close({ closeCode: 0, reason: 'refused' });
    const full = connections.of(NO_KEY).length >= MAX_UNVERIFIED_CONNECTIONS;
    const leave = full ? null : this.#slots.take(source);
    if (leave === null) {
      notices.say('busy', `Refused a control connection from ${source}: too many under way`);
      hangUp();
      return;
    }
    const stream = await withDeadline(firstStream(session), ACCEPT_TIMEOUT_MS).catch(() => null);
    leave();
    if (stream === null) {
      hangUp();
      return;
    }
    const facts = { peerKey: null, dialled: false, remoteAddress: source, hangUp: () => {} };
    const connection = new WebTransportConnection(session, stream, facts);
    connections.add(connection, NO_KEY);
    onConnection(connection);
  }
}

/** @throws whatever the library throws: callers fall back to HTTP/2 and say so */
export async function dialHttp3(target: DialTarget): Promise<WebTransportConnection> {
  const library = await http3Library();
  const hashes = http3CertificateHashes(target.peerKey, Date.now());
  const session = new library.WebTransport(`https://${joinHostPort(target.host, target.port)}${PATH}`, {
    serverCertificateHashes: hashes.map((value) => ({ algorithm: 'sha-256', value })),
    requireUnreliable: true,
    quicConnectTimeout: target.timeoutMs,
    webTransportConnectTimeout: target.timeoutMs,
  });
  session.closed.catch(() => {});
  await session.ready;
  const stream = await session.createBidirectionalStream();
  const facts = { peerKey: null, dialled: true, remoteAddress: target.host, hangUp: () => {} };
  return new WebTransportConnection(session, stream, facts);
}
