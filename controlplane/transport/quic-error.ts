/**
 * The QUIC library's errors, which are text with Rust backtraces, as errors for operators.
 */
import { readableReason } from './reason.ts';
import { joinHostPort } from './socket-address.ts';
import { type CloseInfo, type DialTarget, TransportError } from './transport.ts';

/** Application error codes of a closing connection. @see RFC 9000 §20.2 */
export const CloseCode = { done: 0n, refused: 1n } as const;

/** The innermost cause of a library error, in one line. */
export function plainCause(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = (text.split('\nStack backtrace')[0] ?? '').split('\n').map((line) => line.trim());
  const cause = lines.filter((line) => line !== '' && line !== 'Caused by:').at(-1) ?? 'unknown error';
  return readableReason(cause.replace(/ \(\/[^)]*\.rs:[\d:]+\)/, '').replace(/^\d+: /, ''));
}

/** @param error What the library threw while binding `addresses`. */
export function bindError(error: unknown, addresses: readonly string[]): TransportError {
  const cause = plainCause(error);
  const inUse = cause.includes('in use');
  return new TransportError(
    'ERR_ICX_TRANSPORT_BIND',
    `Cannot bind the control port UDP ${addresses[0]}: ${cause}`,
    inUse
      ? 'another process has the port (see: ss -ulnp); stop it or set control_port to another one'
      : 'set listen to an address of this host, 0.0.0.0 or ::',
  );
}

/** @param error What the library threw while dialling `target`. */
export function dialError(error: unknown, target: DialTarget): TransportError {
  const cause = plainCause(error);
  const tried = `Cannot dial ${joinHostPort(target.host, target.port)} over QUIC`;
  if (cause.includes('certificate')) {
    return new TransportError(
      'ERR_ICX_TRANSPORT_PEER_KEY',
      `${tried}: another key answered than the peer's public_key`,
      "compare the peer's public_key with what icx pubkey prints there, and the address",
    );
  }
  if (/refused to accept|aborted by peer|closed by peer/.test(cause)) {
    const why = cause.replace(/^(aborted|closed) by peer: /, '');
    return new TransportError('ERR_ICX_TRANSPORT_REFUSED', `${tried}: the peer refused: ${why}`);
  }
  if (/timed out|timeout/.test(cause)) return dialTimeout(target);
  return new TransportError('ERR_ICX_TRANSPORT_UNREACHABLE', `${tried}: ${cause}`);
}

export function dialTimeout(target: DialTarget, carrier = 'QUIC'): TransportError {
  const udpOrTcp = carrier === 'QUIC' ? 'UDP' : 'TCP';
  return new TransportError(
    'ERR_ICX_TRANSPORT_TIMEOUT',
    `Cannot dial ${joinHostPort(target.host, target.port)} over ${carrier}: no answer within ${target.timeoutMs} ms`,
    `check that icx runs there and that ${udpOrTcp} port ${target.port} is open between the hosts`,
  );
}

/**
 * Why a connection ended.
 *
 * @param text What `Connection.closed()` of the library resolved with.
 */
export function closeInfo(text: string): CloseInfo {
  const byPeer = /^closed by peer: ([\s\S]*) \(code (\d+)\)$/.exec(text);
  if (byPeer) {
    const message = readableReason(byPeer[1] ?? '') || 'closed by the peer';
    const refused = byPeer[2] === CloseCode.refused.toString();
    return { code: refused ? 'ERR_ICX_TRANSPORT_REFUSED' : 'closed', message };
  }
  if (text.includes('timed out')) {
    return { code: 'ERR_ICX_TRANSPORT_TIMEOUT', message: 'the peer stopped answering' };
  }
  return { code: 'ERR_ICX_TRANSPORT_CLOSED', message: readableReason(text) || 'closed' };
}
