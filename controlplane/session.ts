/**
 * One control connection to one peer: records in and out, authentication, liveness, its end.
 */
import type { Timer } from './clock.ts';
import { DEAD_AFTER_MS, Liveness } from './connect/liveness.ts';
import { ControlError, reasonOf } from './control-error.ts';
import type { Initiation } from './handshake/handshake.ts';
import type { HandshakeSecrets } from './handshake/handshake-secrets.ts';
import { REFUSED } from './handshake/refusal-words.ts';
import type { Identity } from './identity.ts';
import type { ControlMessage, RekeyTrigger } from './record/message.ts';
import { type ControlRecord, decodeRefusal, encodeRefusal, RecordKind } from './record/record.ts';
import type { RecordStream } from './record/record-stream.ts';
import type { RoutesMessage } from './record/routes-message.ts';
import { SealedChannel } from './record/sealed-channel.ts';
import type { PeerContext } from './rekey/peer-context.ts';
import { type RekeyResult, Rotator } from './rekey/rotator.ts';
import { Role } from './rekey/spi.ts';
import { type SessionEnd, wordsForPeer } from './session-end.ts';

/** What a session tells its tunnel. */
export interface SessionEvents {
  /** The peer proved itself. @returns false when another connection stays instead. */
  onAuthenticated(session: Session): boolean;
  /** A generation's SAs are in use in both directions. */
  onRotated(session: Session, generation: number, trigger: RekeyTrigger, durationMs: number): void;
  /** What the generation lost, some time after; comes once for every {@link onRotated}. */
  onResult(session: Session, result: RekeyResult): void;
  /** The peer says what its path takes, in bytes of inner packet. */
  onPath(session: Session, mtuBytes: number): void;
  /** The peer says what is behind it. @throws {ControlError} when the connection has to be closed. */
  onRoutes(session: Session, message: RoutesMessage): void;
  onEnd(session: Session, end: SessionEnd): void;
}

export interface SessionOptions {
  readonly stream: RecordStream;
  readonly identity: Identity;
  readonly peer: PeerContext;
  readonly events: SessionEvents;
  /** A TAI64N label later than all before. */
  timestamp(): Uint8Array;
}

/** Bytes that may wait for the peer when more routes are sent; less than ends the connection. */
const MAX_QUEUED_BEFORE_ROUTES = 16_384;
/** Time to read the end's reason from a transport that reports it apart, in ms. */
const REASON_WAIT_MS = 100;

