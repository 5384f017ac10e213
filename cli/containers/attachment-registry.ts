/** The attachments that an agent knows, in memory and on disk alike. */
import type { Attach, AttachmentKey } from '../../cni/attach-api.ts';
import type { ContainerNetwork } from './container-network.ts';
import { containerMac, hostEndMac, hostEndName, portLabel } from './link-names.ts';
import { plannedRoutes } from './link-plan.ts';
import { checkAddresses, checkPorts } from './placement.ts';
import { type AttachmentRecord, keyText, type RecordStore } from './record.ts';

export class AttachmentRegistry {
  readonly #store: RecordStore;
  readonly #records = new Map<string, AttachmentRecord>();

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** @param onBroken As of `RecordStore.load`. */
  load(onBroken: (path: string) => void): void {
    for (const record of this.#store.load(onBroken)) this.#records.set(keyText(record.request), record);
  }

  get(key: AttachmentKey): AttachmentRecord | undefined {
    return this.#records.get(keyText(key));
  }

  all(): AttachmentRecord[] {
    return [...this.#records.values()];
  }

  /** Those that are made or being made. */
  live(): AttachmentRecord[] {
    return this.all().filter(({ state }) => state !== 'removing');
  }

  /** How many there are in each network, by VNI. */
  counts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { network } of this.live()) counts.set(network.vni, (counts.get(network.vni) ?? 0) + 1);
    return counts;
  }

  /**
   * Writes down that an attachment is being made: nobody else gets its addresses and ports from here on. In
   * one step, since attachments of other containers are made side by side.
   *
   * @param netnsId Identity of the container's namespace.
   * @throws {AttachError} when somebody else has them; nothing is written then.
   */
  claim(request: Attach, network: ContainerNetwork, netnsId: string): AttachmentRecord {
    const others = this.live();
    checkAddresses(request, network, others);
    checkPorts(request, others);
    const addresses = request.ips.map(({ address }) => address);
    const record: AttachmentRecord = {
      version: 1,
      state: 'making',
      request,
      network: { name: network.name, vni: network.vni, mode: network.mode },
      netnsId,
      port: network.switch === null ? null : portName(request, network, others),
      gateways: [],
      hostInterface: { name: hostEndName(request), mac: hostEndMac() },
      containerInterface: {
        name: request.ifname,
        mac: request.mac ?? containerMac(addresses),
        mtu: Math.min(request.mtu ?? network.mtuBytes, network.mtuBytes),
        sandbox: request.netns,
      },
      ips: request.ips,
      routes: plannedRoutes(network.mode, request),
    };
    this.keep(record);
    return record;
  }

  /** Replaces what was known of it. */
  keep(record: AttachmentRecord): void {
    this.#store.write(record);
    this.#records.set(keyText(record.request), record);
  }

  forget(key: AttachmentKey): void {
    this.#store.remove(key);
    this.#records.delete(keyText(key));
  }
}

function portName(request: Attach, network: ContainerNetwork, others: readonly AttachmentRecord[]): string {
  const label = portLabel(request);
  const isTaken = network.switch?.portId(label) !== undefined || others.some(({ port }) => port === label);
  return isTaken ? hostEndName(request) : label;
}
