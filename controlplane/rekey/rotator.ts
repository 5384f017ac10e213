/**
 * Gives one control connection its generations, one at a time: handshake, then run.
 *
 * The dialler starts every handshake. The other end asks for one; an ask that crosses a handshake
 * on the wire has found what it wanted and joins it.
 */
import type { Clock, Timer } from '../clock.ts';
import { ControlError } from '../control-error.ts';
import { type Deferred, deferred } from '../deferred.ts';
import { type Initiation, InitiatorHandshake, readInitiation } from '../handshake/handshake.ts';
import type { HandshakeSecrets } from '../handshake/handshake-secrets.ts';
import type { Identity } from '../identity.ts';
import type { ControlMessage, RekeyTrigger } from '../record/message.ts';
import { type ControlRecord, encodeRecord, RecordKind } from '../record/record.ts';
import type { SealedChannel } from '../record/sealed-channel.ts';
import { GenerationRun, type RunResult } from './generation-run.ts';
import type { PeerContext } from './peer-context.ts';
import { Role } from './spi.ts';

/** Time from a first message, or a request for one, to its answer, in ms. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A rekey that went through. */
export interface RekeyResult extends RunResult {
  readonly trigger: RekeyTrigger;
  /** From the first handshake message until both directions ran on the new SAs, in ms. */
  readonly durationMs: number;
}

export interface RotatorOptions {
  readonly role: Role;
  readonly identity: Identity;
  readonly peer: PeerContext;
  readonly channel: SealedChannel;
  /** A TAI64N label later than all before. */
  timestamp(): Uint8Array;
  sendRecord(record: Uint8Array): void;
  sendMessage(message: ControlMessage): void;
  /** A handshake gave keys. @returns whether to go on. */
  onKeys(generation: number, secrets: HandshakeSecrets): boolean;
  /** Both directions run on new SAs. */
  onDone(generation: number, trigger: RekeyTrigger, durationMs: number): void;
  /** The reports to it are in, or will not come. */
  onResult(result: RekeyResult): void;
  /** The connection is of no use any more. */
  onFailed(error: ControlError): void;
}

interface Rotation {
  readonly generation: number;
  readonly trigger: RekeyTrigger;
  readonly startedAtMs: number;
  readonly result: Deferred<RekeyResult>;
  /** Until the answer came. */
  handshake: InitiatorHandshake | null;
  run: GenerationRun | null;
}

interface Request {
  readonly trigger: RekeyTrigger;
  readonly result: Deferred<RekeyResult>;
  readonly timeout: Timer;
}

export class Rotator {
  readonly #options: RotatorOptions;
  #generation = -1;
  #rotation: Rotation | null = null;
  #timeout: Timer | null = null;
  /** Responder: what we asked for and the initiator has not started yet. */
  #request: Request | null = null;
  /** Responder: why the initiator will start the next one, as it said. */
  #noticed: RekeyTrigger | null = null;
  /** Initiator: wanted after the generation whose reports are still under way. */
  #queued: Pick<Request, 'trigger' | 'result'> | null = null;
  #stopped: ControlError | null = null;

  constructor(options: RotatorOptions) {
    this.#options = options;
  }

  /** Number of the newest generation; -1 before the first. */
  get generation(): number {
    return this.#generation;
  }

