/** Addresses without `ipam`: those that were asked for, as they are; none is common in an L2 network. */
import { CniCode, CniError } from '../cni-error.ts';
import { EMPTY_RESULT } from '../result.ts';
import type { Ipam, IpamContext } from './ipam.ts';
import { requestedIps } from './requested-ips.ts';

/** Keeps nothing: that an address is given away once is up to whoever asks, and to the agent. */
export function staticIpam({ config, variables }: IpamContext): Ipam {
  return {
    async add() {
      const ips = requestedIps(config, variables).map((address) => ({ address }));
      const bare = ips.find(({ address }) => !address.includes('/'));
      if (bare === undefined) return { ...EMPTY_RESULT, ips };
      const message = `the requested address ${bare.address} has no prefix length`;
      throw new CniError(CniCode.invalidConfig, message, 'write one behind it, or give ranges in ipam');
    },
    async del() {},
    async check() {},
    async gc() {},
    async status() {},
  };
}
