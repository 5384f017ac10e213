/**
 * Lets peers in over WebTransport on HTTP/2: our TLS in front, the library's HTTP/2 behind it.
 *
 * The library's own listener would speak HTTP/2 and WebTransport with everyone, and it can be
 * made to throw in event handlers by a stranger. So it listens nowhere: our TLS server checks
 * the peer's key first and hands over only sockets of authorized peers.
 */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ConnectionSet } from './connection-set.ts';
import { settledWithin } from './deadline.ts';
import { HandshakeSlots } from './handshake-slots.ts';
import { ACCEPT_TIMEOUT_MS, LINGER_MS } from './limits.ts';
import type { Notices } from './notices.ts';
import { joinHostPort, plainAddress } from './socket-address.ts';
import { provenKey, type TlsCredentials } from './tls-identity.ts';
import { TransportError } from './transport.ts';
import { firstStream, hangUpSoon, WebTransportConnection } from './webtransport-connection.ts';
import { guardSession } from './webtransport-guard.ts';
import {
  type DrivenSession,
  FLOW_WINDOWS,
  type Http2Server,
  type WebTransportLibrary,
} from './webtransport-library.ts';

export const PATH = '/icx/1';
const HTTP2_ALPN = 'h2';

export interface ServerOptions {
  readonly library: WebTransportLibrary;
  readonly connections: ConnectionSet<WebTransportConnection>;
  readonly notices: Notices;
  authorize(peerKey: Uint8Array): boolean;
  onConnection(connection: WebTransportConnection): void;
}

/** A TCP connection on its way from accept() to its first stream. */
interface Visitor {
  readonly source: string;
  /** Gives back its slot and stops its clock; may be called again. */
  readonly leave: () => void;
  /** Set while its key is proven and its session has not come. */
  secure: { socket: TLSSocket; key: Uint8Array } | null;
}

export class WebTransportServer {
  readonly #options: ServerOptions;
  readonly #slots = new HandshakeSlots();
  /** By address and port of the peer, which is how the library names a session's origin. */
  readonly #visitors = new Map<string, Visitor>();
  readonly #sockets = new Set<Socket>();
  readonly #tls: Server;
  readonly #http2: Http2Server;

  /** @param credentials The node's identity; the caller wipes it afterwards */
  constructor(credentials: TlsCredentials, options: ServerOptions) {
    this.#options = options;
    this.#http2 = silentHttp2Server(options.library, credentials, (session, origin) => {
      void this.#onSession(session, origin);
    });
    this.#tls = createServer({
      ...credentials,
      ALPNProtocols: [HTTP2_ALPN],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      // No resumption: every connection proves its key anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: ACCEPT_TIMEOUT_MS,
    });
    this.#tls.on('connection', (socket: Socket) => this.#onTcp(socket));
    this.#tls.on('secureConnection', (socket: TLSSocket) => this.#onTls(socket));
    this.#tls.on('tlsClientError', () => {}); // the socket is destroyed: its visitor goes with it
  }

  /** @throws {TransportError} ERR_ICX_TRANSPORT_BIND */
  async listen(host: string, port: number): Promise<void> {
    this.#tls.listen({ host, port });
    try {
      await once(this.#tls, 'listening');
    } catch (error) {
      throw bindError(error as NodeJS.ErrnoException, host, port);
    }
  }

  /** Stops listening; the connections' own goodbyes are left a moment to get out. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tls.close(() => resolve()));
    await settledWithin(closed, LINGER_MS);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #onTcp(socket: Socket): void {
    this.#sockets.add(socket);
    const origin = originOf(socket);
    const source = plainAddress(socket.remoteAddress ?? '');
    const leave = this.#slots.take(source);
    if (leave === null) {
      this.#options.notices.say('busy', `Refused a control connection from ${source}: too many under way`);
      this.#sockets.delete(socket);
      socket.destroy();
      return;
    }
    const timer = setTimeout(() => socket.destroy(), ACCEPT_TIMEOUT_MS);
    const visitor: Visitor = {
      source,
      leave: () => {
        clearTimeout(timer);
        leave();
      },
      secure: null,
    };
    this.#visitors.set(origin, visitor);
    socket.on('error', () => {});
    socket.on('close', () => {
      visitor.leave();
      this.#sockets.delete(socket);
      this.#visitors.delete(origin);
    });
  }

  #onTls(socket: TLSSocket): void {
    socket.on('error', () => {});
    const visitor = this.#visitors.get(originOf(socket));
    const key = provenKey(socket);
    if (visitor === undefined || key === null || socket.alpnProtocol !== HTTP2_ALPN) {
      socket.destroy();
      return;
    }
    if (!this.#options.authorize(key)) {
      this.#options.notices.say(
        'key',
        `Refused a control connection from ${visitor.source}: its key is not configured`,
      );
      socket.destroy();
      return;
    }
    if (this.#options.connections.isFull(key)) {
      socket.destroy();
      return;
    }
    visitor.secure = { socket, key };
    this.#http2.serverInt.emit('secureConnection', socket);
  }

  async #onSession(session: DrivenSession, origin: string): Promise<void> {
    const visitor = this.#visitors.get(origin);
    const secure = visitor?.secure;
    if (visitor === undefined || !secure)
      return session.close({ closeCode: 0, reason: 'unexpected session' });
    visitor.secure = null; // one session a connection
    const stream = await firstStream(session);
    visitor.leave();
    if (stream === null) {
      secure.socket.destroy();
      return;
    }
    const connection = new WebTransportConnection(session, stream, {
      peerKey: secure.key,
      dialled: false,
      remoteAddress: visitor.source,
      hangUp: () => void hangUpSoon(secure.socket),
    });
    this.#options.connections.add(connection, secure.key);
    this.#options.onConnection(connection);
  }
}

/** The library's HTTP/2 server without a listener: sockets are handed to it. */
function silentHttp2Server(
  library: WebTransportLibrary,
  credentials: TlsCredentials,
  onSession: (session: DrivenSession, origin: string) => void,
): Http2Server {
  const { cert, key } = credentials;
  const server = new library.Http2WebTransportServer({
    port: 0,
    host: 'localhost',
    secret: 'unused',
    ...FLOW_WINDOWS,
    cert,
    privKey: key,
  });
  // HTTP/1 upgrades to WebSocket, and a ping each second: nothing of ours needs them.
  server.serverInt.removeAllListeners('upgrade').removeAllListeners('session');
  server.serverInt.on('sessionError', () => {});
  server.addPath(PATH);
  server.jsobj = {
    onHttpWTSessionVisitor: ({ session, header, peerAddress }) => {
      onSession(
        guardSession(new library.HttpWTSession({ object: session, header, peerAddress, parentobj: {} })),
        peerAddress,
      );
    },
    onServerListening: () => {},
    onServerError: () => {},
    onServerClose: () => {},
  };
  return server;
}

function originOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function bindError(error: NodeJS.ErrnoException, host: string, port: number): TransportError {
  const inUse = error.code === 'EADDRINUSE';
  const cause = inUse ? 'address already in use' : error.message;
  return new TransportError(
    'ERR_ICX_TRANSPORT_BIND',
    `Cannot bind the control port TCP ${joinHostPort(host, port)}: ${cause}`,
    inUse
      ? 'another process has the port (see: ss -tlnp); stop it or set control_port to another one'
      : 'set listen to an address of this host, 0.0.0.0 or ::',
  );
}
