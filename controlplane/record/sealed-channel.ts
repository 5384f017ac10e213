/**
 * Which control keys seal and open what, while one generation follows another.
 *
 * A node seals under a generation from its first message of that generation on. What comes is
 * opened by the generation it names, the newest or the one before; the older keys go as soon as
 * the peer used newer ones, because the stream keeps its order.
 */
import type { HandshakeSecrets } from '../handshake/handshake-secrets.ts';
import { Role } from '../rekey/spi.ts';
import { type ControlMessage, decodeMessage, encodeMessage, type UnknownMessage } from './message.ts';
import { type ControlRecord, RecordError } from './record.ts';
import { RecordOpener, RecordSealer } from './record-seal.ts';

export class SealedChannel {
  readonly #role: Role;
  readonly #sealers = new Map<number, RecordSealer>();
  readonly #openers = new Map<number, RecordOpener>();
  #sending: RecordSealer | null = null;

  constructor(role: Role) {
    this.#role = role;
  }

  /** Whether messages can be sealed. */
  get ready(): boolean {
    return this.#sending !== null;
  }

  /** A handshake gave keys; they open from now on. Their owner wipes the originals. */
  add(generation: number, { initiatorKey, responderKey }: HandshakeSecrets): void {
    const initiator = this.#role === Role.initiator;
    this.#sealers.set(generation, new RecordSealer(initiator ? initiatorKey : responderKey, generation));
    this.#openers.set(generation, new RecordOpener(initiator ? responderKey : initiatorKey, generation));
  }

  /** Seals under this generation from now on, and never again under an older one. */
  sendUnder(generation: number): void {
    const sealer = this.#sealers.get(generation);
    if (sealer === undefined) throw new TypeError(`No control keys of generation ${generation}`);
    this.#sending = sealer;
    wipeOlder(this.#sealers, generation);
  }

  /** @returns a whole record. */
  seal(message: ControlMessage): Uint8Array {
    if (this.#sending === null) throw new TypeError('No control keys to seal with');
    return this.#sending.seal(encodeMessage(message));
  }

  /**
   * @throws {RecordError}  when the record does not verify.
   * @throws {MessageError} when what was sealed is malformed.
   */
  open(record: ControlRecord): ControlMessage | UnknownMessage {
    const opener = this.#openers.get(record.generation);
    if (opener === undefined) {
      throw new RecordError(
        'ERR_ICX_RECORD_AUTH',
        `control record of generation ${record.generation}, which has no keys`,
      );
    }
    const plaintext = opener.open(record);
    wipeOlder(this.#openers, record.generation);
    return decodeMessage(plaintext);
  }

  wipe(): void {
    wipeOlder(this.#sealers, Number.POSITIVE_INFINITY);
    wipeOlder(this.#openers, Number.POSITIVE_INFINITY);
    this.#sending = null;
  }
}

function wipeOlder(byGeneration: Map<number, RecordSealer | RecordOpener>, than: number): void {
  for (const [generation, keys] of byGeneration) {
    if (generation >= than) continue;
    keys.wipe();
    byGeneration.delete(generation);
  }
}
