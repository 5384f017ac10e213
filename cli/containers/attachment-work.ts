/** Makes, takes back and takes over what an attachment has on the host: links, port, gateways, rules. */
import { AttachCode } from '../../cni/attach-protocol.ts';
import type { NatState } from '../../cni/netfilter.ts';
import type { Logger } from '../logger.ts';
import { AttachError } from './attach-error.ts';
import {
  type ContainerNetwork,
  type ContainerNetworks,
  type Family,
  familyOf,
  networkOf,
} from './container-network.ts';
import { enableForwarding } from './forwarding.ts';
import { gatewaysOf, missingGateways, putGateways, reachesHost, takeGateways } from './gateways.ts';
import type { LinkPlan } from './link-plan.ts';
import { configureContainer, makePair, removeLink } from './links.ts';
import { NatTable, natTableName } from './nat-table.ts';
import type { Netns } from './netns.ts';
import type { AttachmentRecord } from './record.ts';
import { SerialQueue } from './serial-queue.ts';

const JUST_NOW_MS = 30_000;

export interface WorkOptions {
  readonly agent: string;
  readonly networks: ContainerNetworks;
  /** Those that are made or being made. */
  readonly records: () => readonly AttachmentRecord[];
  readonly log: Logger;
}

export class AttachmentWork {
  readonly nat: NatTable;
  readonly #options: WorkOptions;
  /** By VNI: who needs a gateway and who gives it up must not cross. */
  readonly #gateways = new SerialQueue();
  /** When this host gave up a gateway, by VNI and address. */
  readonly #gaveUpAtMs = new Map<string, number>();

  constructor(options: WorkOptions) {
    this.#options = options;
    this.nat = new NatTable(() => this.#natState());
  }

  /**
   * Makes all of it; the record is one of `records` already.
   *
   * @param remember Told the gateways that the network's interface is to have for it, before it gets them.
   * @throws {Error} when all attempts have ended; what was made is for `undo` then.
   */
  async make(
    record: AttachmentRecord,
    network: ContainerNetwork,
    netns: Netns,
    remember: (gateways: string[]) => void,
  ): Promise<void> {
    const plan: LinkPlan = { ...record, mode: network.mode };
    const pair = makePair(plan, netns);
    // None may still be at work when what was made is taken back.
    await settled([
      pair.then(() => configureContainer(plan, netns)),
      pair.then(() => addPort(record, network)),
      this.#openWay(record, network, remember),
      this.nat.apply(),
    ]);
  }

  /** Takes back whatever is there; the record is none of `records` any more. @throws {Error} */
  async undo(record: AttachmentRecord): Promise<void> {
    const network = this.networkOf(record);
    // Before its interface, which the switch would miss.
    if (record.port !== null) await network?.switch?.removePort(record.port);
    await settled([
      removeLink(record.hostInterface.name),
      network === undefined ? Promise.resolve() : this.#releaseGateways(network, record.gateways),
      this.nat.apply(),
    ]);
  }

  /** Gives an attachment that is whole the port that it has lost with an agent, or with its network. @throws {Error} */
  async adopt(record: AttachmentRecord): Promise<void> {
    const network = this.networkOf(record);
    if (network === undefined) throw new RangeError(`there is no network ${record.network.name} any more`);
    this.#forward(record);
    await addPort(record, network);
  }

  /** Gives the networks' interfaces the gateways that they had before they were made anew. @throws {AttachError} */
  async adoptGateways(): Promise<void> {
    for (const network of this.#options.networks()) {
      const { device, vni } = network;
      const held = [...new Set(this.#heldGateways(network))];
      if (device !== null) await this.#gateways.run(String(vni), () => putGateways(device, held));
    }
  }

  /** That it is in now: after a change of the config it may have another device, or none may have its VNI. */
  networkOf({ network: { name, vni, mode } }: AttachmentRecord): ContainerNetwork | undefined {
    return this.#options
      .networks()
      .find((each) => each.name === name && each.vni === vni && each.mode === mode);
  }

  /** The way outside: gateways on the network's interface, and forwarding. */
  #openWay(
    record: AttachmentRecord,
    network: ContainerNetwork,
    remember: (gateways: string[]) => void,
  ): Promise<void> {
    const { device, vni, mode } = network;
    return this.#gateways.run(String(vni), async () => {
      const held = this.#heldGateways(network);
      const wanted = mode === 'l2' ? gatewaysOf(record.ips) : [];
      const own = [...held, ...wanted.filter((gateway) => this.#hadJustNow(network, gateway))];
      const gateways = await missingGateways(network, wanted, own);
      checkPublished(record, network, gateways);
      remember(gateways);
      // First: of an address that came just before, the kernel would count the subnet's anycast address twice.
      this.#forward({ ...record, gateways });
      const fresh = gateways.filter((gateway) => !held.includes(gateway));
      if (device !== null) await putGateways(device, fresh);
    });
  }

  #releaseGateways(network: ContainerNetwork, gateways: readonly string[]): Promise<void> {
    const { device, vni, addresses } = network;
    if (device === null || gateways.length === 0) return Promise.resolve();
    return this.#gateways.run(String(vni), async () => {
      // A config that was changed may say the same since.
      const kept = [...this.#heldGateways(network), ...addresses];
      const taken = gateways.filter((gateway) => !kept.includes(gateway));
      await takeGateways(device, taken);
      for (const gateway of taken) this.#gaveUpAtMs.set(`${vni} ${gateway}`, performance.now());
    });
  }

