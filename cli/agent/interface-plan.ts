/** What the interface shall have on the host, from the config and what is known of the underlay. */
import type { Config } from '../config/types.ts';
import type { InterfacePlan } from '../host/interface.ts';

/** A peer whose underlay address is known. */
export interface ReachablePeer {
  readonly address: string;
  readonly controlPort: number;
}

/** @param dataPorts UDP source ports of the data plane. */
export function interfacePlan(
  config: Config,
  mtuBytes: number,
  dataPorts: readonly number[],
  reachable: readonly ReachablePeer[],
): InterfacePlan {
  const { interface: own, peers } = config;
  return {
    addresses: own.addresses,
    mtuBytes,
    routes: own.routes ? peers.flatMap((peer) => peer.allowedIps) : [],
    endpoints: [...new Set(reachable.map(({ address }) => address))],
    traffic: {
      dataPorts,
      controlPort: own.controlPort,
      ephemeralControl: own.controlTransport === 'webtransport',
      controlTargets: reachable.map(({ address, controlPort }) => ({ address, port: controlPort })),
    },
  };
}

/** Whether the interface gets IPv6 addresses or routes, which the kernel refuses below its minimum MTU. */
export function carriesIpv6({ interface: own, peers }: Config): boolean {
  const routes = own.routes ? peers.flatMap((peer) => peer.allowedIps) : [];
  return [...own.addresses, ...routes].some((prefix) => prefix.includes(':'));
}
