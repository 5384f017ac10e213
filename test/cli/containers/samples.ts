/** Requests, networks and records for tests of containers. */

import type { ContainerNetwork } from '../../../cli/containers/container-network.ts';
import type { AttachmentRecord } from '../../../cli/containers/record.ts';
import type { Attach } from '../../../cni/attach-api.ts';
import type { PoolSwitch } from '../../../dataplane/worker/pool-switch.ts';

export function request(changes: Partial<Attach> = {}): Attach {
  return {
    confName: 'pods',
    containerId: 'c1',
    ifname: 'eth0',
    netns: '/run/netns/c1',
    ips: [
      { address: '10.1.0.5/24', gateway: '10.1.0.1' },
      { address: 'fd01::5/64', gateway: 'fd01::1' },
    ],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    portMappings: [],
    masquerade: false,
    ...changes,
  };
}

export const L3: ContainerNetwork = {
  name: 'icx0',
  vni: 1,
  mode: 'l3',
  device: 'icx0',
  addresses: ['10.1.255.1/16'],
  mtuBytes: 1_392,
  peerPrefixes: [
    { peer: 'b', prefix: '10.2.0.0/16' },
    { peer: 'b', prefix: '10.1.0.99/32' },
  ],
  switch: null,
};

export interface FakeNeighbour {
  readonly ip: string;
  readonly mac: string;
  readonly port: number;
  readonly isStatic: boolean;
  readonly ageMs: number;
}

/** A segment of which these stations are known. */
export function segment(
  known: readonly FakeNeighbour[] = [],
  ports: readonly string[] = [],
): ContainerNetwork {
  const own = {
    neighbours: async () => known,
    portId: (name: string) => (ports.includes(name) ? ports.indexOf(name) : undefined),
  };
  return { ...L3, name: 'lan0', vni: 2, mode: 'l2', device: 'lan0', switch: own as unknown as PoolSwitch };
}

export function record(changes: Partial<AttachmentRecord> = {}): AttachmentRecord {
  const asked = changes.request ?? request();
  return {
    version: 1,
    state: 'attached',
    request: asked,
    network: { name: 'icx0', vni: 1, mode: 'l3' },
    netnsId: '4:1',
    port: null,
    gateways: [],
    hostInterface: { name: 'icx0123456789a', mac: '02:00:00:00:00:01' },
    containerInterface: { name: asked.ifname, mac: '02:42:0a:01:00:05', mtu: 1_392, sandbox: asked.netns },
    ips: asked.ips,
    routes: asked.routes,
    ...changes,
  };
}