  /** Why a generation is under way whose SAs are not agreed yet; null when none is. */
  get pending(): RekeyTrigger | null {
    if (this.#stopped !== null || this.#rotation === null || this.#rotation.run?.done) return null;
    return this.#rotation.trigger;
  }

  /** The dialler's first handshake. */
  start(): void {
    this.#begin('reconnect', deferred<RekeyResult>());
  }

  /**
   * The other end's answer to a first handshake that was read already.
   *
   * @throws {HandshakeError} when the peer has to be refused.
   */
  answer(initiation: Initiation): void {
    this.#answer(initiation, 0, 'reconnect');
  }

  /** Joins a rekey that is under way, unless its SAs may be lost. @throws {ControlError} by rejection. */
  rekey(trigger: RekeyTrigger): Promise<RekeyResult> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const rotation = this.#rotation;
    // Agreed already: whoever asks now wants newer SAs than these. So does who lost SAs while
    // they were installed: some of these may be among them.
    const older = rotation?.run?.done || (trigger === 'reconnect' && rotation?.run);
    if (rotation !== null && !older) return rotation.result.promise;
    if (this.#options.role === Role.responder) return this.#ask(trigger).result.promise;
    return this.#beginNext(trigger);
  }

  /** @throws {HandshakeError | ControlError} when the connection has to be closed. */
  receiveHandshake1(record: ControlRecord): void {
    if (this.#stopped !== null) return;
    const { role, identity, peer } = this.#options;
    const busy = this.#rotation?.run?.done === false;
    if (role !== Role.responder || busy || record.generation !== this.#generation + 1) {
      throw unexpected('first', record.generation);
    }
    const initiation = readInitiation({
      identity,
      message1: record.body,
      lookup: (dhPublic) => (Buffer.compare(dhPublic, peer.dhPublic) === 0 ? [peer] : []),
    });
    this.#answer(initiation, record.generation, this.#noticed ?? this.#request?.trigger ?? 'timer');
  }

  /** @throws {HandshakeError | ControlError} when the connection has to be closed. */
  receiveHandshake2(record: ControlRecord): void {
    if (this.#stopped !== null) return;
    const rotation = this.#rotation;
    const handshake = rotation?.handshake ?? null;
    if (rotation === null || handshake === null || record.generation !== rotation.generation) {
      throw unexpected('second', record.generation);
    }
    rotation.handshake = null;
    this.#timeout?.cancel();
    this.#run(rotation, handshake.finish(record.body));
  }

  /** A sealed message; those that are not about SAs change nothing. */
  receive(message: ControlMessage): void {
    if (this.#stopped !== null) return;
    if (message.type === 'rekey_request') this.#receiveRequest(message.trigger);
    else this.#rotation?.run?.receive(message);
  }

  /** The connection ended or lost to another one; idempotent. */
  stop(error: ControlError): void {
    if (this.#stopped !== null) return;
    this.#stopped = error;
    this.#timeout?.cancel();
    this.#request?.timeout.cancel();
    this.#request?.result.reject(error);
    this.#queued?.result.reject(error);
    const rotation = this.#rotation;
    rotation?.handshake?.wipe();
    // Agreed SAs are agreed, even if the reports are missing: the run settles those itself.
    if (rotation !== null && rotation.run?.done !== true) rotation.result.reject(error);
    rotation?.run?.stop();
  }

  /** Starts a generation, after the reports of the one before. */
  #beginNext(trigger: RekeyTrigger): Promise<RekeyResult> {
    this.#queued ??= { trigger, result: deferred<RekeyResult>() };
    const { result } = this.#queued;
    if (this.#rotation === null) this.#beginQueued();
    return result.promise;
  }

  #beginQueued(): void {
    const queued = this.#queued;
    if (queued === null) return;
    this.#queued = null;
    // Tells the peer why; its own metrics want to know.
    this.#options.sendMessage({ type: 'rekey_request', trigger: queued.trigger });
    this.#begin(queued.trigger, queued.result);
  }

  #begin(trigger: RekeyTrigger, result: Deferred<RekeyResult>): void {
    const { identity, peer, timestamp, sendRecord } = this.#options;
    const handshake = new InitiatorHandshake({
      identity,
      peerPublicKey: peer.publicKey,
      psk: peer.psk,
      hybrid: peer.hybrid,
      lanes: peer.sas.lanes,
      vni: peer.vni,
      timestamp: timestamp(),
    });
    const rotation = this.#rotate(this.#generation + 1, trigger, result);
    rotation.handshake = handshake;
    this.#timeout = peer.sas.options.clock.setTimer(HANDSHAKE_TIMEOUT_MS, () =>
      this.#options.onFailed(timedOut('no answer to the handshake')),
    );
    sendRecord(encodeRecord(RecordKind.handshake1, rotation.generation, handshake.message1()));
  }

  #answer(initiation: Initiation, generation: number, trigger: RekeyTrigger): void {
    const { peer, sendRecord } = this.#options;
    peer.lastTimestamp = initiation.timestamp;
    const { message2, secrets } = initiation.respond({ lanes: peer.sas.lanes });
    // Reports of the generation before that are still out will not come any more.
    this.#rotation?.run?.stop();
    this.#request?.timeout.cancel();
    const rotation = this.#rotate(generation, trigger, this.#request?.result ?? deferred<RekeyResult>());
    this.#request = null;
    this.#noticed = null;
    sendRecord(encodeRecord(RecordKind.handshake2, generation, message2));
    this.#run(rotation, secrets);
  }

  #rotate(generation: number, trigger: RekeyTrigger, result: Deferred<RekeyResult>): Rotation {
    const startedAtMs = this.#clock.nowMs();
    this.#generation = generation;
    const rotation: Rotation = { generation, trigger, startedAtMs, result, handshake: null, run: null };
    this.#rotation = rotation;
    return rotation;
  }

