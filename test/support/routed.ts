/** Two hosts in different networks with a router between: their default route is the underlay. */
import { Lab, type Namespace } from './netns.ts';

export interface Routed {
  readonly lab: Lab;
  readonly hosts: readonly [Namespace, Namespace];
  readonly router: Namespace;
  /** Underlay addresses of the hosts, IPv4. */
  readonly addresses: readonly [string, string];
}

const NETWORKS = [
  ['192.0.2', 'fd00:2'],
  ['198.51.100', 'fd00:3'],
] as const;

export function routedHosts(): Routed {
  const lab = new Lab();
  const router = lab.addHost('r');
  const hosts = [lab.addHost('a'), lab.addHost('b')] as const;
  for (const [index, host] of hosts.entries()) {
    const [ipv4, ipv6] = NETWORKS[index] ?? NETWORKS[0];
    host.ip(`link add eth0 type veth peer name eth${index} netns ${router.name}`);
    for (const [each, device, number] of [
      [host, 'eth0', 1],
      [router, `eth${index}`, 254],
    ] as const) {
      each.ip(`address add ${ipv4}.${number}/24 dev ${device}`);
      each.ip(`address add ${ipv6}::${number}/64 dev ${device} nodad`);
      each.ip(`link set ${device} up`);
    }
    host.ip(`route add default via ${ipv4}.254`);
    host.ip(`-6 route add default via ${ipv6}::254`);
  }
  return { lab, hosts, router, addresses: ['192.0.2.1', '198.51.100.1'] };
}

/** Lets a host pass packets on. */
export async function forward(host: Namespace): Promise<void> {
  const script = 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding';
  const { code, stderr } = await host.exec(['sh', '-c', script]);
  if (code !== 0) throw new Error(`cannot forward in ${host.name}: ${stderr}`);
}