export class Session {
  readonly dialled: boolean;
  readonly role: Role;
  readonly #options: SessionOptions;
  readonly #channel: SealedChannel;
  readonly #rotator: Rotator;
  #liveness: Liveness | null = null;
  #timer: Timer | null = null;
  #authenticatedAtMs: number | null = null;
  #upAtMs: number | null = null;
  #hybrid = false;
  #ended = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.dialled = options.stream.connection.dialled;
    this.role = this.dialled ? Role.initiator : Role.responder;
    this.#channel = new SealedChannel(this.role);
    this.#rotator = new Rotator({
      role: this.role,
      identity: options.identity,
      peer: options.peer,
      channel: this.#channel,
      timestamp: options.timestamp,
      sendRecord: (record) => options.stream.send(record),
      sendMessage: (message) => this.#send(message),
      onKeys: (generation, secrets) => this.#onKeys(generation, secrets),
      onDone: (generation, trigger, durationMs) => {
        this.#upAtMs ??= this.#nowMs();
        options.events.onRotated(this, generation, trigger, durationMs);
      },
      onResult: (result) => options.events.onResult(this, result),
      onFailed: (error) => this.#refuse(error),
    });
  }

  /** When the peer proved itself; null before. */
  get authenticatedAtMs(): number | null {
    return this.#authenticatedAtMs;
  }

  /** When the first SAs were in use both ways; null before. */
  get upAtMs(): number | null {
    return this.#upAtMs;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get generation(): number {
    return this.#rotator.generation;
  }

  /** Smoothed round trip time of the control connection in ms; null before it was measured. */
  get rttMs(): number | null {
    return this.#liveness?.rttMs ?? null;
  }

  /** Whether the keys contain ML-KEM-768. */
  get hybrid(): boolean {
    return this.#hybrid;
  }

  /** Resolves once the connection is closed. */
  get gone(): Promise<unknown> {
    return this.#options.stream.connection.closed;
  }

  /** Runs the session until it ends. @param initiation First message, on the answering side. */
  start(initiation: Initiation | null): void {
    const { connection } = this.#options.stream;
    connection.closed.then((info) => this.#end(info.message)).catch(() => {});
    try {
      if (initiation === null) this.#rotator.start();
      else this.#rotator.answer(initiation);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    void this.#read();
  }

  /** Replaces the SAs, or joins the replacement under way. @throws {ControlError} by rejection. */
  rekey(trigger: RekeyTrigger): Promise<RekeyResult> {
    return this.#rotator.rekey(trigger);
  }

  /** Tells the peer what our path to it takes. */
  sendPath(mtuBytes: number): void {
    this.#send({ type: 'path', mtuBytes });
  }

  /** Tells the peer what is behind us. @returns false, with nothing sent, while it has enough to read. */
  sendRoutes(message: RoutesMessage): boolean {
    if (this.#options.stream.queued > MAX_QUEUED_BEFORE_ROUTES) return false;
    this.#send(message);
    return true;
  }

  /** Another connection took over: negotiate nothing more here, but stay until that one stands. */
  supersede(): void {
    this.#rotator.stop(closed('replaced by another connection'));
  }

  /** Ends the session; the SAs stay. */
  close(reason: string): void {
    this.#options.stream.close(reason);
    this.#end(reason);
  }

  /** Ends the session and tells the peer to forget our SAs. */
  goodbye(reason: string): void {
    if (this.#ended) return;
    if (!this.#channel.ready) {
      this.close(reason);
      return;
    }
    this.#options.stream.closeAfter(this.#channel.seal({ type: 'goodbye', reason }), reason);
    this.#end(reason);
  }

  async #read(): Promise<void> {
    const { stream } = this.#options;
    try {
      for (let record = await stream.next(); record !== null; record = await stream.next()) {
        if (this.#ended) return;
        this.#receive(record);
      }
    } catch (error) {
      this.#refuse(error);
      return;
    }
    const end = (): void => this.close('connection ended by the peer');
    if (!this.#ended) this.#setTimer(REASON_WAIT_MS, end);
  }

  #receive(record: ControlRecord): void {
    if (record.kind === RecordKind.sealed) this.#receiveSealed(record);
    else if (record.kind === RecordKind.handshake1) this.#rotator.receiveHandshake1(record);
    else if (record.kind === RecordKind.handshake2) this.#rotator.receiveHandshake2(record);
    else this.close(`refused by the peer: ${decodeRefusal(record)}`);
  }

  #receiveSealed(record: ControlRecord): void {
    const message = this.#channel.open(record);
    // The initiator's first sealed message confirms the keys to the other end.
    if (this.#authenticatedAtMs === null && !this.#authenticate()) return;
    this.#liveness?.heard(this.#nowMs());
    switch (message.type) {
      case 'ping':
        this.#send({ type: 'pong', id: message.id });
        return;
      case 'pong':
        this.#liveness?.pong(message.id, this.#nowMs());
        return;
      case 'path':
        this.#options.events.onPath(this, message.mtuBytes);
        return;
      case 'routes':
        this.#options.events.onRoutes(this, message);
        return;
      case 'goodbye':
        this.#options.stream.close('goodbye');
        this.#end(`peer said goodbye: ${message.reason}`, { goodbye: true });
        return;
      case 'unknown':
        return;
      default:
        this.#rotator.receive(message);
        return;
    }
  }

  #onKeys(generation: number, secrets: HandshakeSecrets): boolean {
    this.#hybrid = secrets.hybrid;
    if (generation > 0 || this.role === Role.responder) return true;
    return this.#authenticate();
  }

  #authenticate(): boolean {
    this.#authenticatedAtMs = this.#nowMs();
    if (!this.#options.events.onAuthenticated(this)) {
      this.close('another connection to this peer stays');
      return false;
    }
    this.#channel.sendUnder(this.#rotator.generation);
    this.#liveness = new Liveness(this.#nowMs());
    this.#watch();
    return !this.#ended;
  }

  #watch(): void {
    const step = this.#liveness?.step(this.#nowMs());
    if (step === undefined || this.#ended) return;
    if (step.kind === 'dead') {
      this.close(`peer silent for ${DEAD_AFTER_MS / 1_000} s`);
      return;
    }
    if (step.kind === 'ping') {
      this.#send({ type: 'ping', id: step.id });
      this.#watch();
      return;
    }
    this.#setTimer(step.untilMs - this.#nowMs(), () => this.#watch());
  }

  #send(message: ControlMessage): void {
    if (this.#ended || !this.#channel.ready) return;
    this.#options.stream.send(this.#channel.seal(message));
  }

  /** Ends the session because of what came, telling an authenticated peer why. */
  #refuse(error: unknown): void {
    if (this.#ended) return;
    const words = wordsForPeer(error, this.#authenticatedAtMs !== null);
    if (words === null) this.#options.stream.close(REFUSED);
    else this.#options.stream.closeAfter(encodeRefusal(words, Math.max(0, this.generation)), words);
    this.#end(reasonOf(error), { cause: error });
  }

  #end(reason: string, how: { readonly goodbye?: boolean; readonly cause?: unknown } = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    const failed = this.#rotator.pending;
    this.#rotator.stop(how.cause instanceof ControlError ? how.cause : closed(reason));
    this.#channel.wipe();
    this.#options.events.onEnd(this, { reason, goodbye: how.goodbye ?? false, failed });
  }

  #setTimer(delayMs: number, act: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.peer.sas.options.clock.setTimer(delayMs, act);
  }

  #nowMs(): number {
    return this.#options.peer.sas.options.clock.nowMs();
  }
}

function closed(reason: string): ControlError {
  return new ControlError('ERR_ICX_CONTROL_CLOSED', reason);
}
