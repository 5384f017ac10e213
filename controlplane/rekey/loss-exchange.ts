/**
 * Finds out with the peer how many packets a rekey lost, in both directions.
 *
 * Each end reports what it sealed under the SAs it stopped using. The other answers with what it
 * accounts for: what it accepted under them, and what the underlay had lost already when the rekey
 * began, which is not the rekey's loss. It answers once that is everything or 2 s have passed.
 */
import type { Clock, Timer } from '../clock.ts';
import { deferred } from '../deferred.ts';
import type { ControlMessage, LaneCount } from '../record/message.ts';
import { allAccepted, countsOf, lostPackets, SETTLE_MS, totalPackets } from './loss.ts';
import type { PeerSas, ReplacedTx } from './peer-sas.ts';

/** Pause between two looks at the counters, in ms. */
const LOOK_MS = 25;
/** Time for the whole exchange, in ms. */
const EXCHANGE_TIMEOUT_MS = 5_000;

/** Outcome of one rekey, both directions together. */
export interface Loss {
  /** null when one of the ends could not count. */
  readonly lostPackets: number | null;
  /** Packets sealed under the replaced SAs. */
  readonly sentPackets: number;
}

interface Counted {
  readonly sealed: readonly LaneCount[];
  /** null when the sealing end cannot tell. */
  readonly lost: number | null;
}

export class LossExchange {
  readonly #sas: PeerSas;
  readonly #clock: Clock;
  readonly #send: (message: ControlMessage) => void;
  readonly #result = deferred<Loss>();
  /** By SPI, what was missing when the rekey began. */
  readonly #missingBefore: Promise<ReadonlyMap<number, number>>;
  #replaced: ReplacedTx | null = null;
  #lanesBefore = 0;
  #outbound: Counted | null = null;
  #inbound: Counted | null = null;
  #inboundStarted = false;
  #timers: Timer[] = [];
  #over = false;

  constructor(sas: PeerSas, clock: Clock, send: (message: ControlMessage) => void) {
    this.#sas = sas;
    this.#clock = clock;
    this.#send = send;
    this.#missingBefore = missingBySpi(sas);
  }

  /**
   * Reports what was sealed; the peer's report may have come before.
   *
   * @param lanesBefore Lanes that the peer has to report: those of the receive SAs it left.
   */
  start(replaced: ReplacedTx, lanesBefore: number): Promise<Loss> {
    this.#replaced = replaced;
    this.#lanesBefore = lanesBefore;
    this.#send({ type: 'report', lanes: replaced.counts });
    this.#timers.push(this.#clock.setTimer(EXCHANGE_TIMEOUT_MS, () => this.#finish()));
    this.#finishWhenBoth();
    return this.#result.promise;
  }

  /** The peer stopped sealing under some SAs. */
  receiveReport(sealed: readonly LaneCount[]): void {
    if (this.#inboundStarted) return;
    this.#inboundStarted = true;
    void this.#look(sealed, this.#clock.nowMs() + SETTLE_MS);
  }

  receiveAnswer(accepted: readonly LaneCount[]): void {
    if (this.#replaced === null || this.#outbound !== null) return;
    const { spis, counts } = this.#replaced;
    const known = counts.length === spis.length;
    this.#outbound = { sealed: counts, lost: known ? lostPackets(counts, accepted) : null };
    this.#finishWhenBoth();
  }

  /** Settles with what is known; idempotent. */
  stop(): void {
    this.#finish();
  }

  async #look(sealed: readonly LaneCount[], untilMs: number): Promise<void> {
    const spis = sealed.map(({ spi }) => spi);
    const accepted = await this.#accepted(spis);
    if (this.#over) return;
    if (accepted.length === spis.length && !allAccepted(sealed, accepted) && this.#clock.nowMs() < untilMs) {
      this.#timers.push(this.#clock.setTimer(LOOK_MS, () => void this.#look(sealed, untilMs)));
      return;
    }
    this.#send({ type: 'report_answer', lanes: accepted });
    this.#inbound = { sealed, lost: lostPackets(sealed, accepted) };
    this.#finishWhenBoth();
  }

  async #accepted(spis: readonly number[]): Promise<readonly LaneCount[]> {
    if (spis.length === 0) return [];
    try {
      const missing = await this.#missingBefore;
      const accepted = countsOf((await this.#sas.progress()).rxSas, spis);
      return accepted.map(({ spi, packets }) => {
        // The gap is the peer's making: with it the sum may leave what a message can carry.
        return { spi, packets: Math.min(Number.MAX_SAFE_INTEGER, packets + (missing.get(spi) ?? 0)) };
      });
    } catch {
      // A data plane that cannot answer has not counted.
      return [];
    }
  }

  #finishWhenBoth(): void {
    if (this.#outbound !== null && this.#inbound !== null) this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
    const [out, back] = [this.#outbound, this.#inbound];
    const complete = back !== null && back.sealed.length >= this.#lanesBefore;
    const known = out !== null && out.lost !== null && complete && back.lost !== null;
    this.#result.resolve({
      lostPackets: known ? (out.lost ?? 0) + (back.lost ?? 0) : null,
      sentPackets:
        totalPackets(out?.sealed ?? this.#replaced?.counts ?? []) + totalPackets(back?.sealed ?? []),
    });
  }
}

async function missingBySpi(sas: PeerSas): Promise<ReadonlyMap<number, number>> {
  try {
    return new Map((await sas.progress()).rxSas.map(({ spi, missing }) => [spi, missing]));
  } catch {
    return new Map();
  }
}
