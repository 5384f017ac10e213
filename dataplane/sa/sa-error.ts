/** An SA was refused: the error of every guard in this folder. */

export type SaErrorCode =
  | 'ERR_ICX_SA_SPI'
  | 'ERR_ICX_SA_SPI_LIVE'
  | 'ERR_ICX_SA_KEY_LENGTH'
  | 'ERR_ICX_SA_KEYS_EQUAL'
  | 'ERR_ICX_SA_KEY_REUSED'
  | 'ERR_ICX_SA_EPOCH';

/** `message` says what was tried and what came, `hint` what to do. Neither holds a key byte. */
export class SaError extends Error {
  readonly code: SaErrorCode;
  readonly hint: string;

  constructor(code: SaErrorCode, message: string, hint: string) {
    super(message);
    this.name = 'SaError';
    this.code = code;
    this.hint = hint;
  }
}
