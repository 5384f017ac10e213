/** A peer as one queue knows it: its settings, its outer address, its SAs. */
import type { PeerSpec } from '../contract.ts';
import { RateLimit } from '../sa/rate-limit.ts';
import { RxSa, type RxSaOptions } from '../sa/rx-sa.ts';
import type { KeyPrint, LiveKey } from '../sa/sa-guards.ts';
import type { TxSa } from '../sa/tx-sa.ts';
import { ENDPOINT_WORDS, equalsEndpoint, readEndpoint } from '../wire/endpoint.ts';
import { DropCode } from './drop.ts';
import type { Network } from './network.ts';

/** A receive SA that knows its peer, and enough of its key to tell it from others. */
export class PeerRxSa extends RxSa {
  readonly peer: Peer;
  readonly print: KeyPrint;

  constructor(peer: Peer, print: KeyPrint, options: RxSaOptions) {
    super(options);
    this.peer = peer;
    this.print = print;
  }
}

/** Owned by the queue's worker. */
export class Peer {
  readonly slot: number;
  readonly network: Network;
  /** Where frames for the peer go; five words of an endpoint record, valid with `hasEndpoint`. */
  readonly endpointWords = new Uint32Array(ENDPOINT_WORDS);
  hasEndpoint = false;
  /** The endpoint of the settings, null where they name none. */
  configuredWords: Uint32Array | null = null;
  validateSource = false;
  /** Largest inner packet that the path takes. */
  mtuBytes = 0;
  controlPort = 0;
  keepaliveMs = 0;
  /** Whether the way out of its network is open to it. */
  mayExit = false;
  readonly rateLimit = new RateLimit();

  /** Receive SAs: the current one of each lane, and those in their grace time. */
  readonly rx = new Set<PeerRxSa>();
  /** The one SA that this queue seals under. */
  tx: TxSa | null = null;
  /** What a packet is dropped for while `tx` is null. */
  txMissing: DropCode = DropCode.txNoSa;
  /** The last send key; kept after its SA is gone, so that it can never be installed again. */
  lastTx: LiveKey | undefined;
  manualEpoch: number | undefined;

  constructor(slot: number, network: Network) {
    this.slot = slot;
    this.network = network;
  }

  get vni(): number {
    return this.network.vni;
  }

  /**
   * Takes new settings. A learned endpoint stays unless the settings' own endpoint changed or
   * sources are to be validated from now on.
   *
   * @param configured Words of `spec.endpoint`.
   */
  configure(spec: PeerSpec, configured: Uint32Array | null): void {
    if (spec.validateSource || !sameWords(configured, this.configuredWords)) {
      this.hasEndpoint = configured !== null;
      if (configured !== null) this.endpointWords.set(configured);
    }
    this.configuredWords = configured;
    this.validateSource = spec.validateSource;
    this.mtuBytes = spec.mtuBytes;
    this.controlPort = spec.controlPort;
    this.keepaliveMs = spec.keepaliveMs;
    this.mayExit = spec.exit;
    if (this.rateLimit.limitPps !== spec.rxRateLimitPps) this.rateLimit.setLimit(spec.rxRateLimitPps);
  }

  /**
   * Whether a frame from this outer source may be the peer's. Only the address counts: every
   * lane of a peer sends from a port of its own.
   */
  maySendFrom(view: DataView, sourceAt: number): boolean {
    if (!this.validateSource) return true;
    const words = this.configuredWords;
    if (words === null) return false;
    return (
      view.getUint32(sourceAt + 12) === words[3] &&
      view.getUint32(sourceAt + 8) === words[2] &&
      view.getUint32(sourceAt + 4) === words[1] &&
      view.getUint32(sourceAt) === words[0]
    );
  }

  /** Makes an authenticated outer source the endpoint. @returns Whether it is a new one. */
  learnEndpoint(view: DataView, sourceAt: number): boolean {
    if (this.hasEndpoint && equalsEndpoint(view, sourceAt, this.endpointWords)) return false;
    readEndpoint(view, sourceAt, this.endpointWords);
    this.hasEndpoint = true;
    return true;
  }
}

function sameWords(a: Uint32Array | null, b: Uint32Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.every((word, i) => word === b[i]);
}
