/**
 * The port between the control plane and whatever carries its bytes.
 *
 * A transport gives reliable ordered bytes between two hosts, one bidirectional stream per
 * connection. It may pin the peer's key; authentication never depends on it.
 */

/** Why a connection ended, in words for the operator. */
export interface CloseInfo {
  readonly code: TransportErrorCode | 'closed';
  readonly message: string;
}

export interface ControlConnection {
  /** Ed25519 public key that the transport verified; null where it verifies none. */
  readonly peerKey: Uint8Array | null;
  /** Whether this side dialled. */
  readonly dialled: boolean;
  /** The peer's underlay address where the transport knows it. */
  readonly remoteAddress: string | null;
  /** Next bytes, in pieces of any size; null after the peer finished or the connection died. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the transport took the bytes, in the order of the calls; rejects with TransportError once closed. */
  write(bytes: Uint8Array): Promise<void>;
  /** Idempotent; `reason` reaches the peer where the transport can carry it. */
  close(reason: string): void;
  /** Resolves once, whoever closed. Never rejects. */
  readonly closed: Promise<CloseInfo>;
}

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  /** Ed25519 public key, 32 bytes, that must answer. */
  readonly peerKey: Uint8Array;
  readonly timeoutMs: number;
}

export interface ControlTransport {
  /** Value of `control_transport` in the config. */
  readonly name: 'quic' | 'webtransport';
  /** What really runs, for log and status: 'QUIC', 'HTTP/3 over QUIC', 'HTTP/2 over TCP'. */
  readonly carrier: string;
  /** @throws {TransportError} */
  dial(target: DialTarget): Promise<ControlConnection>;
  /** Stops listening and closes every connection; resolves within 1 s. */
  close(): Promise<void>;
}

export interface TransportOptions {
  /** Underlay address to bind; '0.0.0.0', '::' or one address. */
  readonly listen: string;
  readonly port: number;
  /** Ed25519 seed, 32 bytes; the caller keeps ownership and may overwrite it after the promise resolved. */
  readonly seed: Uint8Array;
  /** Asked with the key the transport verified, before our code handles any of its bytes. */
  authorize(peerKey: Uint8Array): boolean;
  onConnection(connection: ControlConnection): void;
  /** Something the operator should know, rate-limited by the transport. */
  onNotice(notice: string): void;
}

export type TransportErrorCode =
  | 'ERR_ICX_TRANSPORT_BIND'
  | 'ERR_ICX_TRANSPORT_UNREACHABLE'
  | 'ERR_ICX_TRANSPORT_TIMEOUT'
  | 'ERR_ICX_TRANSPORT_PEER_KEY'
  | 'ERR_ICX_TRANSPORT_REFUSED'
  | 'ERR_ICX_TRANSPORT_CLOSED';

/** A transport failed; `message` says what was tried and what came, `hint` what to do. */
export class TransportError extends Error {
  readonly code: TransportErrorCode;
  readonly hint: string;

  constructor(code: TransportErrorCode, message: string, hint = '') {
    super(message);
    this.name = 'TransportError';
    this.code = code;
    this.hint = hint;
  }
}
