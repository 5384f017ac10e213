/** Addresses that somebody asks for by name, wherever a runtime may put them. */
import { readArgs, type Variables } from '../environment.ts';
import type { NetworkConfig } from '../network-config.ts';
import { requestedIp } from '../runtime-config.ts';

/**
 * Of the capability `ips`, of `args.cni.ips`, and of `IP=` in CNI_ARGS, with commas between.
 *
 * @returns texts with or without prefix length, each once.
 * @throws {CniError} 4 or 7
 * @see CNI conventions
 */
export function requestedIps(config: NetworkConfig, variables: Variables): string[] {
  const fromArgs = (readArgs(variables).get('IP') ?? '').split(',').filter((ip) => ip !== '');
  const all = [...config.runtimeConfig.ips, ...config.argIps, ...fromArgs];
  return [...new Set(all.map((ip) => requestedIp(ip, 'the requested address')))];
}
