/**
 * Control transport over QUIC, by @number0/iroh used as a plain QUIC library.
 *
 * TLS 1.3 with raw Ed25519 keys, pinned both ways. Direct addresses only: no relay, no
 * discovery, no DNS.
 */
import { ConnectionSet } from './connection-set.ts';
import { settledWithin } from './deadline.ts';
import { DialTurns } from './dial-turns.ts';
import { GOODBYE_MS } from './limits.ts';
import { Notices } from './notices.ts';
import { acceptConnections } from './quic-accept.ts';
import type { QuicConnection } from './quic-connection.ts';
import { dialQuic } from './quic-dial.ts';
import { bindEndpoint } from './quic-endpoint.ts';
import { dialTimeout } from './quic-error.ts';
import { type IrohEndpoint, loadIroh, releaseSockets } from './quic-library.ts';
import { checkReachable } from './socket-address.ts';
import {
  type ControlConnection,
  type ControlTransport,
  type DialTarget,
  TransportError,
  type TransportOptions,
} from './transport.ts';

/** Pause between attempts to replace a broken endpoint. */
const REBUILD_MS = 1_000;
/** Time for the accept loop to notice that its endpoint is closed. */
const FINAL_MS = 50;

type Bind = typeof bindEndpoint;

/**
 * Binds the control port and starts to accept.
 *
 * @param bind Makes the endpoint; tests give another one to break it.
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export async function quicTransport(
  options: TransportOptions,
  bind: Bind = bindEndpoint,
): Promise<ControlTransport> {
  await loadIroh((notice) => options.onNotice(notice));
  const endpoint = await bind(options.listen, options.port, options.seed);
  const transport = new QuicTransport(options, bind);
  transport.serve(endpoint);
  return transport;
}

class QuicTransport implements ControlTransport {
  readonly name = 'quic';
  readonly carrier = 'QUIC';
  readonly #connections = new ConnectionSet<QuicConnection>();
  readonly #turns = new DialTurns();
  readonly #options: TransportOptions;
  readonly #notices: Notices;
  readonly #bind: Bind;
  #endpoint: IrohEndpoint | null = null;
  #serving: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(options: TransportOptions, bind: Bind) {
    this.#options = options;
    this.#notices = new Notices((notice) => options.onNotice(notice));
    this.#bind = bind;
  }

  serve(endpoint: IrohEndpoint): void {
    this.#endpoint = endpoint;
    this.#serving = acceptConnections(endpoint, {
      connections: this.#connections,
      notices: this.#notices,
      authorize: (peerKey) => this.#options.authorize(peerKey),
      onConnection: (connection) => this.#options.onConnection(connection),
    });
    void this.#serving.then(() => this.#replaceBrokenEndpoint());
  }

  async dial(target: DialTarget): Promise<ControlConnection> {
    checkReachable(this.#options.listen, target.host, target.port);
    const startedAt = performance.now();
    const endTurn = await this.#turns.take(target.peerKey, target.timeoutMs);
    if (endTurn === null) throw dialTimeout(target);
    try {
      return await this.#dial(target, target.timeoutMs - (performance.now() - startedAt));
    } finally {
      endTurn();
    }
  }

  async #dial(target: DialTarget, limitMs: number): Promise<ControlConnection> {
    const endpoint = this.#endpoint;
    if (endpoint === null) {
      const state = this.#closed === null ? 'its endpoint is being replaced' : 'it is closed';
      throw new TransportError('ERR_ICX_TRANSPORT_CLOSED', `Cannot dial over QUIC: ${state}`);
    }
    const connection = await dialQuic(endpoint, target, this.#connections, limitMs);
    this.#connections.add(connection, target.peerKey);
    if (this.#closed !== null) connection.close('shutting down');
    return connection;
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    await this.#connections.closeAll('shutting down');
    await this.#closeEndpoint();
    await releaseSockets();
  }

  /**
   * Closing takes 3 s where a dial is unanswered; after {@link GOODBYE_MS} it goes on unwatched.
   *
   * A function of its own: what calls it must hold no reference when the sockets are released.
   */
  async #closeEndpoint(): Promise<void> {
    const endpoint = this.#endpoint;
    this.#endpoint = null;
    if (endpoint !== null) await settledWithin(endpoint.close(), GOODBYE_MS);
    await settledWithin(this.#serving, FINAL_MS);
  }

  /** The accept loop ended though nobody closed us: the endpoint is of no more use. */
  async #replaceBrokenEndpoint(): Promise<void> {
    if (this.#closed !== null || this.#endpoint === null) return;
    this.#notices.say('rebuild', 'The QUIC endpoint failed and is being replaced');
    const seed = Uint8Array.from(this.#endpoint.secretKey().toBytes());
    await this.#connections.closeAll('the QUIC endpoint failed');
    await this.#closeEndpoint();
    await releaseSockets();
    while (this.#closed === null) {
      try {
        const endpoint = await this.#bind(this.#options.listen, this.#options.port, seed);
        if (this.#closed === null) this.serve(endpoint);
        else await settledWithin(endpoint.close(), GOODBYE_MS);
        break;
      } catch (error) {
        this.#notices.say('rebind', (error as Error).message);
        await releaseSockets();
        await new Promise((resolve) => setTimeout(resolve, REBUILD_MS));
      }
    }
    seed.fill(0);
  }
}
