/** Versions of the CNI specification, and what each of them has. */
import { CniCode, CniError } from './cni-error.ts';

/** All that have the same kind of result, oldest first. */
export const SUPPORTED_VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const NEWEST_VERSION: CniVersion = '1.1.0';

/** What came with a version. */
export const Since = {
  check: '0.4.0',
  /** Addresses lost their field `version`. */
  plainIps: '1.0.0',
  gc: '1.1.0',
  status: '1.1.0',
  /** The MTU of interfaces; MTU, metrics and tables of routes. */
  linkDetails: '1.1.0',
} as const satisfies Readonly<Record<string, CniVersion>>;

export function atLeast(version: CniVersion, since: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(since);
}

/** @throws {CniError} 6 when it is no version, 1 when it is another than those above. */
export function parseVersion(value: unknown): CniVersion {
  // The specification of old took a configuration without version for one of 0.1.0.
  const text = value ?? '0.1.0';
  if (typeof text !== 'string' || !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(text)) {
    throw new CniError(CniCode.decode, `cniVersion ${JSON.stringify(value)} is no version`);
  }
  const version = SUPPORTED_VERSIONS.find((candidate) => candidate === text);
  if (version !== undefined) return version;
  const details = `supported are ${SUPPORTED_VERSIONS.join(', ')}`;
  throw new CniError(CniCode.incompatibleVersion, `CNI version ${text} is not supported`, details);
}