  #run(rotation: Rotation, secrets: HandshakeSecrets): void {
    const { role, peer, channel, onKeys, onDone, onFailed, sendMessage } = this.#options;
    const { generation, trigger } = rotation;
    channel.add(generation, secrets);
    if (!onKeys(generation, secrets)) {
      secrets.wipe();
      return;
    }
    let durationMs = 0;
    rotation.run = new GenerationRun({
      generation,
      role,
      secrets,
      sas: peer.sas,
      send: (message) => {
        if (message.type === 'offer' || message.type === 'accept') channel.sendUnder(generation);
        sendMessage(message);
      },
      onDone: () => {
        durationMs = this.#clock.nowMs() - rotation.startedAtMs;
        onDone(generation, trigger, durationMs);
      },
      onFailed,
      onResult: (result) => this.#finish(rotation, { ...result, trigger, durationMs }),
    });
  }

  #finish(rotation: Rotation, result: RekeyResult): void {
    rotation.result.resolve(result);
    this.#options.onResult(result);
    if (this.#rotation !== rotation || this.#stopped !== null) return;
    this.#rotation = null;
    this.#beginQueued();
  }

  #ask(trigger: RekeyTrigger): Request {
    if (this.#request !== null) return this.#request;
    const timeout = this.#clock.setTimer(HANDSHAKE_TIMEOUT_MS, () => {
      this.#request = null;
      request.result.reject(timedOut('the peer did not start the rekey it was asked for'));
    });
    const request: Request = { trigger, result: deferred<RekeyResult>(), timeout };
    this.#request = request;
    this.#options.sendMessage({ type: 'rekey_request', trigger });
    return request;
  }

  #receiveRequest(trigger: RekeyTrigger): void {
    if (this.#options.role === Role.responder) {
      this.#noticed = trigger;
      return;
    }
    // Asked before our first message arrived, else its answer would have come before: joined.
    if (this.#rotation?.handshake) return;
    void this.#beginNext(trigger);
  }

  get #clock(): Clock {
    return this.#options.peer.sas.options.clock;
  }
}

function unexpected(which: string, generation: number): ControlError {
  return new ControlError(
    'ERR_ICX_CONTROL_PROTOCOL',
    `${which} handshake message of generation ${generation} came out of turn`,
  );
}

function timedOut(what: string): ControlError {
  return new ControlError('ERR_ICX_CONTROL_TIMEOUT', `${what} within ${HANDSHAKE_TIMEOUT_MS / 1_000} s`);
}
