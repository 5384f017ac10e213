/** Turns an endpoint's host into underlay addresses. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** A host name did not resolve; the dial is tried again later. */
export class ResolveError extends Error {
  readonly code = 'ERR_ICX_RESOLVE';
  readonly hint = 'check the name, or give the address as endpoint';
}

const RESOLVE_CODES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such name (ENOTFOUND)',
  EAI_AGAIN: 'no answer from DNS (EAI_AGAIN)',
};

/** Addresses that a socket bound to `listen` can reach. */
export type HostResolver = (host: string) => Promise<string[]>;

/**
 * @param listen The agent's underlay address: an IPv4 one reaches IPv4 only, '::' both families.
 */
export function hostResolver(listen: string): HostResolver {
  const usable = (address: string): boolean =>
    listen === '::' || (listen.includes(':') ? isIP(address) === 6 : isIP(address) === 4);
  return async (host) => {
    const found = isIP(host) !== 0 ? [host] : await resolveName(host);
    const addresses = found.filter(usable);
    if (addresses.length === 0) {
      throw new ResolveError(`Cannot reach ${host} (${found.join(', ')}) from listen address ${listen}`);
    }
    return addresses;
  };
}

async function resolveName(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ResolveError(`Cannot resolve ${host}: ${RESOLVE_CODES[code ?? ''] ?? message}`);
  }
}
