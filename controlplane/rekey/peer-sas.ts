/**
 * The SAs of one peer in one network: allocated here, installed in the data plane, followed in the
 * ledger.
 */
import type { DataPlane, PeerProgress, SaSpec, Suite } from '../../dataplane/contract.ts';
import type { Clock, Timer } from '../clock.ts';
import { deriveSaKey, type MasterKeys } from '../crypto/kdf.ts';
import type { LaneCount } from '../record/message.ts';
import { SerialQueue } from '../serial-queue.ts';
import { countsOf } from './loss.ts';
import { SaLedger, type SaSet } from './sa-ledger.ts';
import type { SpiAllocator, SpiRequest } from './spi.ts';

/** Time that a replaced receive SA still takes packets that were on the way, in ms. */
export const GRACE_MS = 30_000;
/** Retired sets in their grace time; a peer that rekeys without a pause would pile up more. */
const MAX_RETIRED = 16;
/** How much later its SPI may be used again, in ms. */
const RELEASE_SLACK_MS = 1_000;

export interface PeerSasOptions {
  readonly slot: number;
  readonly vni: number;
  readonly suite: Suite;
  /** Hard lifetime in ms. */
  readonly lifetimeMs: number;
  readonly dataPlane: DataPlane;
  readonly spis: SpiAllocator;
  readonly clock: Clock;
}

/** Send SAs that were replaced, with what they sealed; `counts` lacks what nobody counted. */
export interface ReplacedTx {
  readonly spis: readonly number[];
  readonly counts: readonly LaneCount[];
}

export class PeerSas {
  /** Every change of this peer's SAs goes through here, whichever connection wants it. */
  readonly queue = new SerialQueue();
  readonly options: PeerSasOptions;
  readonly #ledger = new SaLedger();
  readonly #releases = new Map<Timer, readonly number[]>();

  constructor(options: PeerSasOptions) {
    this.options = options;
  }

  get tx(): SaSet {
    return this.#ledger.tx;
  }

  get rx(): SaSet {
    return this.#ledger.rx;
  }

  /** Our send lanes in the network. */
  get lanes(): number {
    return this.options.dataPlane.lanesOf(this.options.vni).lanes;
  }

  /** Receive SPIs, one per send lane of the peer, spread over the queues that serve the network. */
  allocate(request: Pick<SpiRequest, 'role' | 'masterKeyIndex'>, peerLanes: number): readonly number[] {
    const { queues, queue } = this.options.dataPlane.lanesOf(this.options.vni);
    return Array.from({ length: peerLanes }, (_, lane) =>
      this.options.spis.allocate({ ...request, queue: queue ?? lane % queues, queues }),
    );
  }

  /** The SPIs were never announced: forget them. */
  async discard(spis: readonly number[], installed: boolean): Promise<void> {
    try {
      if (installed) await this.options.dataPlane.removeRx(spis);
    } finally {
      this.#release(spis);
    }
  }

  async installRx(keys: MasterKeys, spis: readonly number[]): Promise<void> {
    await this.#withSpecs(keys, spis, (specs) => this.options.dataPlane.installRx(specs));
  }

  /** The SPIs are about to be announced; the peer may send to them from then on. */
  announce(spis: readonly number[]): void {
    const overflow = this.#ledger.announce(spis, this.options.clock.nowMs());
    if (overflow.length > 0) this.#retireLater(overflow);
  }

  /** Sends under the peer's SPIs from now on. */
  async switchTx(keys: MasterKeys, spis: readonly number[]): Promise<ReplacedTx> {
    const { dataPlane, slot, clock } = this.options;
    await this.#withSpecs(keys, spis, (specs) => dataPlane.installTx(specs));
    const replaced = this.#ledger.switchTx(spis, clock.nowMs());
    if (replaced.spis.length === 0) return { spis: [], counts: [] };
    const progress = await dataPlane.progress(slot);
    return { spis: replaced.spis, counts: countsOf(progress.txSas, replaced.spis) };
  }

  /**
   * The peer sends to these SPIs and to no older ones.
   *
   * @returns the receive set that was in use before.
   */
  retireOlder(spis: readonly number[]): SaSet {
    const before = this.#ledger.rx;
    const older = this.#ledger.prove(spis);
    if (older.length > 0) this.#retireLater(older);
    return before;
  }

  /** Says hello under the new SAs: the peer learns from it where we are. */
  sendKeepalive(): void {
    this.options.dataPlane.sendKeepalive(this.options.slot);
  }

  progress(): Promise<PeerProgress> {
    return this.options.dataPlane.progress(this.options.slot);
  }

  /** The peer said goodbye: send nothing more, take what is on the way. */
  goodbye(): Promise<void> {
    const rx = this.#ledger.clear();
    if (rx.length > 0) this.#retireLater(rx);
    return this.queue.run(() => this.options.dataPlane.removeTx(this.options.slot));
  }

  /** Forgets everything at once, keys overwritten. */
  remove(): Promise<void> {
    return this.queue.run(async () => {
      const rx = new Set(this.#ledger.clear());
      for (const [timer, spis] of this.#releases) {
        timer.cancel();
        for (const spi of spis) rx.add(spi);
      }
      this.#releases.clear();
      const all = [...rx];
      await this.options.dataPlane.removeTx(this.options.slot);
      if (all.length > 0) await this.options.dataPlane.removeRx(all);
      this.#release(all);
    });
  }

  /** Cancels what is still to come; the SAs stay as they are. */
  dispose(): void {
    for (const timer of this.#releases.keys()) timer.cancel();
    this.#releases.clear();
  }

  #retireLater(spis: readonly number[]): void {
    // A worker that died has no SAs left to retire: nothing is lost when this fails.
    this.queue.run(() => this.options.dataPlane.retireRx(spis, GRACE_MS)).catch(() => {});
    const timer = this.options.clock.setTimer(GRACE_MS + RELEASE_SLACK_MS, () => {
      this.#releases.delete(timer);
      this.#release(spis);
    });
    this.#releases.set(timer, spis);
    if (this.#releases.size > MAX_RETIRED) this.#removeLongestRetired();
  }

  #removeLongestRetired(): void {
    for (const [timer, spis] of this.#releases) {
      timer.cancel();
      this.#releases.delete(timer);
      this.queue.run(() => this.discard(spis, true)).catch(() => {});
      return;
    }
  }

  #release(spis: readonly number[]): void {
    for (const spi of spis) this.options.spis.release(spi);
  }

  async #withSpecs(
    keys: MasterKeys,
    spis: readonly number[],
    install: (specs: readonly SaSpec[]) => Promise<void>,
  ): Promise<void> {
    const { slot, vni, suite, lifetimeMs } = this.options;
    const specs = spis.map((spi, lane) => {
      return { slot, vni, lane, spi, suite, key: deriveSaKey(keys, spi, suite), lifetimeMs };
    });
    try {
      await install(specs);
    } finally {
      // A key that moved to another thread has no bytes left here, and fill() would throw on it.
      for (const { key } of specs) if (key.byteLength > 0) key.fill(0);
    }
  }
}