  /** Then nobody else has it, and it would take a while to find that out. */
  #hadJustNow({ vni }: ContainerNetwork, gateway: string): boolean {
    return performance.now() - (this.#gaveUpAtMs.get(`${vni} ${gateway}`) ?? -Infinity) < JUST_NOW_MS;
  }

  #heldGateways({ vni }: ContainerNetwork): string[] {
    const inNetwork = this.#options.records().filter((record) => record.network.vni === vni);
    return inNetwork.flatMap(({ gateways }) => gateways);
  }

  /** An L2 network without a way through the host needs none. */
  #forward({ ips, request, network, gateways }: AttachmentRecord): void {
    const isRouted = network.mode === 'l3' || gateways.length > 0;
    if (!isRouted && !request.masquerade && request.portMappings.length === 0) return;
    const families = new Set<Family>(ips.map(({ address }) => familyOf(address)));
    enableForwarding(families, (what) => this.#options.log.info(what));
  }

  #natState(): NatState {
    const { agent, networks, records } = this.#options;
    const attachments = records().map(({ request, ips, network }) => ({
      containerId: request.containerId,
      ifname: request.ifname,
      ips: ips.map(({ address }) => address),
      portMappings: request.portMappings,
      masquerade: request.masquerade,
      segment: network.mode === 'l2',
    }));
    const own = networks().flatMap(({ addresses, peerPrefixes }) => [
      ...addresses.map(networkOf),
      ...peerPrefixes.map(({ prefix }) => prefix),
    ]);
    const ofContainers = attachments.flatMap(({ ips }) => ips.map(networkOf));
    return { table: natTableName(agent), attachments, overlay: [...new Set([...own, ...ofContainers])] };
  }
}

/** Waits for all, then throws what the first of them threw. */
async function settled(steps: readonly Promise<void>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) if (step.status === 'rejected') throw step.reason;
}

async function addPort(
  { port: name, hostInterface }: AttachmentRecord,
  network: ContainerNetwork,
): Promise<void> {
  const own = network.switch;
  if (name === null || own === null || own.portId(name) !== undefined) return;
  await own.addPort({ type: 'interface', name, device: hostInterface.name, maxStations: null });
}

/** In L2 a published port leads through the network's own interface. */
function checkPublished(
  { request, ips }: AttachmentRecord,
  network: ContainerNetwork,
  gateways: readonly string[],
): void {
  if (network.mode === 'l3' || request.portMappings.length === 0) return;
  const lost = ips.find(({ address }) => !reachesHost(network, address, gateways));
  if (lost === undefined) return;
  throw new AttachError(
    AttachCode.unsupported,
    `cannot publish ports of ${lost.address}: this host has no address of that network on ${network.name}`,
    'give the network an address there, or ipam a gateway that no other station has',
  );
}
