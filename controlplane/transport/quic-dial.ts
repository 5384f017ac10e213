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

/** After this long without an answer, older connections to the same peer are given up. */
const SUSPECT_AFTER_MS = 2_000;

/**
 * @param limitMs What is left of the target's time.
 * @throws {TransportError} TIMEOUT, PEER_KEY, REFUSED, UNREACHABLE. A peer that does not know our
 *         key is told apart only later: in TLS 1.3 a client is done before the server judged it.
 */
export async function dialQuic(
  endpoint: IrohEndpoint,
  target: DialTarget,
  connections: ConnectionSet<QuicConnection>,
  limitMs: number,
): Promise<QuicConnection> {
  const attempt = connectPastDeadPaths(endpoint, target, connections);
  try {
    return await withDeadline(attempt, limitMs, (late) => late.close('too late'));
  } catch (error) {
    throw error instanceof DeadlineError ? dialTimeout(target) : dialError(error, target);
  }
}

/**
 * Connects; when no answer comes, closes the connections to the peer that stood before, of all
 * networks, and tries once more beside the first attempt.
 *
 * While such a connection exists, the library sends a new dial's packets along its path and not
 * to the address it was given: a peer that moved would stay out of reach until the old
 * connection times out (30 s). A path that leaves a dial unanswered is of no use to the old
 * connection either, even if the peer can still be heard on it. The first attempt may stay
 * bound to the dead path.
 *
 * A connection that came about meanwhile shows that the path is alive: then nothing is closed. Of
 * dials in many networks at once the library leaves one in some thousands unanswered.
 */
async function connectPastDeadPaths(
  endpoint: IrohEndpoint,
  target: DialTarget,
  connections: ConnectionSet<QuicConnection>,
): Promise<QuicConnection> {
  const older = connections.of(target.peerKey);
  const madeBefore = connections.countOf(target.peerKey);
  const first = connect(endpoint, target);
  if (await settles(first, SUSPECT_AFTER_MS)) return await first;
  if (connections.countOf(target.peerKey) === madeBefore) {
    if (older.length === 0) return await first;
    for (const connection of older) connection.close('the path to the peer is dead');
    await Promise.all(older.map((connection) => connection.closed));
  }
  const second = connect(endpoint, target);
  const winner = await Promise.race([first, second]);
  for (const attempt of [first, second]) {
    attempt.then((other) => other !== winner && other.close('another attempt was faster')).catch(() => {});
  }
  return winner;
}

/** Whether `work` comes to an end, good or bad, within the time. */
async function settles(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  return await withDeadline(work, limitMs).then(
    () => true,
    (error) => !(error instanceof DeadlineError),
  );
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
