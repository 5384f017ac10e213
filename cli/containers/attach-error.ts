/** Why an agent can't do what was asked of it for a container. */
import { AttachCode } from '../../cni/attach-protocol.ts';

export class AttachError extends Error {
  readonly code: AttachCode;
  readonly hint: string;

  constructor(code: AttachCode, message: string, hint = '') {
    super(message);
    this.name = 'AttachError';
    this.code = code;
    this.hint = hint;
  }
}

/** The agent starts, reloads or stops: the same request may be repeated. */
export function busy(message: string): AttachError {
  return new AttachError(AttachCode.busy, message, 'try again in a second');
}
