/**
 * Control transport over WebTransport, for sites that reach each other only through HTTPS.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { ConnectionSet } from './connection-set.ts';
import { withDeadline } from './deadline.ts';
import { Notices } from './notices.ts';
import { dialTimeout } from './quic-error.ts';
import { bindAddresses, checkReachable, joinHostPort } from './socket-address.ts';
import { certifiedKey, identityCredentials } from './tls-identity.ts';
import {
  type ControlConnection,
  type ControlTransport,
  type DialTarget,
  TransportError,
  type TransportOptions,
} from './transport.ts';
import { dialHttp2, HTTP2_CARRIER } from './webtransport-client.ts';
import type { WebTransportConnection } from './webtransport-connection.ts';
import { dialHttp3, Http3Listener, http3Installed } from './webtransport-http3.ts';
import { type WebTransportLibrary, webTransportLibrary } from './webtransport-library.ts';
import { WebTransportServer } from './webtransport-server.ts';

/** Of a dial's time, HTTP/3 gets this share before HTTP/2 is tried. */
const HTTP3_SHARE = 0.4;

/**
 * Binds the control port and starts to accept: TCP, and UDP as well where HTTP/3 is installed.
 *
 * @param http3 Whether to use HTTP/3; tests say so themselves.
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export async function webtransportTransport(
  options: TransportOptions,
  http3 = http3Installed(),
): Promise<ControlTransport> {
  bindAddresses(options.listen, options.port); // throws for what is no address
  const library = await webTransportLibrary();
  const credentials = identityCredentials(options.seed);
  const connections = new ConnectionSet<WebTransportConnection>();
  const notices = new Notices((notice) => options.onNotice(notice));
  const onConnection = (connection: ControlConnection) => options.onConnection(connection);
  const authorize = (key: Uint8Array) => options.authorize(key);
  const server = new WebTransportServer(credentials, {
    library,
    connections,
    notices,
    authorize,
    onConnection,
  });
  const context = createSecureContext({ ...credentials, minVersion: 'TLSv1.3' });
  credentials.key.fill(0);
  await server.listen(options.listen, options.port);
  const { listen, port } = options;
  const publicKey = certifiedKey(credentials.cert);
  const listener = http3
    ? new Http3Listener({ listen, port, publicKey, connections, notices, onConnection })
    : null;
  await listener?.listen().catch(async (error) => {
    await server.close();
    throw error;
  });
  return new WebTransportTransport(listen, { library, context, server, connections, notices, listener });
}

interface Parts {
  readonly library: WebTransportLibrary;
  readonly context: SecureContext;
  readonly server: WebTransportServer;
  readonly connections: ConnectionSet<WebTransportConnection>;
  readonly notices: Notices;
  readonly listener: Http3Listener | null;
}

class WebTransportTransport implements ControlTransport {
  readonly name = 'webtransport';
  readonly carrier: string;
  readonly #listen: string;
  readonly #parts: Parts;
  /** Aborted when the transport closes, so that no dial outlives it. */
  readonly #life = new AbortController();
  #closed: Promise<void> | null = null;

  constructor(listen: string, parts: Parts) {
    this.#listen = listen;
    this.#parts = parts;
    this.carrier = parts.listener === null ? HTTP2_CARRIER : 'HTTP/3 over QUIC';
  }

  async dial(target: DialTarget): Promise<ControlConnection> {
    checkReachable(this.#listen, target.host, target.port);
    if (this.#life.signal.aborted) throw closedError();
    const startedAt = performance.now();
    const overHttp3 = await this.#dialHttp3(target);
    const leftMs = Math.max(1, Math.round(target.timeoutMs - (performance.now() - startedAt)));
    const connection = overHttp3 ?? (await this.#dialHttp2({ ...target, timeoutMs: leftMs }));
    this.#parts.connections.add(connection, target.peerKey);
    if (this.#life.signal.aborted) connection.close('shutting down');
    return connection;
  }

  async #dialHttp3(target: DialTarget): Promise<WebTransportConnection | null> {
    if (this.#parts.listener === null) return null;
    const limitMs = target.timeoutMs * HTTP3_SHARE;
    try {
      return await withDeadline(dialHttp3(target), limitMs, (late) => late.close('too late'));
    } catch {
      const where = joinHostPort(target.host, target.port);
      this.#parts.notices.say('fallback', `No HTTP/3 to ${where}: falling back to ${HTTP2_CARRIER}`);
      return null;
    }
  }

  async #dialHttp2(target: DialTarget): Promise<WebTransportConnection> {
    const { library, context } = this.#parts;
    const timeout = AbortSignal.timeout(target.timeoutMs);
    try {
      return await dialHttp2(library, context, target, AbortSignal.any([timeout, this.#life.signal]));
    } catch (error) {
      if (this.#life.signal.aborted) throw closedError();
      throw timeout.aborted ? dialTimeout(target, HTTP2_CARRIER) : error;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    this.#life.abort();
    await this.#parts.connections.closeAll('shutting down');
    this.#parts.listener?.close();
    await this.#parts.server.close();
  }
}

function closedError(): TransportError {
  return new TransportError('ERR_ICX_TRANSPORT_CLOSED', 'Cannot dial over WebTransport: it is closed');
}
