/**
 * Lets peers in over QUIC: address proven, slots bounded, key authorized, first stream taken.
 */
import type { ConnectionSet } from './connection-set.ts';
import { DeadlineError, withDeadline } from './deadline.ts';
import { HandshakeSlots } from './handshake-slots.ts';
import { ACCEPT_TIMEOUT_MS } from './limits.ts';
import type { Notices } from './notices.ts';
import { closeConnection, limitConnection, QuicConnection } from './quic-connection.ts';
import { CloseCode, plainCause } from './quic-error.ts';
import type { IrohConnection, IrohEndpoint, IrohIncoming } from './quic-library.ts';
import { hostOf } from './socket-address.ts';

export interface AcceptOptions {
  readonly connections: ConnectionSet<QuicConnection>;
  readonly notices: Notices;
  authorize(peerKey: Uint8Array): boolean;
  onConnection(connection: QuicConnection): void;
}

/** Takes connections until the endpoint is closed or broken; then it resolves. */
export async function acceptConnections(endpoint: IrohEndpoint, options: AcceptOptions): Promise<void> {
  const slots = new HandshakeSlots();
  for (;;) {
    const incoming = await endpoint.acceptNext().catch(() => null);
    if (incoming === null) return;
    // One at a time: under a flood the rest waits in the library's bounded queue.
    if (await answeredWithRetry(incoming)) continue;
    void admit(incoming, slots, options);
  }
}

/**
 * Makes a stranger prove its address before anything is spent on it.
 *
 * An Initial packet with a forged source would else hold 100 KB until it times out.
 * @see RFC 9000 §8.1.2
 */
async function answeredWithRetry(incoming: IrohIncoming): Promise<boolean> {
  try {
    if (await incoming.remoteAddrValidated()) return false;
    await incoming.retry();
  } catch {
    // It is gone already.
  }
  return true;
}

async function admit(incoming: IrohIncoming, slots: HandshakeSlots, options: AcceptOptions): Promise<void> {
  let leave: (() => void) | null = null;
  let source = 'an unknown address';
  try {
    source = hostOf((await incoming.remoteAddr()).addr ?? '');
    leave = slots.take(source);
    if (leave === null) {
      options.notices.say(
        'busy',
        `Refused a control connection from ${source}: too many handshakes under way`,
      );
      await incoming.refuse();
      return;
    }
    await welcome(incoming, source, options);
  } catch (error) {
    const why = error instanceof DeadlineError ? 'it was too slow' : plainCause(error);
    options.notices.say('handshake', `A control connection from ${source} came to nothing: ${why}`);
  } finally {
    leave?.();
  }
}

async function welcome(incoming: IrohIncoming, source: string, options: AcceptOptions): Promise<void> {
  const handshake = incoming.accept().then((accepting) => accepting.connect());
  const connection = await withDeadline(handshake, ACCEPT_TIMEOUT_MS, (late) => refuse(late, 'too slow'));
  const peerKey = Uint8Array.from(connection.remoteId().toBytes());
  if (!options.authorize(peerKey)) {
    refuse(connection, 'your public key is not configured here');
    options.notices.say('key', `Refused a control connection from ${source}: its key is not configured`);
    return;
  }
  if (options.connections.isFull(peerKey)) {
    refuse(connection, 'too many control connections from this key');
    return;
  }
  limitConnection(connection, 1n);
  const stream = await withDeadline(connection.acceptBi(), ACCEPT_TIMEOUT_MS).catch((error) => {
    refuse(connection, 'no stream was opened');
    throw error;
  });
  const accepted = new QuicConnection(connection, stream, { peerKey, dialled: false, remoteAddress: source });
  options.connections.add(accepted, peerKey);
  options.onConnection(accepted);
}

function refuse(connection: IrohConnection, reason: string): void {
  closeConnection(connection, CloseCode.refused, reason);
}
