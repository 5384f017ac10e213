/** The metrics of containers. Names are promises: dashboards use them. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import { type NetworkLabels, networkLabels } from './metrics-labels.ts';
import {
  ATTACHMENT_OPERATIONS,
  type AttachmentOperation,
  type AttachmentSnapshot,
  REKEY_RESULTS,
} from './metrics-snapshot.ts';

/** From one that the kernel does at once to the minute that the plugin waits. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class AttachmentMetrics {
  readonly #labels: NetworkLabels;
  readonly #attached: Gauge;
  readonly #duration: Histogram;

  /** @param labels Of the agent: a request that is refused is of no network. */
  constructor(registry: Registry, labels: NetworkLabels) {
    const registers = [registry];
    this.#labels = labels;
    this.#attached = new Gauge({
      name: 'icx_attachments',
      help: 'Interfaces of containers that are attached.',
      labelNames: ['interface', 'vni'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'icx_attachment_duration_seconds',
      help: 'Time that the agent took to attach or detach a container.',
      labelNames: ['interface', 'vni', 'operation', 'result'],
      buckets: BUCKETS,
      registers,
    });
    for (const operation of ATTACHMENT_OPERATIONS) {
      for (const result of REKEY_RESULTS) this.#duration.zero({ ...labels, operation, result });
    }
  }

  record(operation: AttachmentOperation, ok: boolean, seconds: number): void {
    this.#duration.observe({ ...this.#labels, operation, result: ok ? 'ok' : 'failed' }, seconds);
  }

  /** Networks that went away lose their series. */
  fill(networks: readonly AttachmentSnapshot[]): void {
    this.#attached.reset();
    for (const { network, vni, attachments } of networks) {
      this.#attached.set(networkLabels(network, vni), attachments);
    }
  }
}
