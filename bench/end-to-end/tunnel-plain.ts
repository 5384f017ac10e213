/** No tunnel: the link itself, with the MTU that the tunnels have. */
import { HOSTS, UNDERLAY } from '../../cli/demo/lab.ts';
import { MTU } from './site.ts';
import type { Tunnel } from './tunnel.ts';

export const plain: Tunnel = {
  name: 'plain',
  about: () => 'the veth pair itself, no encryption',
  target: UNDERLAY.b,
  missing: () => null,
  start({ lab }) {
    for (const host of HOSTS) lab.ip(host, ['link', 'set', 'eth0', 'mtu', `${MTU}`]);
  },
};
