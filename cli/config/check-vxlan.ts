/** Checks VXLAN ports: that they reach somebody, and that a frame that comes has one port. */
import type { PlacedNetwork } from './networks.ts';
import { type PlacedPort, portsOf } from './ports.ts';
import type { ConfigReader } from './section.ts';
import { formatEndpoint, isIpv6 } from './text-values.ts';
import type { InterfaceConfig, VxlanPortConfig } from './types.ts';

type VxlanPort = PlacedPort<VxlanPortConfig>;

/** ff01::/16 and ff02::/16 mean another group on each interface. @see RFC 4291 section 2.7 */
const SCOPE_OF_LINK = /^ff.[12]:/;

export function checkVxlan(
  reader: ConfigReader,
  own: InterfaceConfig,
  networks: readonly PlacedNetwork[],
): void {
  const ports = networks.flatMap((network) => portsOf('vxlan', network.ports));
  for (const port of ports) {
    checkReach(reader, port);
    checkFamilies(reader, port);
    checkOwnPorts(reader, own, port);
  }
  checkDuplicates(reader, ports);
}

function checkReach(reader: ConfigReader, { path, name, config }: VxlanPort): void {
  const learns = reader.valueAt([...path, 'learn_remotes']) ?? false;
  const group = reader.valueAt([...path, 'group']);
  if (reader.isEmpty([...path, 'remotes']) && group === undefined && learns === false) {
    reader.report(path, `port ${name} reaches nobody`, 'set remotes or group, or learn_remotes = true');
  }
  if (config.group !== null && SCOPE_OF_LINK.test(config.group) && config.device === null) {
    const hint = 'name the interface that it is on, like device = "eth0"';
    reader.report([...path, 'group'], `group ${config.group} is on one link only`, hint);
  }
}

/** One socket sends to all of them. */
function checkFamilies(reader: ConfigReader, { path, config }: VxlanPort): void {
  const { listen, remotes, group } = config;
  const check = (at: readonly (string | number)[], what: string) => {
    if (listen === '' || isIpv6(what) === isIpv6(listen)) return;
    const hint = isIpv6(what)
      ? 'set listen = "::" or another IPv6 address'
      : 'set an IPv4 address to listen on';
    reader.report([...path, ...at], `cannot reach ${what} from listen = "${listen}"`, hint);
  };
  for (const [index, remote] of remotes.entries()) {
    check(['remotes', index], remote);
    if (remotes.indexOf(remote) === index) continue;
    reader.report([...path, 'remotes', index], `remote ${remote} stands here twice`, 'remove one');
  }
  if (group !== null) check(['group'], group);
}

function checkOwnPorts(reader: ConfigReader, own: InterfaceConfig, { path, config }: VxlanPort): void {
  const { listenPort } = config;
  if (listenPort === 0 || (listenPort !== own.listenPort && listenPort !== own.controlPort)) return;
  const key = listenPort === own.listenPort ? 'listen_port' : 'control_port';
  reader.report(
    [...path, 'listen_port'],
    `listen_port ${listenPort} is the agent's ${key}`,
    'VXLAN has 4789 by default',
  );
}

/** Address, port and VNI are all that tells what comes apart. */
function checkDuplicates(reader: ConfigReader, ports: readonly VxlanPort[]): void {
  for (const [index, { path, config }] of ports.entries()) {
    const other = ports.slice(0, index).find((before) => isSame(before.config, config));
    if (other === undefined || config.vni === 0) continue;
    reader.report(
      path,
      `vni ${config.vni} on ${formatEndpoint({ host: config.listen, port: config.listenPort })} is that of port ${other.name} too`,
      'give each VXLAN port a vni, an address or a listen_port of its own',
    );
  }
}

/** "0.0.0.0" and "::" are every address. */
function isSame(a: VxlanPortConfig, b: VxlanPortConfig): boolean {
  if (a.vni !== b.vni || a.listenPort !== b.listenPort) return false;
  if (isIpv6(a.listen) !== isIpv6(b.listen)) return false;
  return a.listen === b.listen || [a.listen, b.listen].some((address) => /^(0\.0\.0\.0|::)$/.test(address));
}
