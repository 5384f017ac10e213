/**
 * Dials one peer whenever a connection is wanted: when its turn comes, with growing pauses, at one
 * address after the other.
 */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../control-error.ts';
import type { ControlConnection, ControlTransport } from '../transport/transport.ts';
import { dialAddresses } from './dial-address.ts';
import { dialStep } from './dial-policy.ts';

/** Time that one attempt may take, in ms. */
export const DIAL_TIMEOUT_MS = 5_000;
/** Pause between two looks for an address that the data plane may have learned, in ms. */
const LISTEN_LOOK_MS = 5_000;

/** Where a peer is to be found. */
export interface DialPlace {
  /** Host name or address, null when the peer is to dial us. */
  readonly host: string | null;
  readonly controlPort: number;
}

export interface DiallerOptions {
  readonly transport: ControlTransport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly peerKey: Uint8Array;
  /** Whether our public key sorts lower than the peer's. */
  readonly lower: boolean;
  readonly place: DialPlace;
  resolveHost(name: string): Promise<readonly string[]>;
  isOverlayAddress(address: string): boolean;
  /** Where the data plane last saw the peer; null if it did not. */
  learned(): Promise<string | null>;
  /** A connection was made; the dialler rests until it is told how that went. */
  onConnection(connection: ControlConnection): void;
  onFailed(reason: string): void;
  onChange(): void;
}

export class Dialler {
  readonly #options: DiallerOptions;
  #place: DialPlace;
  #wanted = false;
  #wantedSinceMs = 0;
  #failures = 0;
  #failedAtMs = 0;
  #random = 0;
  #attempts = 0;
  #dialling = false;
  /** From the look for an address on; keeps attempts from overlapping. */
  #busy = false;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: DiallerOptions) {
    this.#options = options;
    this.#place = options.place;
  }

  /** Whether an attempt is under way. */
  get dialling(): boolean {
    return this.#dialling;
  }

  /** No connection stands: make one, now if the last one lasted, after a pause otherwise. */
  want(lasted: boolean): void {
    if (!this.#wanted) this.#wantedSinceMs = this.#options.clock.nowMs();
    this.#wanted = true;
    if (lasted) this.#failures = 0;
    else this.#countFailure();
    this.#plan();
  }

  /** A connection stands, whoever dialled; an attempt under way comes to nothing. */
  rest(): void {
    this.#wanted = false;
    this.#timer?.cancel();
  }

  /** The peer, or the way to it, changed: try again without a pause. */
  setPlace(place: DialPlace): void {
    this.#place = place;
    this.hurry();
  }

  /** Forgets the pause that failures earned. */
  hurry(): void {
    this.#failures = 0;
    if (this.#wanted) this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.rest();
  }

  #countFailure(): void {
    this.#failures += 1;
    this.#failedAtMs = this.#options.clock.nowMs();
    this.#random = this.#options.random();
  }

  #plan(): void {
    this.#timer?.cancel();
    void this.#next();
  }

  async #next(): Promise<void> {
    if (this.#stopped || !this.#wanted || this.#busy) return;
    const { clock, lower } = this.#options;
    this.#busy = true;
    const learned = await this.#learned();
    this.#busy = false;
    if (this.#stopped || !this.#wanted) return;
    const state = {
      lower,
      endpointKnown: this.#place.host !== null || learned !== null,
      wantedSinceMs: this.#wantedSinceMs,
      failures: this.#failures,
      failedAtMs: this.#failedAtMs,
      random: this.#random,
    };
    const nowMs = clock.nowMs();
    const step = dialStep(state, nowMs);
    if (step.kind === 'dial') return await this.#dial(learned);
    this.#timer?.cancel();
    const delayMs = step.kind === 'wait' ? step.untilMs - nowMs : LISTEN_LOOK_MS;
    this.#timer = clock.setTimer(delayMs, () => void this.#next());
  }

  async #dial(learned: string | null): Promise<void> {
    this.#busy = true;
    this.#dialling = true;
    this.#options.onChange();
    const outcome = await this.#connect(learned).catch((error: unknown) => reasonOf(error));
    this.#busy = false;
    this.#dialling = false;
    const needed = this.#wanted && !this.#stopped;
    if (typeof outcome !== 'string') {
      if (!needed) outcome.close('another connection stands');
      else {
        this.rest();
        this.#options.onConnection(outcome);
      }
    } else if (needed) {
      this.#countFailure();
      this.#options.onFailed(outcome);
      this.#plan();
    }
    this.#options.onChange();
  }

  async #connect(learned: string | null): Promise<ControlConnection> {
    const { transport, peerKey, resolveHost, isOverlayAddress } = this.#options;
    const { host, controlPort } = this.#place;
    const addresses = await dialAddresses({ host, learned, resolveHost, isOverlayAddress });
    const address = addresses[this.#attempts % addresses.length];
    this.#attempts += 1;
    if (address === undefined) throw new TypeError('dialAddresses() gave none');
    return await transport.dial({ host: address, port: controlPort, peerKey, timeoutMs: DIAL_TIMEOUT_MS });
  }

  async #learned(): Promise<string | null> {
    try {
      return await this.#options.learned();
    } catch {
      return null;
    }
  }
}
