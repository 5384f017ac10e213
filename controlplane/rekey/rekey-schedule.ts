/**
 * Watches the SAs of one connected peer and says when to replace them.
 */
import type { Clock, Timer } from '../clock.ts';
import type { RekeyTrigger } from '../record/message.ts';
import type { PeerSas } from './peer-sas.ts';
import { type Lifetimes, nextStep } from './rekey.ts';

export interface RekeyScheduleOptions {
  readonly sas: PeerSas;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly random: () => number;
  /** Replaces the SAs; rejects when that failed. */
  rekey(trigger: RekeyTrigger): Promise<unknown>;
}

/** Least time between two looks, in ms: a clock that stands still must not make a busy loop. */
const LOOK_AT_LEAST_MS = 50;

/** Runs from the construction on; a rekey that somebody else started is noticed by itself. */
export class RekeySchedule {
  readonly #options: RekeyScheduleOptions;
  #timer: Timer | null = null;
  #failures = 0;
  #failedAtMs = 0;
  #random = 0;
  #installedAtMs = 0;
  #stopped = false;

  constructor(options: RekeyScheduleOptions) {
    this.#options = options;
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const budgetUsed = await this.#budgetUsed();
    if (this.#stopped) return;
    const { sas, clock, lifetimes } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#installedAtMs !== sas.tx.installedAtMs) this.#failures = 0;
    this.#installedAtMs = sas.tx.installedAtMs;
    const state = {
      installedAtMs: this.#installedAtMs,
      budgetUsed,
      failures: this.#failures,
      failedAtMs: this.#failedAtMs,
      random: this.#random,
    };
    const step = nextStep(state, nowMs, lifetimes);
    if (step.kind === 'wait') return this.#lookIn(step.untilMs - nowMs);
    await this.#rekey(step.kind === 'expire' ? 'timer' : step.trigger);
  }

  async #rekey(trigger: RekeyTrigger): Promise<void> {
    try {
      await this.#options.rekey(trigger);
    } catch {
      this.#failures += 1;
      this.#failedAtMs = this.#options.clock.nowMs();
      this.#random = this.#options.random();
    }
    this.#lookIn(0);
  }

  /** Largest share over the send SAs in use; 0 when the data plane cannot tell. */
  async #budgetUsed(): Promise<number> {
    const { sas } = this.#options;
    try {
      const { txSas } = await sas.progress();
      const used = txSas.filter(({ spi }) => sas.tx.spis.includes(spi)).map((sa) => sa.budgetUsed);
      return Math.max(0, ...used);
    } catch {
      return 0;
    }
  }

  #lookIn(delayMs: number): void {
    if (this.#stopped) return;
    const act = (): void => void this.#look();
    this.#timer = this.#options.clock.setTimer(Math.max(LOOK_AT_LEAST_MS, delayMs), act);
  }
}
