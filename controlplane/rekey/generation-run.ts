/**
 * Carries out one generation: does to the data plane what the negotiation decides.
 */
import type { Timer } from '../clock.ts';
import { ControlError, reasonOf } from '../control-error.ts';
import type { HandshakeSecrets } from '../handshake/handshake-secrets.ts';
import type { ControlMessage } from '../record/message.ts';
import { LossExchange } from './loss-exchange.ts';
import {
  advance,
  beginNegotiation,
  NEGOTIATION_TIMEOUT_MS,
  type Negotiation,
  type NegotiationAction,
  type NegotiationEvent,
  type Terms,
  type Transition,
} from './negotiation.ts';
import type { PeerSas, ReplacedTx } from './peer-sas.ts';
import type { MasterKeyIndex, Role } from './spi.ts';

/** SPIs before and after a rekey, by lane. */
export interface SpiPair {
  readonly rx: readonly number[];
  readonly tx: readonly number[];
}

/** What came of a generation. */
export interface RunResult {
  readonly oldSpis: SpiPair;
  readonly newSpis: SpiPair;
  /** Packets of the old SAs that never arrived, both directions; null when that is not known. */
  readonly lostPackets: number | null;
  /** Packets that were sealed under the old SAs, both directions. */
  readonly sentPackets: number;
}

export interface RunOptions {
  readonly generation: number;
  readonly role: Role;
  /** Owned by the run from here on. */
  readonly secrets: HandshakeSecrets;
  readonly sas: PeerSas;
  send(message: ControlMessage): void;
  /** Both ends use the new SAs. */
  onDone(): void;
  /** The old SAs go on; nothing may be negotiated on this connection any more. */
  onFailed(error: ControlError): void;
  /** Last of all, after {@link RunOptions.onDone}. */
  onResult(result: RunResult): void;
}

export class GenerationRun {
  readonly #options: RunOptions;
  readonly #loss: LossExchange;
  readonly #ownSpis: readonly number[];
  readonly #timeout: Timer;
  #negotiation: Negotiation;
  #replacedTx: ReplacedTx = { spis: [], counts: [] };
  #oldRx: readonly number[] = [];
  #installed = false;
  #announced = false;
  #stopped = false;

  constructor(options: RunOptions) {
    const { sas, role, generation, secrets } = options;
    const { clock, vni, suite } = sas.options;
    const masterKeyIndex: MasterKeyIndex = generation % 2 === 0 ? 0 : 1;
    this.#options = options;
    this.#loss = new LossExchange(sas, clock, options.send);
    this.#ownSpis = sas.allocate({ role, masterKeyIndex }, secrets.peerLanes);
    const terms: Terms = { role, masterKeyIndex, vni, suite, ownSpis: this.#ownSpis, lanes: sas.lanes };
    const first = beginNegotiation(terms, clock.nowMs());
    this.#negotiation = first.negotiation;
    this.#timeout = clock.setTimer(NEGOTIATION_TIMEOUT_MS, () => this.#feed({ type: 'tick' }));
    this.#apply(first);
  }

  /** Whether the SAs are agreed; reports may still be under way. */
  get done(): boolean {
    return this.#negotiation.phase === 'done';
  }

  /** Messages of other kinds are not the run's and are ignored. */
  receive(message: ControlMessage): void {
    if (this.#stopped) return;
    if (message.type === 'report') this.#loss.receiveReport(message.lanes);
    else if (message.type === 'report_answer') this.#loss.receiveAnswer(message.lanes);
    else if (message.type === 'offer' || message.type === 'accept' || message.type === 'confirm') {
      this.#feed(message);
    }
  }

  /** The connection is over, or another one took its place. What the peer was told stays usable. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timeout.cancel();
    this.#loss.stop();
    const { sas, secrets } = this.#options;
    // Behind an install that is under way, which needs the keys and has to be undone.
    sas.queue
      .run(async () => {
        secrets.wipe();
        if (!this.#announced) await sas.discard(this.#ownSpis, this.#installed);
      })
      .catch(() => {});
  }

  #feed(event: NegotiationEvent): void {
    if (this.#stopped) return;
    this.#apply(advance(this.#negotiation, event, this.#options.sas.options.clock.nowMs()));
  }

  #apply({ negotiation, actions }: Transition): void {
    this.#negotiation = negotiation;
    for (const action of actions) this.#act(action);
  }

  #act(action: NegotiationAction): void {
    switch (action.type) {
      case 'installRx':
        this.#enqueue(() => this.#installRx());
        return;
      case 'switchTx':
        this.#enqueue(() => this.#switchTx(action.spis));
        return;
      case 'sendOffer':
        this.#announce(({ vni, suite, ownSpis }) => ({ type: 'offer', vni, suite, spis: ownSpis }));
        return;
      case 'sendAccept':
        this.#announce((terms) => ({ type: 'accept', spis: terms.ownSpis }));
        return;
      case 'sendConfirm':
        this.#options.send({ type: 'confirm' });
        return;
      case 'retireOlder':
        this.#oldRx = this.#options.sas.retireOlder(this.#ownSpis).spis;
        return;
      case 'done':
        this.#done();
        return;
      case 'fail':
        this.#fail(new ControlError(action.code, action.reason));
        return;
    }
  }

  /** Runs a change of the data plane in the peer's order, unless the run was stopped meanwhile. */
  #enqueue(change: () => Promise<NegotiationEvent>): void {
    this.#options.sas.queue
      .run(async () => (this.#stopped ? null : await change()))
      .then((event) => {
        if (event !== null) this.#feed(event);
      })
      .catch((error: unknown) => this.#feed({ type: 'broken', reason: reasonOf(error) }));
  }

  async #installRx(): Promise<NegotiationEvent> {
    // Set first: an install that fails half-way has to be undone too.
    this.#installed = true;
    await this.#options.sas.installRx(this.#options.secrets.masterKeys, this.#ownSpis);
    return { type: 'installed' };
  }

  async #switchTx(peerSpis: readonly number[]): Promise<NegotiationEvent> {
    const { sas, secrets } = this.#options;
    this.#replacedTx = await sas.switchTx(secrets.masterKeys, peerSpis);
    sas.sendKeepalive();
    return { type: 'switched' };
  }

  #announce(message: (terms: Terms) => ControlMessage): void {
    this.#announced = true;
    this.#options.sas.announce(this.#ownSpis);
    this.#options.send(message(this.#negotiation.terms));
  }

  #done(): void {
    this.#timeout.cancel();
    this.#options.secrets.wipe();
    this.#options.onDone();
    const newSpis = { rx: this.#ownSpis, tx: this.#negotiation.peerSpis };
    const oldSpis = { rx: this.#oldRx, tx: this.#replacedTx.spis };
    this.#loss
      .start(this.#replacedTx, this.#oldRx.length)
      .then((loss) => this.#options.onResult({ oldSpis, newSpis, ...loss }))
      .catch(() => {});
  }

  #fail(error: ControlError): void {
    this.#options.onFailed(error);
    this.stop();
  }
}
