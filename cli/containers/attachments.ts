/**
 * The containers of an agent: serves the plugin's requests, and remembers on disk what was made.
 *
 * A record is written before anything is made and before anything is removed, so that whatever a killed
 * agent left is known to its successor. What is attached outlives the agent: it is the runtime's.
 */
import type {
  Attach,
  AttachApi,
  Attached,
  Attachment,
  AttachmentKey,
  AttachmentList,
  Checked,
  Detach,
  Detached,
  Gc,
  GcReport,
  List,
  Readiness,
  Ready,
} from '../../cni/attach-api.ts';
import { AttachCode } from '../../cni/attach-protocol.ts';
import type { Logger } from '../logger.ts';
import type { AttachmentOperation } from '../metrics-snapshot.ts';
import { AttachError, busy } from './attach-error.ts';
import { attachmentDifferences } from './attachment-check.ts';
import { AttachmentRegistry } from './attachment-registry.ts';
import { AttachmentWork } from './attachment-work.ts';
import type { ContainerNetworks } from './container-network.ts';
import { hostEndName } from './link-names.ts';
import { hostEnds, removeLink } from './links.ts';
import { Netns } from './netns.ts';
import { checkStations, checkSupported, chooseNetwork } from './placement.ts';
import { type AttachmentRecord, keyText, type RecordStore } from './record.ts';
import { SerialQueue } from './serial-queue.ts';

export interface AttachmentsOptions {
  /** Name of the agent. */
  readonly agent: string;
  readonly store: RecordStore;
  readonly networks: ContainerNetworks;
  /** What keeps packets from flowing, null when nothing does. */
  fault(): string | null;
  onEnd(operation: AttachmentOperation, ok: boolean, durationMs: number): void;
  readonly log: Logger;
}

export class Attachments implements AttachApi {
  readonly #options: AttachmentsOptions;
  readonly #registry: AttachmentRegistry;
  readonly #work: AttachmentWork;
  readonly #queue = new SerialQueue();
  #isClosing = false;

  constructor(options: AttachmentsOptions) {
    this.#options = options;
    this.#registry = new AttachmentRegistry(options.store);
    this.#work = new AttachmentWork({ ...options, records: () => this.#registry.live() });
  }

  /** Takes over what an agent before left; what can't be is told and tried again later. Rejects never. */
  async start(): Promise<void> {
    const { store, log } = this.#options;
    if (!store.isUsed) return;
    this.#registry.load((path) => log.warn({ path }, 'this record of an attachment makes no sense'));
    await this.reconcile();
  }

  /** Ends what was begun and takes nothing more on. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#queue.idle();
  }

  /** How many there are in each network, by VNI. */
  counts(): ReadonlyMap<number, number> {
    return this.#registry.counts();
  }

  attach(request: Attach): Promise<Attached> {
    return this.#run('attach', request.containerId, () => this.#attach(request));
  }

  detach(request: Detach): Promise<Detached> {
    return this.#run('detach', request.containerId, () => this.#detach(request));
  }

  async check(request: Attach): Promise<Checked> {
    const record = this.#registry.get(request);
    if (record?.state !== 'attached') return { differences: ['the agent has no such attachment'] };
    const network = this.#work.networkOf(record);
    const own = await attachmentDifferences(request, record, network);
    const isNatted = record.request.masquerade || record.request.portMappings.length > 0;
    return { differences: [...own, ...(isNatted ? await this.#work.nat.differences() : [])] };
  }

  async gc({ confName, valid }: Gc): Promise<GcReport> {
    const kept = new Set(valid.map(({ containerId, ifname }) => keyText({ confName, containerId, ifname })));
    const stale = this.#registry
      .all()
      .filter(({ request }) => request.confName === confName && !kept.has(keyText(request)));
    const removed = await Promise.allSettled(
      stale.map(async ({ request }) => {
        const { containerId, ifname } = request;
        await this.#run('detach', containerId, () => this.#detach(request));
        return { containerId, ifname };
      }),
    );
    await this.reconcile();
    for (const each of removed) if (each.status === 'rejected') throw each.reason;
    return { removed: removed.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])) };
  }

