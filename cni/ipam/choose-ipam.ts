/** Finds who manages the addresses of a network: ranges of ours, another plugin, or nobody. */
import { delegatedIpam } from './delegated-ipam.ts';
import type { Ipam, IpamContext } from './ipam.ts';
import { localIpam } from './local-ipam.ts';
import { staticIpam } from './static-ipam.ts';

/** The type of our own, where a configuration names one. */
const LOCAL_TYPE = 'icx';

/** @throws {CniError} 2, 4 or 7 */
export function chooseIpam(context: IpamContext): Ipam {
  const { ipam } = context.config;
  if (ipam === null) return staticIpam(context);
  const type = ipam.type ?? LOCAL_TYPE;
  return type === LOCAL_TYPE ? localIpam(context, ipam) : delegatedIpam(context, type);
}
