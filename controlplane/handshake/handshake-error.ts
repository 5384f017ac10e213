/**
 * Why a handshake failed: for this host's operator, with what the peer's may be told.
 */

export type HandshakeErrorCode =
  | 'ERR_ICX_HANDSHAKE_AUTH'
  | 'ERR_ICX_HANDSHAKE_UNKNOWN_PEER'
  | 'ERR_ICX_HANDSHAKE_NETWORK'
  | 'ERR_ICX_HANDSHAKE_REPLAY'
  | 'ERR_ICX_HANDSHAKE_HYBRID'
  | 'ERR_ICX_HANDSHAKE_MALFORMED';

/** A handshake failed; `message` is for this host's operator. */
export class HandshakeError extends Error {
  readonly code: HandshakeErrorCode;
  readonly hint: string;
  /** What the peer's operator may be told; null where the peer is to learn nothing. */
  readonly refusal: string | null;
  /** The same where the transport verified the peer's key; strangers who replay its messages have none. */
  readonly vouchedRefusal: string | null;

  constructor(
    code: HandshakeErrorCode,
    message: string,
    hint: string,
    refusal: string | null = null,
    vouchedRefusal: string | null = null,
  ) {
    super(message);
    this.name = 'HandshakeError';
    this.code = code;
    this.hint = hint;
    this.refusal = refusal;
    this.vouchedRefusal = vouchedRefusal;
  }
}
