/** Hears what happens to peers: the log and the metrics. */
import type { PeerEvents } from '../../controlplane/control-peer.ts';
import type { Endpoint } from '../../dataplane/contract.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { AttachmentOperation } from '../metrics-snapshot.ts';

export class PeerObserver {
  readonly events: PeerEvents;
  readonly #log: Logger;
  #metrics: Metrics | null = null;

  constructor(log: Logger) {
    this.#log = log;
    this.events = {
      // A peer that is off changes its state with every attempt; why, and when it is back, is told.
      onState: ({ name }, state) => log.debug({ peer: name, state }, 'peer state'),
      onHandshake: (_, durationMs) => this.#metrics?.recordHandshake(durationMs / 1_000),
      onRekey: ({ name }, trigger, result) => {
        if (result === 'failed') log.warn({ peer: name, trigger }, 'rekey failed');
        this.#metrics?.recordRekey(trigger, result);
      },
      onRekeyResult: ({ name }, { trigger, lostPackets: lost, sentPackets: sent }) => {
        if (lost === null) return;
        if (lost > 0) log.warn({ peer: name, trigger, lost, sent }, 'the rekey lost packets');
        this.#metrics?.recordRekeyLoss(lost);
      },
    };
  }

  /** Handshakes and rekeys count from here on. */
  recordTo(metrics: Metrics): void {
    this.#metrics = metrics;
  }

  attachmentEnded(operation: AttachmentOperation, ok: boolean, durationMs: number): void {
    this.#metrics?.recordAttachment(operation, ok, durationMs / 1_000);
  }

  endpointLearned(peer: string, { address, port }: Endpoint): void {
    this.#log.info({ peer, address, port }, 'peer is at another endpoint');
  }
}
