/** What the interface shall have on the host, from the config and what is known of the underlay. */
import type { Config } from '../config/types.ts';
import type { InterfacePlan } from '../host/interface.ts';

/** @param endpoints Underlay addresses of the peers that are known. */
export function interfacePlan(config: Config, mtuBytes: number, endpoints: readonly string[]): InterfacePlan {
  const { interface: own, peers } = config;
  return {
    addresses: own.addresses,
    mtuBytes,
    routes: own.routes ? peers.flatMap((peer) => peer.allowedIps) : [],
    endpoints,
    traffic: {
      dataPort: own.listenPort,
      controlPort: own.controlPort,
      ephemeralControl: own.controlTransport === 'webtransport',
      controlTargets: peers.flatMap((peer) =>
        endpoints.map((address) => ({ address, port: peer.controlPort })),
      ),
    },
  };
}
