/** Hears what happens to peers: the log and the metrics. */
import type { PeerEvents } from '../../controlplane/control-peer.ts';
import type { Endpoint } from '../../dataplane/contract.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';

export class PeerObserver {
  readonly events: PeerEvents;
  readonly #log: Logger;
  #metrics: Metrics | null = null;

  constructor(log: Logger) {
    this.#log = log;
    this.events = {
      onState: ({ name }, state) => log.info({ peer: name, state }, 'peer'),
      onHandshake: ({ name }, durationMs) => {
        log.debug({ peer: name, ms: Math.round(durationMs) }, 'handshake');
        this.#metrics?.recordHandshake(durationMs / 1_000);
      },
      onRekey: ({ name }, trigger, result) => {
        const level = result === 'ok' ? 'debug' : 'warn';
        log[level]({ peer: name, trigger, result }, 'rekey');
        this.#metrics?.recordRekey(trigger, result);
      },
    };
  }

  /** Handshakes and rekeys count from here on. */
  recordTo(metrics: Metrics): void {
    this.#metrics = metrics;
  }

  endpointLearned(peer: string, { address, port }: Endpoint): void {
    this.#log.info({ peer, address, port }, 'peer is at another endpoint');
  }
}
