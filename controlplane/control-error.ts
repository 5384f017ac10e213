/**
 * The errors that the control plane reports to whoever asked it for something.
 */

export type ControlErrorCode =
  /** The peer's SPIs, network or suite cannot be used. */
  | 'ERR_ICX_CONTROL_OFFER'
  /** Something did not come in time. */
  | 'ERR_ICX_CONTROL_TIMEOUT'
  /** The control connection ended. */
  | 'ERR_ICX_CONTROL_CLOSED'
  /** The peer said why it does not go on. */
  | 'ERR_ICX_CONTROL_REFUSED'
  /** The peer sent what the protocol does not allow. */
  | 'ERR_ICX_CONTROL_PROTOCOL'
  /** The data plane did not take an SA. */
  | 'ERR_ICX_CONTROL_DATA_PLANE'
  /** No control connection stands. */
  | 'ERR_ICX_CONTROL_NOT_CONNECTED'
  /** The peer's address cannot be dialled. */
  | 'ERR_ICX_CONTROL_ADDRESS'
  /** No such peer. */
  | 'ERR_ICX_CONTROL_UNKNOWN_PEER';

/** `message` says what was tried and what came, `hint` what to do. */
export class ControlError extends Error {
  readonly code: ControlErrorCode;
  readonly hint: string;

  constructor(code: ControlErrorCode, message: string, hint = '') {
    super(message);
    this.name = 'ControlError';
    this.code = code;
    this.hint = hint;
  }
}

/** The words of anything thrown, for a log line or a close reason. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
