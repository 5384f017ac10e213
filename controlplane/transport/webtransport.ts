/**
 * Control transport over WebTransport, for sites that reach each other only through HTTPS.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { ConnectionSet } from './connection-set.ts';
import { Notices } from './notices.ts';
import { dialTimeout } from './quic-error.ts';
import { bindAddresses, checkReachable } from './socket-address.ts';
import { identityCredentials } from './tls-identity.ts';
import {
  type ControlConnection,
  type ControlTransport,
  type DialTarget,
  TransportError,
  type TransportOptions,
} from './transport.ts';
import { dialHttp2 } from './webtransport-client.ts';
import type { WebTransportConnection } from './webtransport-connection.ts';
import { type WebTransportLibrary, webTransportLibrary } from './webtransport-library.ts';
import { WebTransportServer } from './webtransport-server.ts';

/**
 * Binds the control port (TCP) and starts to accept.
 *
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export async function webtransportTransport(options: TransportOptions): Promise<ControlTransport> {
  bindAddresses(options.listen, options.port); // throws for what is no address
  const library = await webTransportLibrary();
  const credentials = identityCredentials(options.seed);
  const connections = new ConnectionSet<WebTransportConnection>();
  const server = new WebTransportServer(credentials, {
    library,
    connections,
    notices: new Notices((notice) => options.onNotice(notice)),
    authorize: (key) => options.authorize(key),
    onConnection: (connection) => options.onConnection(connection),
  });
  const context = createSecureContext({ ...credentials, minVersion: 'TLSv1.3' });
  credentials.key.fill(0);
  await server.listen(options.listen, options.port);
  return new WebTransportTransport(options.listen, library, context, server, connections);
}

class WebTransportTransport implements ControlTransport {
  readonly name = 'webtransport';
  readonly carrier = 'HTTP/2 over TCP';
  readonly #listen: string;
  readonly #library: WebTransportLibrary;
  readonly #context: SecureContext;
  readonly #server: WebTransportServer;
  readonly #connections: ConnectionSet<WebTransportConnection>;
  /** Aborted when the transport closes, so that no dial outlives it. */
  readonly #life = new AbortController();
  #closed: Promise<void> | null = null;

  constructor(
    listen: string,
    library: WebTransportLibrary,
    context: SecureContext,
    server: WebTransportServer,
    connections: ConnectionSet<WebTransportConnection>,
  ) {
    this.#listen = listen;
    this.#library = library;
    this.#context = context;
    this.#server = server;
    this.#connections = connections;
  }

  async dial(target: DialTarget): Promise<ControlConnection> {
    checkReachable(this.#listen, target.host, target.port);
    const timeout = AbortSignal.timeout(target.timeoutMs);
    const signal = AbortSignal.any([timeout, this.#life.signal]);
    try {
      if (signal.aborted) throw closedError();
      const connection = await dialHttp2(this.#library, this.#context, target, signal);
      this.#connections.add(connection, target.peerKey);
      return connection;
    } catch (error) {
      if (this.#life.signal.aborted) throw closedError();
      throw timeout.aborted ? dialTimeout(target, this.carrier) : error;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    this.#life.abort();
    await this.#connections.closeAll('shutting down');
    await this.#server.close();
  }
}

function closedError(): TransportError {
  return new TransportError('ERR_ICX_TRANSPORT_CLOSED', 'Cannot dial over WebTransport: it is closed');
}
