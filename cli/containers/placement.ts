/** Whether a container can have what it asks for: its network, its addresses, its ports. */
import type { Attach } from '../../cni/attach-api.ts';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { findConflict } from '../../cni/port-conflict.ts';
import { findPortHolder } from '../../cni/port-holder.ts';
import { AttachError } from './attach-error.ts';
import { type ContainerNetwork, familyOf, lengthOf, sameAddress } from './container-network.ts';
import { MIN_MTU_IPV6 } from './links.ts';
import type { AttachmentRecord } from './record.ts';

/** `ip -batch` takes quotes and comments apart, and the kernel takes % for a number that it is to find. */
const UNUSABLE_IFNAME = /["'\\#%]/;
/** What a station was seen with this long ago it still has. */
const FRESH_MS = 30_000;
/** Podman's monitors hold the ports that they have published, and give them to nobody. */
const PLACEHOLDER = /^conmon \(/;
const HOST_LEN = { 4: 32, 6: 128 } as const;

/** @throws {AttachError} when there is none of that name, or several and none is named. */
export function chooseNetwork(networks: readonly ContainerNetwork[], wanted?: string): ContainerNetwork {
  const list = networks.map(({ name, vni }) => `${name} (vni ${vni})`).join(', ');
  if (wanted !== undefined) {
    const found =
      networks.find(({ name }) => name === wanted) ?? networks.find(({ vni }) => String(vni) === wanted);
    if (found !== undefined) return found;
    throw new AttachError(AttachCode.noNetwork, `there is no network ${wanted}`, `here are ${list}`);
  }
  const [only, ...others] = networks;
  if (only !== undefined && others.length === 0) return only;
  throw new AttachError(AttachCode.noNetwork, 'there are several networks', `set network to one of ${list}`);
}

/** @throws {AttachError} for what the network can't do at all. */
export function checkSupported(request: Attach, network: ContainerNetwork): void {
  const { ips, portMappings, masquerade, ifname, mtu } = request;
  if (UNUSABLE_IFNAME.test(ifname))
    throw unsupported(`interface name ${JSON.stringify(ifname)}`, 'choose a plain one');
  const { name, mode, device, mtuBytes } = network;
  if (
    Math.min(mtu ?? mtuBytes, mtuBytes) < MIN_MTU_IPV6 &&
    ips.some(({ address }) => familyOf(address) === 6)
  ) {
    throw unsupported(`no IPv6 with an MTU of ${mtu ?? mtuBytes}`, `it needs ${MIN_MTU_IPV6}`);
  }
  if (device === null && mode === 'l3') {
    throw unsupported(`${name} has no interface`, 'containers of an L3 network are reached through it');
  }
  if (device === null && (masquerade || portMappings.length > 0)) {
    const hint = 'without one its containers reach each other alone: leave out ipMasq and published ports';
    throw unsupported(`${name} has no interface`, hint);
  }
  if (mode === 'l3' && ips.length === 0) {
    throw unsupported(`a container of ${name} needs an address`, 'the network is routed: configure ipam');
  }
}

/**
 * The address or MAC address is another attachment's, or the host's, or by the config a peer's.
 *
 * @param others Attachments beside this one.
 * @throws {AttachError}
 */
export function checkAddresses(
  { ips, mac }: Pick<Attach, 'ips' | 'mac'>,
  network: ContainerNetwork,
  others: readonly AttachmentRecord[],
): void {
  const inNetwork = others.filter((other) => other.network.vni === network.vni);
  const twin = inNetwork.find((other) => mac !== undefined && other.containerInterface.mac === mac);
  if (twin !== undefined && network.mode === 'l2') throw taken(String(mac), `container ${nameOf(twin)}`);
  for (const { address } of ips) {
    const holder = inNetwork.find((other) => other.ips.some((ip) => sameAddress(ip.address, address)));
    if (holder !== undefined) throw taken(address, `container ${nameOf(holder)}`);
    const own = [...network.addresses, ...inNetwork.flatMap(({ gateways }) => gateways)];
    if (own.some((each) => sameAddress(each, address))) throw taken(address, `${network.name} on this host`);
    const peer = network.peerPrefixes.find(({ prefix }) => isHost(prefix) && sameAddress(prefix, address));
    if (peer !== undefined) throw taken(address, `peer ${peer.peer}`);
  }
}

/** A station of the segment was heard with the address not long ago. @throws {AttachError} */
export async function checkStations(
  { ips, mac }: Pick<Attach, 'ips' | 'mac'>,
  network: ContainerNetwork,
): Promise<void> {
  if (network.switch === null || ips.length === 0) return;
  const known = await network.switch.neighbours();
  for (const { address } of ips) {
    const station = known.find(({ ip }) => sameAddress(ip, address));
    if (station === undefined || station.mac === mac) continue;
    if (station.isStatic || station.ageMs < FRESH_MS) throw taken(address, `station ${station.mac}`);
  }
}

/** Another attachment, or a process of the host, has a port that is to be published. @throws {AttachError} */
export function checkPorts(request: Attach, others: readonly AttachmentRecord[]): void {
  const published = others.map((other) => other.request);
  for (const mapping of request.portMappings) {
    const place = `${mapping.hostIP === undefined ? '' : `${mapping.hostIP} `}${mapping.protocol} port ${mapping.hostPort}`;
    const conflict = findConflict(mapping, published);
    const holder = findPortHolder(mapping);
    const process = holder !== null && !PLACEHOLDER.test(holder) ? holder : null;
    const who = conflict === null ? process : `container ${conflict.containerId}/${conflict.ifname}`;
    if (who === null) continue;
    throw new AttachError(
      AttachCode.portTaken,
      `${place} of the host is taken by ${who}`,
      'publish another one',
    );
  }
}

function isHost(prefix: string): boolean {
  return lengthOf(prefix) === HOST_LEN[familyOf(prefix)];
}

function taken(what: string, who: string): AttachError {
  return new AttachError(AttachCode.addressTaken, `${what} is taken by ${who}`);
}

function unsupported(message: string, hint: string): AttachError {
  return new AttachError(AttachCode.unsupported, message, hint);
}

function nameOf({ request }: AttachmentRecord): string {
  return `${request.containerId}/${request.ifname}`;
}
