/**
 * Known answers that the OpenSSL binding must give before a packet is trusted to it.
 *
 * A library that changed its interface, a broken build or a wrong structure layout shows here:
 * wrong ciphertext, a tag that is not checked, a nonce that does not count.
 */
import { addressOf } from './libc.ts';
import { OpenSslError } from './openssl.ts';
import type { NativeMemory } from './openssl-key.ts';

interface Sealer {
  seal(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean;
  destroy(): void;
}
interface Opener {
  open(nonceAt: number, aadAt: number, aadLen: number, inAt: number, len: number, outAt: number): boolean;
  destroy(): void;
}
interface Provider {
  sealKeyFrom(suite: 0 | 1, key: Uint8Array, nonce: Uint8Array): Sealer;
  openKey(suite: 0 | 1, key: Uint8Array, spi: number): Opener;
}

const NONCE = 'cafebabefacedbaddecaf888';
const AAD = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const PLAIN =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';

/** Test cases 4 and 16. @see McGrew and Viega, The Galois/Counter Mode of Operation, appendix B */
const CASES = [
  {
    suite: 0,
    key: 'feffe9928665731c6d6a8f9467308308',
    sealed:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
      '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
      '5bc94fbc3221a5db94fae95ae7121a47',
  },
  {
    suite: 1,
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
      '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  },
] as const;

const At = { nonce: 0, aad: 16, packet: 64, len: 60, aadLen: 20, tag: 124 } as const;

/**
 * @param makeProvider A provider over the given memory; the caller's own packets stay untouched.
 * @throws {OpenSslError} ERR_ICX_OPENSSL_SELF_TEST
 */
export function selfTest(makeProvider: (memory: NativeMemory, base: number) => Provider): void {
  const bytes = new Uint8Array(new ArrayBuffer(256));
  const provider = makeProvider({ bytes, view: new DataView(bytes.buffer) }, addressOf(bytes));
  for (const { suite, key, sealed } of CASES) {
    const seal = provider.sealKeyFrom(suite, fromHex(key), fromHex(NONCE));
    const open = provider.openKey(suite, fromHex(key), Number.parseInt(NONCE.slice(0, 8), 16));
    try {
      const failure = firstFailure(bytes, seal, open, fromHex(sealed));
      if (failure !== null) {
        throw new OpenSslError(
          'ERR_ICX_OPENSSL_SELF_TEST',
          `OpenSSL failed suite ${suite}'s self-test: ${failure}`,
        );
      }
    } finally {
      seal.destroy();
      open.destroy();
    }
  }
}

function firstFailure(bytes: Uint8Array, key: Sealer, opener: Opener, sealed: Uint8Array): string | null {
  const seal = (): boolean => key.seal(At.nonce, At.aad, At.aadLen, At.packet, At.len, At.packet);
  const open = (): boolean => opener.open(At.nonce, At.aad, At.aadLen, At.packet, At.len, At.packet);
  bytes.set(fromHex(NONCE), At.nonce);
  bytes.set(fromHex(AAD), At.aad);
  bytes.set(fromHex(PLAIN), At.packet);
  if (!seal() || !startsWith(bytes, At.packet, sealed)) return 'sealed bytes differ';
  if (seal()) return 'a used nonce was accepted';
  bytes[At.tag + 15] = (bytes[At.tag + 15] ?? 0) ^ 1;
  if (open()) return 'a wrong tag was accepted';
  bytes.set(sealed, At.packet);
  if (!open() || !startsWith(bytes, At.packet, fromHex(PLAIN))) return 'opened bytes differ';
  bytes[At.nonce + 11] = (bytes[At.nonce + 11] ?? 0) + 1;
  if (!seal()) return 'the next nonce was not accepted';
  return startsWith(bytes, At.packet, sealed) ? 'the nonce does not count' : null;
}

function startsWith(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  return expected.every((byte, i) => bytes[at + i] === byte);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
