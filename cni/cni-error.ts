/** Failures of the plugin, as the runtime gets them. */

/** @see CNI specification 1.1, section 5, "Error" */
export const CniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  tryLater: 11,
  /** No container can be added now. */
  unavailable: 50,
  /** Moreover, those that were added may have lost their network. */
  limited: 51,
  // From here on every plugin has its own.
  /** Every address of a range is reserved. */
  noAddress: 100,
  /** The container or another one has the address, or another attachment. */
  addressTaken: 101,
  portTaken: 102,
  /** The container has such an interface. */
  exists: 103,
  /** CHECK found something else than ADD had made. */
  differs: 104,
  /** The IPAM plugin is not there, or ended without an answer. */
  delegate: 105,
  /** The agent refused for a reason that has no code here. */
  agent: 106,
  /** A defect of this plugin. */
  internal: 999,
} as const;

/** What a runtime shows to whoever started the container. */
export class CniError extends Error {
  /** A `CniCode`, or that of a delegated plugin. */
  readonly code: number;
  /** What to do, or more of what came; may be empty. */
  readonly details: string;

  constructor(code: number, message: string, details = '') {
    super(message);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}

/** A system call failed while `what` was attempted. */
export function ioError(what: string, error: unknown): CniError {
  if (error instanceof CniError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new CniError(CniCode.io, `${what}: ${code ?? message}`);
}

/** Defects, too, reach the runtime in the form that it expects. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new CniError(CniCode.internal, `internal error: ${text}`);
}
