/**
 * Addresses at which to dial a peer: where the operator says it is, then where it was last seen.
 */
import { isIP } from 'node:net';
import { ControlError, reasonOf } from '../control-error.ts';

export interface DialAddressOptions {
  /** Host name or address from the configuration; null when there is none. */
  readonly host: string | null;
  /** Underlay address that the data plane learned from authenticated packets, null if none. */
  readonly learned: string | null;
  resolveHost(name: string): Promise<readonly string[]>;
  /** Whether an address lies inside the overlay, which must not carry its own control connection. */
  isOverlayAddress(address: string): boolean;
}

/**
 * Candidates, best first, without repetition.
 *
 * @returns at least one address.
 * @throws {ControlError} ERR_ICX_CONTROL_ADDRESS when there is none that may be dialled.
 */
export async function dialAddresses(options: DialAddressOptions): Promise<readonly string[]> {
  const { host, learned } = options;
  let problem = 'no endpoint is configured and none was learned';
  const found: string[] = [];
  if (host !== null) {
    try {
      found.push(...(isIP(host) !== 0 ? [host] : await options.resolveHost(host)));
      problem = `${host} has no address`;
    } catch (error) {
      const reason = reasonOf(error);
      problem = reason.includes(host)
        ? reason.replace(/^Cannot /, 'cannot ')
        : `cannot resolve ${host}: ${reason}`;
    }
  }
  if (learned !== null) found.push(learned);
  const usable = [...new Set(found)].filter((address) => !options.isOverlayAddress(address));
  if (usable.length > 0) return usable;
  if (found.length > 0) {
    throw new ControlError(
      'ERR_ICX_CONTROL_ADDRESS',
      `Cannot dial ${found.join(', ')}: an address of the overlay, which cannot carry its own control connection`,
      "set the peer's endpoint to its address on the underlay",
    );
  }
  throw new ControlError(
    'ERR_ICX_CONTROL_ADDRESS',
    `Cannot dial: ${problem}`,
    'set an endpoint, or wait until the peer dials',
  );
}
