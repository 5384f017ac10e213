/**
 * One AES-GCM key in OpenSSL: seals or opens in four calls.
 *
 *   seal: additional data, body, finish, get {tag -> behind the body, tlsivgen -> next counter}
 *   open: set {tag <- behind the body, tlsivinv <- counter}, additional data, body, finish
 *
 * OpenSSL makes the nonces when sealing. It tells the next one in advance (`tlsivgen`), and
 * that must be what the packet's header says before anything is sealed: the nonce on the wire
 * and the nonce that was used can't differ. The contract is that of dataplane/sa/aead.ts.
 *
 * Nothing is allocated per packet but numbers: V8 makes an object of 16 bytes of each pointer
 * above 2^31 that is computed and passed to a native function (see low-alias.ts).
 *
 * @see NIST SP 800-38D §7, EVP_EncryptInit(3)
 */
import type { OpenSsl } from './openssl.ts';
import {
  COUNTER,
  type ParamBlock,
  type ParamBlocks,
  POINTER_0,
  POINTER_1,
  writePointer,
} from './param-blocks.ts';

const NONCE_LEN = 12;
const TAG_LEN = 16;
/** Of the counter in a nonce. */
const COUNTER_AT = 4;

/** The memory that packets live in: one buffer, seen twice. It must neither move nor grow. */
export interface NativeMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** What a key is made of; it owns context and block from then on. */
export interface KeyParts {
  readonly ssl: OpenSsl;
  readonly memory: NativeMemory;
  /** Machine address of the memory's first byte. */
  readonly base: number;
  readonly blocks: ParamBlocks;
  readonly block: ParamBlock;
  /** EVP_CIPHER_CTX, with key and SPI set. */
  readonly context: number;
  /** As a signed 32-bit number, which V8 needs no object for. */
  readonly spi: number;
}

export class OpenSslSealKey {
  readonly #parts: KeyParts;
  readonly #memory: NativeMemory;
  readonly #base: number;
  readonly #block: ParamBlock;
  readonly #spi: number;
  /** Null once destroyed. */
  #context: number | null = null;
  /** Of the block. Null at first as the one above: V8 then keeps the number's object instead of making one a use. */
  #address: number | null = null;

  constructor(parts: KeyParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#base = parts.base;
    this.#block = parts.block;
    this.#spi = parts.spi;
    this.#context = parts.context;
    this.#address = parts.block.address;
  }

  seal(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean {
    const context = this.#context;
    const address = this.#address;
    const memoryLen = this.#memory.bytes.length;
    if (
      context === null ||
      address === null ||
      !areInside(memoryLen, nonceAt, aadAt, aadLen, inAt, len, outAt)
    )
      return false;
    const { view, at } = this.#block;
    const packet = this.#memory.view;
    if (packet.getInt32(nonceAt) !== this.#spi) return false;
    if (packet.getInt32(nonceAt + COUNTER_AT) !== view.getInt32(at + COUNTER)) return false;
    if (packet.getInt32(nonceAt + COUNTER_AT + 4) !== view.getInt32(at + COUNTER + 4)) return false;

    const { ssl } = this.#parts;
    const base = this.#base;
    writePointer(view, at + POINTER_0, base + outAt + len);
    let ok = aadLen === 0 || ssl.cipher(context, 0, base + aadAt, aadLen) === aadLen;
    if (len !== 0) {
      const fromAt = disentangle(this.#memory.bytes, inAt, len, outAt);
      ok = ssl.cipher(context, base + outAt, base + fromAt, len) === len && ok;
    }
    ok = ssl.cipher(context, 0, 0, 0) === 0 && ok;
    ok = ssl.getParams(context, address) === 1 && ok;
    // Whatever failed, nobody knows which nonce comes next: the key must not be used again.
    if (!ok) this.destroy();
    return ok;
  }

  destroy(): void {
    if (this.#context === null) return;
    release(this.#parts);
    this.#context = null;
  }
}

export class OpenSslOpenKey {
  readonly #parts: KeyParts;
  readonly #memory: NativeMemory;
  readonly #base: number;
  readonly #block: ParamBlock;
  readonly #spi: number;
  /** Null once destroyed. */
  #context: number | null = null;
  /** Of the block. Null at first as the one above: V8 then keeps the number's object instead of making one a use. */
  #address: number | null = null;

  constructor(parts: KeyParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#base = parts.base;
    this.#block = parts.block;
    this.#spi = parts.spi;
    this.#context = parts.context;
    this.#address = parts.block.address;
  }

  open(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean {
    const context = this.#context;
    const address = this.#address;
    const memoryLen = this.#memory.bytes.length;
    if (
      context === null ||
      address === null ||
      !areInside(memoryLen, nonceAt, aadAt, aadLen, outAt, len, inAt)
    )
      return false;
    if (this.#memory.view.getInt32(nonceAt) !== this.#spi) return false;

    const { ssl } = this.#parts;
    const base = this.#base;
    const { view, at } = this.#block;
    writePointer(view, at + POINTER_0, base + inAt + len);
    writePointer(view, at + POINTER_1, base + nonceAt + COUNTER_AT);
    if (ssl.setParams(context, address) !== 1) return false;
    if (aadLen !== 0 && ssl.cipher(context, 0, base + aadAt, aadLen) !== aadLen) return false;
    if (len !== 0) {
      const fromAt = disentangle(this.#memory.bytes, inAt, len, outAt);
      if (ssl.cipher(context, base + outAt, base + fromAt, len) !== len) return false;
    }
    return ssl.cipher(context, 0, 0, 0) === 0;
  }

  destroy(): void {
    if (this.#context === null) return;
    release(this.#parts);
    this.#context = null;
  }
}

/**
 * Whether all ranges are in the memory: OpenSSL would write anywhere. `sealedAt` has a tag
 * behind its `len` bytes, `plainAt` has not.
 */
function areInside(
  memoryLen: number,
  nonceAt: number,
  aadAt: number,
  aadLen: number,
  plainAt: number,
  len: number,
  sealedAt: number,
): boolean {
  return (
    (nonceAt | aadAt | aadLen | plainAt | len | sealedAt) >= 0 &&
    nonceAt + NONCE_LEN <= memoryLen &&
    aadAt + aadLen <= memoryLen &&
    plainAt + len <= memoryLen &&
    sealedAt + len + TAG_LEN <= memoryLen
  );
}

/**
 * Moves the input to the output when they overlap without being equal. OpenSSL's vectorised code
 * reads and writes in blocks of up to 96 bytes and more, so it handles only the equal case.
 *
 * @returns where the input is now.
 */
function disentangle(bytes: Uint8Array, inAt: number, len: number, outAt: number): number {
  if (inAt === outAt || inAt + len <= outAt || outAt + len <= inAt) return inAt;
  bytes.copyWithin(outAt, inAt, inAt + len);
  return outAt;
}

/** Frees the context, which overwrites the key schedule. */
function release(parts: KeyParts): void {
  parts.ssl.freeContext(parts.context);
  parts.blocks.release(parts.block);
}
