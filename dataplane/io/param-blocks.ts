/**
 * Small native blocks that OpenSSL reads its per-packet parameters from.
 *
 * A block is an OSSL_PARAM array of two entries and its end, and the 64-bit counter that one of
 * them points to. Blocks come from chunks that are never freed, and are used again.
 *
 * @see OSSL_PARAM(3)
 */
import { addressOf } from './libc.ts';

const BLOCK_LEN = 128;
const CHUNK_BLOCKS = 512;
const OSSL_PARAM_OCTET_STRING = 5;

/** struct ossl_param_st on a 64-bit machine: offsets in bytes. */
const Param = { key: 0, type: 8, data: 16, size: 24, len: 40 } as const;

/** Names of cipher parameters. @see EVP_EncryptInit(3), "Gettable and Settable EVP_CIPHER_CTX parameters" */
export const ParamName = { tag: 0, tlsivgen: 1, tlsivinv: 2 } as const;
type ParamName = (typeof ParamName)[keyof typeof ParamName];
const NAME_LEN = 16;

/** One block. `view` is shared with other blocks: only [at, at + 128) is this one's. */
export interface ParamBlock {
  readonly view: DataView;
  readonly at: number;
  /** Machine address of the array's first entry. */
  readonly address: number;
}

/** Offset in a block of the low half of the data pointer of entry 0; the high half is behind. */
export const POINTER_0 = Param.data;
/** The same of entry 1. */
export const POINTER_1 = Param.len + Param.data;
/** Offset in a block of eight bytes for the counter. */
export const COUNTER = 3 * Param.len;
/** Offset in a block of entry 1, an array of one entry by itself. */
export const ENTRY_1 = Param.len;

export class ParamBlocks {
  readonly #names = new Uint8Array(new ArrayBuffer(NAME_LEN * 3));
  readonly #namesAddress: number;
  readonly #free: ParamBlock[] = [];

  constructor() {
    const encoder = new TextEncoder();
    for (const [name, index] of Object.entries(ParamName)) {
      encoder.encodeInto(name, this.#names.subarray(index * NAME_LEN));
    }
    this.#namesAddress = addressOf(this.#names);
  }

  /** Takes a block whose two entries hold `len0` and `len1` bytes; entry 1 points to its counter. */
  take(name0: ParamName, len0: number, name1: ParamName, len1: number): ParamBlock {
    if (this.#free.length === 0) this.#grow();
    const block = this.#free.pop();
    if (block === undefined) throw new RangeError('no parameter block after growing');
    this.#writeEntry(block, 0, name0, len0);
    this.#writeEntry(block, 1, name1, len1);
    writePointer(block.view, block.at + POINTER_1, block.address + COUNTER);
    return block;
  }

  /** Gives a block back, zeroed; the caller must not use it any more. */
  release(block: ParamBlock): void {
    new Uint8Array(block.view.buffer, block.at, BLOCK_LEN).fill(0);
    this.#free.push(block);
  }

  #grow(): void {
    const bytes = new Uint8Array(new ArrayBuffer(BLOCK_LEN * CHUNK_BLOCKS));
    const view = new DataView(bytes.buffer);
    const base = addressOf(bytes);
    for (let i = CHUNK_BLOCKS - 1; i >= 0; i--) {
      this.#free.push({ view, at: i * BLOCK_LEN, address: base + i * BLOCK_LEN });
    }
  }

  #writeEntry(block: ParamBlock, index: number, name: ParamName, len: number): void {
    const at = block.at + index * Param.len;
    writePointer(block.view, at + Param.key, this.#namesAddress + name * NAME_LEN);
    block.view.setUint32(at + Param.type, OSSL_PARAM_OCTET_STRING, true);
    block.view.setUint32(at + Param.size, len, true);
  }
}

/** Stores a 64-bit pointer as two halves: no BigInt. Addresses are below 2^53. */
export function writePointer(view: DataView, at: number, address: number): void {
  view.setUint32(at, address >>> 0, true);
  view.setUint32(at + 4, Math.floor(address / 0x1_0000_0000), true);
}
