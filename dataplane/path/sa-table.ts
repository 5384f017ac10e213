/**
 * Installs, retires and forgets the SAs of peers; every guard speaks before anything changes.
 *
 * SPIs of the two directions may be equal by chance, because each host allocates its own: only
 * equal keys are refused, except for manual pairs, which one hand wrote.
 */
import { type SaProgress, type SaSpec, Suite } from '../contract.ts';
import type { AeadProvider, PacketMemory } from '../sa/aead.ts';
import { SaError } from '../sa/sa-error.ts';
import {
  checkEpoch,
  checkKeyLen,
  checkKeysDiffer,
  checkNotLive,
  checkSpi,
  hex,
  type KeyPrint,
  keyPrint,
} from '../sa/sa-guards.ts';
import { Sad } from '../sa/sad.ts';
import { TxSa } from '../sa/tx-sa.ts';
import type { CounterBlock } from './counters.ts';
import { DropCode } from './drop.ts';
import { type Peer, PeerRxSa } from './peer.ts';

/** How long a receive SA outlives the one that follows it. */
const GRACE_MS = 30_000;
/** Longest hard lifetime. */
const MAX_LIFETIME_MS = 24 * 3_600_000;

const SUITES: readonly Suite[] = Object.values(Suite);

/** Both directions of one lane under keys that an operator or embedder chose. */
export interface ManualKeys {
  readonly slot: number;
  /** Rises with every pair, so that an old pair can't return. */
  readonly epoch: number;
  readonly suite: Suite;
  readonly rxSpi: number;
  readonly rxKey: Uint8Array;
  readonly txSpi: number;
  readonly txKey: Uint8Array;
  readonly lifetimeMs: number;
}

/** What the engine lends to its table of SAs. */
export interface SaTableOptions {
  readonly memory: PacketMemory;
  readonly aead: AeadProvider;
  readonly counters: CounterBlock;
}

type Terms = Pick<SaSpec, 'spi' | 'suite' | 'key' | 'lane' | 'lifetimeMs'>;

/** Owned by the queue's worker, as are all its SAs. */
export class SaTable {
  readonly #options: SaTableOptions;
  readonly #sad = new Sad<PeerRxSa>();

  constructor(options: SaTableOptions) {
    this.#options = options;
  }

  /** Receive SA of an SPI, for each packet. */
  get(spi: number): PeerRxSa | undefined {
    return this.#sad.get(spi);
  }

  /** Key bytes stay the caller's, here and below. @throws {SaError | RangeError} with nothing changed. */
  installRx(peer: Peer, sa: Terms, nowMs: number): void {
    this.#addRx(this.#makeRx(peer, sa, this.#admitRx(peer, sa, nowMs), nowMs));
  }

  /** @throws {SaError | RangeError} with nothing changed. */
  installTx(peer: Peer, sa: Terms, nowMs: number): void {
    const print = this.#admitTx(peer, sa);
    this.#switchTx(peer, this.#makeTx(sa, nowMs), print);
  }

  /** @throws {SaError | RangeError} with nothing changed. */
  installManual(peer: Peer, keys: ManualKeys, nowMs: number): void {
    const { suite, lifetimeMs } = keys;
    const rx = { spi: keys.rxSpi, key: keys.rxKey, suite, lane: 0, lifetimeMs };
    const tx = { spi: keys.txSpi, key: keys.txKey, suite, lane: 0, lifetimeMs };
    checkEpoch(peer.manualEpoch, keys.epoch);
    checkSpisDiffer(rx.spi, tx.spi);
    const rxPrint = this.#admitRx(peer, rx, nowMs);
    const txPrint = this.#admitTx(peer, tx);
    checkKeysDiffer(rxPrint, txPrint);
    const rxSa = this.#makeRx(peer, rx, rxPrint, nowMs);
    const txSa = this.#makeTx(tx, nowMs);
    for (const sa of peer.rx) sa.clamp(nowMs + GRACE_MS);
    this.#addRx(rxSa);
    this.#switchTx(peer, txSa, txPrint);
    peer.manualEpoch = keys.epoch;
  }

  /** Brings the expiry of a receive SA forward to `graceMs` from now; unknown SPIs are fine. */
  retireRx(spi: number, graceMs: number, nowMs: number): void {
    this.#sad.get(spi)?.clamp(nowMs + graceMs);
  }

  removeRx(spi: number): void {
    const sa = this.#sad.get(spi);
    if (sa === undefined) return;
    sa.peer.rx.delete(sa);
    this.#sad.remove(spi);
  }

  removeTx(peer: Peer | undefined): void {
    if (peer !== undefined) this.#dropTx(peer, DropCode.txNoSa);
  }

