/**
 * Dials one peer over QUIC, pinned to its key, past connections whose path has died.
 */
import type { ConnectionSet } from './connection-set.ts';
import { DeadlineError, withDeadline } from './deadline.ts';
import { closeConnection, limitConnection, QuicConnection } from './quic-connection.ts';
import { ALPN_BYTES } from './quic-endpoint.ts';
import { CloseCode, dialError, dialTimeout } from './quic-error.ts';
import { type IrohConnection, type IrohEndpoint, irohLibrary } from './quic-library.ts';
import { joinHostPort } from './socket-address.ts';
import type { DialTarget } from './transport.ts';

/** After this long without an answer, connections to the same peer are looked at. */
const SUSPECT_AFTER_MS = 2_000;

/**
 * @throws {TransportError} TIMEOUT, PEER_KEY, REFUSED, UNREACHABLE. A peer that does not know our
 *         key is told apart only later: in TLS 1.3 a client is done before the server judged it.
 */
export async function dialQuic(
  endpoint: IrohEndpoint,
  target: DialTarget,
  connections: ConnectionSet<QuicConnection>,
): Promise<QuicConnection> {
  const stopWatching = closeDeadPaths(target, connections);
  try {
    return await withDeadline(connect(endpoint, target), target.timeoutMs, (late) => late.close('too late'));
  } catch (error) {
    throw error instanceof DeadlineError ? dialTimeout(target) : dialError(error, target);
  } finally {
    stopWatching();
  }
}

async function connect(endpoint: IrohEndpoint, target: DialTarget): Promise<QuicConnection> {
  const { EndpointAddr, EndpointId } = irohLibrary();
  const id = EndpointId.fromBytes(Array.from(target.peerKey));
  const address = new EndpointAddr(id, null, [joinHostPort(target.host, target.port)]);
  const connection = await endpoint.connect(address, ALPN_BYTES);
  limitConnection(connection, 0n);
  const stream = await connection.openBi().catch((error) => abandon(connection, error));
  return new QuicConnection(connection, stream, {
    peerKey: Uint8Array.from(target.peerKey),
    dialled: true,
    remoteAddress: target.host,
  });
}

/** The peer may have closed by now, and said why: that tells more than the failed call. */
function abandon(connection: IrohConnection, error: unknown): never {
  const cause = connection.closeReason() ?? error;
  closeConnection(connection, CloseCode.done, 'no stream could be opened');
  throw cause;
}

/**
 * Closes connections to the peer that heard nothing while we waited for its answer.
 *
 * While one exists, the library sends a new dial's packets along that connection's path and
 * never to the address it was given: a peer that moved would stay out of reach until the old
 * connection times out (30 s).
 */
function closeDeadPaths(target: DialTarget, connections: ConnectionSet<QuicConnection>): () => void {
  const before = connections.of(target.peerKey).map((connection) => ({
    connection,
    received: connection.receivedDatagrams,
  }));
  const timer = setTimeout(
    () => {
      for (const { connection, received } of before) {
        if (connection.receivedDatagrams === received) connection.close('the path to the peer is dead');
      }
    },
    Math.min(SUSPECT_AFTER_MS, target.timeoutMs / 2),
  );
  return () => clearTimeout(timer);
}