  async ready({ network }: Ready): Promise<Readiness> {
    const fault = this.#options.fault();
    if (fault !== null) return { ready: false, reason: fault, limited: true };
    if (this.#isClosing) return { ready: false, reason: 'the agent is stopping', limited: false };
    try {
      const { mode, device, name } = chooseNetwork(this.#options.networks(), network);
      if (mode === 'l2' || device !== null) return { ready: true, reason: '', limited: false };
      return { ready: false, reason: `${name} has no interface`, limited: false };
    } catch (error) {
      const { message, hint } = error as AttachError;
      return { ready: false, reason: `${message}: ${hint}`, limited: false };
    }
  }

  async list({ confName }: List): Promise<AttachmentList> {
    const found = this.#registry
      .live()
      .filter(({ request }) => confName === undefined || request.confName === confName);
    return { attachments: found.map(attachmentOf) };
  }

  /**
   * Makes everything what the records say: half-made attachments go, and those whose interface is gone;
   * the others get back what they lack. Rejects never: what can't be is told in the log.
   */
  async reconcile(): Promise<void> {
    const work = this.#registry
      .all()
      .map(({ request }) =>
        this.#queue
          .run(request.containerId, () => this.#reconcileOne(request))
          .catch((error: unknown) => this.#warn(request, 'cannot reconcile', error)),
      );
    await Promise.all(work);
    const nat = this.#work.adoptGateways().then(() => this.#work.nat.rewrite());
    await nat.catch((error: unknown) =>
      this.#options.log.warn({ reason: reasonOf(error) }, 'cannot reconcile rules'),
    );
  }

  async #reconcileOne(request: AttachmentKey): Promise<void> {
    const record = this.#registry.get(request);
    if (record === undefined) return;
    if (record.state !== 'attached' || !hostEnds().has(record.hostInterface.name)) {
      const { containerId, ifname } = request;
      this.#options.log.info(
        { containerId, ifname, state: record.state },
        'removing what is left of a container',
      );
      await this.#remove(record);
      return;
    }
    await this.#work.adopt(record);
  }

  async #run<T>(operation: AttachmentOperation, containerId: string, task: () => Promise<T>): Promise<T> {
    if (this.#isClosing) throw busy('the agent is stopping');
    const startedAtMs = performance.now();
    let ok = false;
    try {
      const result = await this.#queue.run(containerId, task);
      ok = true;
      return result;
    } catch (error) {
      throw attachError(error);
    } finally {
      this.#options.onEnd(operation, ok, performance.now() - startedAtMs);
    }
  }

  async #attach(request: Attach): Promise<Attached> {
    const network = chooseNetwork(this.#options.networks(), request.network);
    checkSupported(request, network);
    await this.#refuseSecond(request);
    const netns = Netns.open(request.netns);
    try {
      await checkStations(request, network);
      const record = this.#registry.claim(request, network, netns.id);
      try {
        let made = record;
        await this.#work.make(record, network, netns, (gateways) => {
          made = { ...record, gateways };
          this.#registry.keep(made);
        });
        this.#registry.keep({ ...made, state: 'attached' });
      } catch (error) {
        await this.#remove(record).catch((left: unknown) => this.#warn(request, 'cannot take back', left));
        throw error;
      }
      this.#tell(record, 'container attached');
      return attachedOf(record);
    } finally {
      netns.close();
    }
  }

  async #refuseSecond(request: Attach): Promise<void> {
    const before = this.#registry.get(request);
    if (before === undefined) return;
    if (before.state === 'attached' && hostEnds().has(before.hostInterface.name)) {
      const { containerId, ifname } = request;
      throw new AttachError(AttachCode.exists, `${ifname} of container ${containerId} is attached already`);
    }
    await this.#remove(before);
  }

  async #detach(request: Detach): Promise<Detached> {
    const record = this.#registry.get(request);
    if (record !== undefined) {
      await this.#remove(record);
      this.#tell(record, 'container detached');
      return { removed: true };
    }
    // Its record may have been removed by hand.
    const name = hostEndName(request);
    if (!hostEnds().has(name)) return { removed: false };
    await removeLink(name);
    return { removed: true };
  }

  /** Written as being removed first: what fails half-way is gone on with by whoever comes next. */
  async #remove(record: AttachmentRecord): Promise<void> {
    const { request } = record;
    const latest = this.#registry.get(request) ?? record;
    this.#registry.keep({ ...latest, state: 'removing' });
    await this.#work.undo(latest);
    this.#registry.forget(request);
  }

  #warn({ containerId, ifname }: AttachmentKey, what: string, error: unknown): void {
    this.#options.log.warn({ containerId, ifname, reason: reasonOf(error) }, `${what} an attachment`);
  }

  #tell({ request, network, ips }: AttachmentRecord, what: string): void {
    const { containerId, ifname } = request;
    const addresses = ips.map(({ address }) => address);
    this.#options.log.info({ network: network.name, containerId, ifname, addresses }, what);
  }
}

function attachedOf({ hostInterface, containerInterface, ips, routes }: AttachmentRecord): Attached {
  return { hostInterface, containerInterface, ips, routes };
}

function attachmentOf(record: AttachmentRecord): Attachment {
  const { mac: _mac, mtu: _mtu, ...request } = record.request;
  return { ...request, ...attachedOf(record), network: record.network.name };
}

/** What the kernel refused to us ourselves reaches the runtime as what programs were refused. */
function attachError(error: unknown): unknown {
  if (error instanceof AttachError || !(error instanceof Error)) return error;
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  if (typeof code !== 'string') return error;
  return new AttachError(AttachCode.kernel, error.message, typeof hint === 'string' ? hint : '');
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
