/**
 * Seals and opens the records of one direction of one generation.
 *
 * AES-256-GCM; the nonce is a counter that the wire does not carry: a record lost, repeated,
 * reordered or taken from another direction or generation does not verify. The header is
 * authenticated.
 */
import { GCM_KEY_LEN, GCM_TAG_LEN, openGcm, sealGcm } from '../crypto/gcm.ts';
import { type ControlRecord, encodeRecordHeader, RecordError, RecordKind } from './record.ts';

/** Sending side. Owns its copy of the key. */
export class RecordSealer {
  readonly #key: Uint8Array;
  readonly #generation: number;
  #counter = 0;
  #wiped = false;

  /** @param key 32 bytes, copied. */
  constructor(key: Uint8Array, generation: number) {
    this.#key = copyKey(key);
    this.#generation = generation;
  }

  /**
   * Makes a whole sealed record, header included.
   *
   * @throws {RecordError} ERR_ICX_RECORD_STATE after {@link wipe}: sealing under a key of zeros
   *   would be no sealing.
   */
  seal(plaintext: Uint8Array): Uint8Array {
    if (this.#wiped) throw wiped();
    const bodyLen = plaintext.length + GCM_TAG_LEN;
    const header = encodeRecordHeader(RecordKind.sealed, this.#generation, bodyLen);
    const body = sealGcm(this.#key, this.#counter++, header, plaintext);
    return new Uint8Array(Buffer.concat([header, body]));
  }

  wipe(): void {
    this.#key.fill(0);
    this.#wiped = true;
  }
}

/** Receiving side. Owns its copy of the key. */
export class RecordOpener {
  readonly #key: Uint8Array;
  readonly #generation: number;
  #counter = 0;
  #wiped = false;

  /** @param key 32 bytes, copied. */
  constructor(key: Uint8Array, generation: number) {
    this.#key = copyKey(key);
    this.#generation = generation;
  }

  /** @throws {RecordError} when this is not the next record that the peer sealed. */
  open(record: ControlRecord): Uint8Array {
    if (this.#wiped) throw wiped();
    const expected = record.kind === RecordKind.sealed && record.generation === this.#generation;
    const plaintext = expected ? openGcm(this.#key, this.#counter, record.header, record.body) : null;
    if (plaintext === null) {
      throw new RecordError('ERR_ICX_RECORD_AUTH', 'control record does not verify: forged or out of order');
    }
    this.#counter += 1;
    return plaintext;
  }

  wipe(): void {
    this.#key.fill(0);
    this.#wiped = true;
  }
}

function copyKey(key: Uint8Array): Uint8Array {
  if (key.length !== GCM_KEY_LEN) throw new RangeError(`A control key has ${GCM_KEY_LEN} bytes`);
  return key.slice();
}

function wiped(): RecordError {
  return new RecordError('ERR_ICX_RECORD_STATE', 'control key is gone: its generation is over');
}