  removeAll(peer: Peer): void {
    this.removeTx(peer);
    for (const sa of peer.rx) this.removeRx(sa.spi);
  }

  /**
   * Destroys what expired, and shows in the counters how far the send SAs are used.
   *
   * Packets under an expired send SA go on to be dropped as such. The use is not counted per
   * packet: a ratio that leaves a function is boxed, 16 bytes a packet.
   */
  sweep(peers: Iterable<Peer>, nowMs: number): void {
    for (const peer of peers) {
      if (peer.tx?.isExpired(nowMs)) this.#dropTx(peer, DropCode.txExpiredSa);
      this.#showTx(peer);
      for (const sa of peer.rx) if (sa.isExpired(nowMs)) this.removeRx(sa.spi);
    }
  }

  rxProgress(peer: Peer | undefined): SaProgress[] {
    return [...(peer?.rx ?? [])].map(({ spi, lane, packets, window }) => {
      return { spi, lane, packets, missing: window.highest - packets, budgetUsed: 0 };
    });
  }

  txProgress(peer: Peer | undefined): SaProgress | null {
    if (peer === undefined || peer.tx === null) return null;
    const { spi, lane, packets, budgetUsed } = peer.tx;
    return { spi, lane, packets, missing: 0, budgetUsed };
  }

  #admitRx(peer: Peer, sa: Terms, nowMs: number): KeyPrint {
    const print = checkTerms(sa);
    if (peer.tx !== null && peer.lastTx !== undefined) checkKeysDiffer(print, peer.lastTx.print);
    const holder = this.#sad.get(sa.spi);
    if (holder?.isExpired(nowMs)) this.removeRx(sa.spi);
    else if (holder !== undefined) throw liveSpiError(sa.spi);
    return print;
  }

  #admitTx(peer: Peer, sa: Terms): KeyPrint {
    const print = checkTerms(sa);
    for (const rx of peer.rx) checkKeysDiffer(rx.print, print);
    checkNotLive(peer.lastTx, { spi: sa.spi, print });
    return print;
  }

  #makeRx(peer: Peer, sa: Terms, print: KeyPrint, nowMs: number): PeerRxSa {
    const { spi, lane, suite } = sa;
    const key = this.#options.aead.openKey(suite, sa.key, spi);
    return new PeerRxSa(peer, print, { spi, lane, slot: peer.slot, key, expiresAtMs: nowMs + sa.lifetimeMs });
  }

  #makeTx(sa: Terms, nowMs: number): TxSa {
    const { memory, aead } = this.#options;
    const { spi, lane, suite } = sa;
    const key = aead.sealKey(suite, sa.key, spi);
    return new TxSa({ memory, spi, lane, suite, key, expiresAtMs: nowMs + sa.lifetimeMs });
  }

  #addRx(sa: PeerRxSa): void {
    this.#sad.insert(sa);
    sa.peer.rx.add(sa);
  }

  #switchTx(peer: Peer, sa: TxSa, print: KeyPrint): void {
    peer.tx?.destroy();
    peer.tx = sa;
    peer.lastTx = { spi: sa.spi, print };
    this.#showTx(peer);
  }

  #dropTx(peer: Peer, missing: DropCode): void {
    peer.tx?.destroy();
    peer.tx = null;
    peer.txMissing = missing;
    this.#showTx(peer);
  }

  #showTx({ slot, tx }: Peer): void {
    this.#options.counters.txSa(slot, tx?.spi ?? 0, tx?.packets ?? 0, tx?.budgetUsed ?? 0);
  }
}

function checkTerms(sa: Terms): KeyPrint {
  checkSpi(sa.spi);
  if (!SUITES.includes(sa.suite))
    throw new RangeError(`Cannot install an SA of suite ${sa.suite}: expected 0 or 1`);
  checkKeyLen(sa.suite, sa.key);
  if (!(sa.lifetimeMs > 0 && sa.lifetimeMs <= MAX_LIFETIME_MS)) {
    throw new RangeError(`Cannot install an SA for ${sa.lifetimeMs} ms: expected up to ${MAX_LIFETIME_MS}`);
  }
  return keyPrint(sa.key);
}

function checkSpisDiffer(rxSpi: number, txSpi: number): void {
  if (rxSpi === txSpi) throw liveSpiError(rxSpi);
}

function liveSpiError(spi: number): SaError {
  const hint = 'allocate a fresh SPI, or wait until the SA expired';
  return new SaError('ERR_ICX_SA_SPI_LIVE', `Cannot install SPI ${hex(spi)}: it is in use`, hint);
}
