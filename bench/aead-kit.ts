/** Both AEAD providers, each with a key for either direction and a place for one packet. */
import { Arena } from '../dataplane/io/arena.ts';
import { opensslAead } from '../dataplane/io/openssl-aead.ts';
import type { AeadProvider, OpenKey, SealKey } from '../dataplane/sa/aead.ts';
import { nobleAead } from '../dataplane/sa/noble-aead.ts';
import {
  ProtocolType,
  SEALED_HEADER_LEN,
  SEALED_NONCE_AT,
  writeCounter,
  writeSealedHeader,
} from '../dataplane/wire/geneve.ts';

export const NOBLE = '@noble/ciphers';
export const PROVIDERS = [NOBLE, 'OpenSSL'] as const;
export type Provider = (typeof PROVIDERS)[number];
/** Lengths of inner packets. */
export const LENGTHS = [64, 512, 1_400] as const;

const SPI = 1;
const VNI = 1;
const MAX_LEN = 1_500;
const ROOM_LEN = 2_048;

export class AeadKit {
  readonly #arena = new Arena(65_536, true);
  readonly #seal: SealKey;
  readonly #open: OpenKey;
  readonly #plainAt = this.#arena.take(ROOM_LEN);
  readonly #frameAt = this.#arena.take(ROOM_LEN);
  readonly #openedAt = this.#arena.take(ROOM_LEN);
  #counter = 1;

  constructor(kind: Provider) {
    const arena = this.#arena;
    const provider: AeadProvider = kind === NOBLE ? nobleAead(arena) : opensslAead(arena, arena.base);
    const key = Uint8Array.from({ length: 16 }, (_, i) => i);
    this.#seal = provider.sealKey(0, key, SPI);
    this.#open = provider.openKey(0, key, SPI);
    for (let i = 0; i < MAX_LEN; i++) arena.bytes[this.#plainAt + i] = i * 31;
    writeSealedHeader(arena.view, this.#frameAt, ProtocolType.ipv4, VNI, SPI);
  }

  /** Seals the packet under the next counter. @returns Whether that was done. */
  seal(len: number): boolean {
    const at = this.#frameAt;
    const nonceAt = at + SEALED_NONCE_AT;
    writeCounter(this.#arena.view, nonceAt, this.#counter++);
    return this.#seal.seal(nonceAt, at, SEALED_HEADER_LEN, this.#plainAt, len, at + SEALED_HEADER_LEN);
  }

  /** Opens the packet that was sealed last, as often as wanted. @returns Whether its tag verified. */
  open(len: number): boolean {
    const at = this.#frameAt;
    const bodyAt = at + SEALED_HEADER_LEN;
    return this.#open.open(at + SEALED_NONCE_AT, at, SEALED_HEADER_LEN, bodyAt, len, this.#openedAt);
  }

  /** Ciphertext and tag of the last packet. */
  sealed(len: number): Uint8Array {
    const at = this.#frameAt + SEALED_HEADER_LEN;
    return this.#arena.bytes.slice(at, at + len + 16);
  }

  /** @throws {Error} unless a sealed packet opens to what it was, and a changed one does not. */
  verify(len: number): void {
    const { bytes } = this.#arena;
    const plain = bytes.slice(this.#plainAt, this.#plainAt + len);
    const isOpened = this.seal(len) && this.open(len);
    if (!isOpened || !equal(plain, bytes.slice(this.#openedAt, this.#openedAt + len))) {
      throw new Error('what was sealed does not open to what it was');
    }
    const tagAt = this.#frameAt + SEALED_HEADER_LEN + len;
    bytes[tagAt] = (bytes[tagAt] ?? 0) ^ 1;
    if (this.open(len)) throw new Error('a wrong tag verified');
    bytes[tagAt] = (bytes[tagAt] ?? 0) ^ 1;
  }
}

/** @throws {Error} unless both providers seal the same packet to the same bytes. */
export function verifyProviders(len: number): void {
  const [one, other] = PROVIDERS.map((kind) => {
    const kit = new AeadKit(kind);
    kit.verify(len);
    return kit.sealed(len);
  });
  if (one === undefined || other === undefined || !equal(one, other)) {
    throw new Error('the providers seal to different bytes');
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
