/**
 * The AEAD provider on OpenSSL: makes keys, after known answers showed that it computes right.
 *
 * The nonce is fixed once per key; OpenSSL then counts by itself when sealing.
 *
 * @see EVP_EncryptInit(3), "Controls" and "GCM and OCB Modes"
 */
import { addressOf } from './libc.ts';
import { loadOpenSsl, type OpenSsl, OpenSslError } from './openssl.ts';
import { type KeyParts, type NativeMemory, OpenSslOpenKey, OpenSslSealKey } from './openssl-key.ts';
import { selfTest } from './openssl-self-test.ts';
import { ENTRY_1, type ParamBlock, ParamBlocks, ParamName } from './param-blocks.ts';

const EVP_CTRL_GCM_SET_IV_FIXED = 0x12;
/** Length argument that sets all of the nonce. */
const WHOLE_NONCE = -1;
const SPI_LEN = 4;
const COUNTER_LEN = 8;
const NONCE_LEN = SPI_LEN + COUNTER_LEN;
const TAG_LEN = 16;
const CIPHERS = [
  { name: 'AES-128-GCM', keyLen: 16 },
  { name: 'AES-256-GCM', keyLen: 32 },
] as const;

/** Number of a cipher suite, as on the wire: 0 AES-128-GCM, 1 AES-256-GCM. */
export type SuiteNumber = 0 | 1;

/**
 * Binds OpenSSL to one memory, for one thread.
 *
 * @param base Machine address of the memory's first byte. The memory must not move or grow; the
 *   provider and its keys keep it alive.
 * @throws {OpenSslError} when OpenSSL is missing or fails the self-test.
 */
export function opensslAead(memory: NativeMemory, base: number): OpenSslAead {
  const ssl = loadOpenSsl();
  selfTest((own, ownBase) => new OpenSslAead(ssl, own, ownBase));
  return new OpenSslAead(ssl, memory, base);
}

/** The provider, with the contract of `AeadProvider` in dataplane/sa/aead.ts. */
export class OpenSslAead {
  readonly name: string;
  readonly #ssl: OpenSsl;
  readonly #memory: NativeMemory;
  readonly #base: number;
  readonly #blocks = new ParamBlocks();
  readonly #ciphers: readonly number[];

  /** Use `opensslAead`, which tests before it trusts. @throws {OpenSslError} */
  constructor(ssl: OpenSsl, memory: NativeMemory, base: number) {
    this.name = ssl.name;
    this.#ssl = ssl;
    this.#memory = memory;
    this.#base = base;
    this.#ciphers = CIPHERS.map(({ name }) => checked(ssl.fetchCipher(0, name, 0), `fetch ${name}`));
  }

  sealKey(suite: SuiteNumber, key: Uint8Array, spi: number, firstCounter = 1): OpenSslSealKey {
    const nonce = new Uint8Array(NONCE_LEN);
    const view = new DataView(nonce.buffer);
    view.setUint32(0, spi);
    view.setUint32(4, Math.floor(firstCounter / 0x1_0000_0000));
    view.setUint32(8, firstCounter >>> 0);
    return this.sealKeyFrom(suite, key, nonce);
  }

  /** A sealing key whose first nonce is any 96 bits, as published test vectors have them. */
  sealKeyFrom(suite: SuiteNumber, key: Uint8Array, nonce: Uint8Array): OpenSslSealKey {
    const context = this.#context(this.#ssl.initSeal, suite, key, nonce, WHOLE_NONCE);
    const block = this.#blocks.take(ParamName.tag, TAG_LEN, ParamName.tlsivgen, COUNTER_LEN);
    const parts = this.#parts(context, block, nonce);
    if (this.#ssl.getParams(context, block.address + ENTRY_1) === 1) return new OpenSslSealKey(parts);
    this.#ssl.freeContext(context);
    this.#blocks.release(block);
    throw new OpenSslError('ERR_ICX_OPENSSL_FAILED', 'OpenSSL could not start the nonce counter');
  }

  openKey(suite: SuiteNumber, key: Uint8Array, spi: number): OpenSslOpenKey {
    const nonce = new Uint8Array(NONCE_LEN);
    new DataView(nonce.buffer).setUint32(0, spi);
    const context = this.#context(this.#ssl.initOpen, suite, key, nonce, SPI_LEN);
    const block = this.#blocks.take(ParamName.tag, TAG_LEN, ParamName.tlsivinv, COUNTER_LEN);
    return new OpenSslOpenKey(this.#parts(context, block, nonce));
  }

  #parts(context: number, block: ParamBlock, nonce: Uint8Array): KeyParts {
    const spi = new DataView(nonce.buffer, nonce.byteOffset).getInt32(0);
    return {
      ssl: this.#ssl,
      memory: this.#memory,
      base: this.#base,
      blocks: this.#blocks,
      block,
      context,
      spi,
    };
  }

  /** A context with key and fixed nonce part; the copy of the key that OpenSSL read is overwritten. */
  #context(
    init: OpenSsl['initSeal'],
    suite: SuiteNumber,
    key: Uint8Array,
    nonce: Uint8Array,
    fixedLen: number,
  ) {
    const { keyLen } = CIPHERS[suite];
    if (key.length !== keyLen) {
      throw new RangeError(`suite ${suite} takes a key of ${keyLen} bytes, not ${key.length}`);
    }
    const ssl = this.#ssl;
    const context = checked(ssl.newContext(), 'make a cipher context');
    const secret = new Uint8Array(new ArrayBuffer(128));
    secret.set(key);
    secret.set(nonce.subarray(0, NONCE_LEN), 64);
    const address = addressOf(secret);
    const ready =
      init(context, this.#ciphers[suite] ?? 0, 0, address, 0) === 1 &&
      ssl.control(context, EVP_CTRL_GCM_SET_IV_FIXED, fixedLen, address + 64) === 1;
    secret.fill(0);
    if (ready) return context;
    ssl.freeContext(context);
    throw new OpenSslError('ERR_ICX_OPENSSL_FAILED', 'OpenSSL did not accept the key');
  }
}

function checked(pointer: number, attempt: string): number {
  if (pointer !== 0) return pointer;
  throw new OpenSslError('ERR_ICX_OPENSSL_FAILED', `OpenSSL could not ${attempt}`);
}
