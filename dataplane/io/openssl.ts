/**
 * The functions of OpenSSL 3 that the AEAD calls, bound once through FFI.
 *
 * Official Node builds export them from the node binary itself, distributions' builds have
 * libcrypto loaded: both are found by looking in the process. Only where neither is so is
 * libcrypto.so.3 loaded. Only the public interface is used.
 *
 * Pointers are plain numbers, as in libc.ts. All functions but the constructors return 1 for
 * success, and 0 or a negative number for failure.
 */
import koffi, { type LibraryHandle } from 'koffi';

const PTR = 'int64_t';

/** OpenSSL is missing, too old, or computes something wrong: the caller falls back. */
export class OpenSslError extends Error {
  readonly code: 'ERR_ICX_OPENSSL_MISSING' | 'ERR_ICX_OPENSSL_FAILED' | 'ERR_ICX_OPENSSL_SELF_TEST';

  constructor(code: OpenSslError['code'], message: string) {
    super(message);
    this.name = 'OpenSslError';
    this.code = code;
  }
}

export interface OpenSsl {
  /** 'OpenSSL 3.0.19 (node)' or 'OpenSSL 3.0.19 (libcrypto.so.3)'. */
  readonly name: string;
  /** @returns 0 when out of memory. @see EVP_CIPHER_CTX_new(3) */
  readonly newContext: () => number;
  /** Overwrites the key schedule and frees. @see EVP_CIPHER_CTX_free(3) */
  readonly freeContext: (context: number) => void;
  /** @returns 0 when there is no such cipher. @see EVP_CIPHER_fetch(3) */
  readonly fetchCipher: (libraryContext: number, name: string, properties: number) => number;
  /** @see EVP_EncryptInit_ex(3) */
  readonly initSeal: (context: number, cipher: number, engine: number, key: number, nonce: number) => number;
  /** @see EVP_DecryptInit_ex(3) */
  readonly initOpen: (context: number, cipher: number, engine: number, key: number, nonce: number) => number;
  /** @see EVP_CIPHER_CTX_ctrl(3) */
  readonly control: (context: number, type: number, argument: number, pointer: number) => number;
  /**
   * With `out` 0 takes additional data, with `in` 0 finishes, else seals or opens `len` bytes.
   * @returns bytes taken, 0 for a finish; negative when it failed or the tag did not verify.
   * @see EVP_Cipher(3)
   */
  readonly cipher: (context: number, out: number, input: number, len: number) => number;
  /** @see EVP_CIPHER_CTX_get_params(3), OSSL_PARAM(3) */
  readonly getParams: (context: number, params: number) => number;
  /** @see EVP_CIPHER_CTX_set_params(3), OSSL_PARAM(3) */
  readonly setParams: (context: number, params: number) => number;
}

/**
 * Binds the first OpenSSL that has all functions.
 *
 * @param load Opens a library, or with null what the process has loaded.
 * @throws {OpenSslError} ERR_ICX_OPENSSL_MISSING
 */
export function loadOpenSsl(load: (path: string | null) => LibraryHandle = koffi.load): OpenSsl {
  const reasons: string[] = [];
  for (const [path, label] of [
    [null, 'node'],
    ['libcrypto.so.3', 'libcrypto.so.3'],
  ] as const) {
    try {
      return bindOpenSsl(load(path), label);
    } catch (error) {
      reasons.push(`${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new OpenSslError('ERR_ICX_OPENSSL_MISSING', `Cannot call OpenSSL 3 (${reasons.join('; ')})`);
}

/** Throws what koffi throws when a function is missing. */
function bindOpenSsl(library: LibraryHandle, label: string): OpenSsl {
  const initArguments = [PTR, PTR, PTR, PTR, PTR];
  const version = library.func('OpenSSL_version', 'str', ['int'])(0) as string;
  return {
    name: `${version.split(' ').slice(0, 2).join(' ')} (${label})`,
    newContext: library.func('EVP_CIPHER_CTX_new', PTR, []) as OpenSsl['newContext'],
    freeContext: library.func('EVP_CIPHER_CTX_free', 'void', [PTR]) as OpenSsl['freeContext'],
    fetchCipher: library.func('EVP_CIPHER_fetch', PTR, [PTR, 'str', PTR]) as OpenSsl['fetchCipher'],
    initSeal: library.func('EVP_EncryptInit_ex', 'int', initArguments) as OpenSsl['initSeal'],
    initOpen: library.func('EVP_DecryptInit_ex', 'int', initArguments) as OpenSsl['initOpen'],
    control: library.func('EVP_CIPHER_CTX_ctrl', 'int', [PTR, 'int', 'int', PTR]) as OpenSsl['control'],
    cipher: library.func('EVP_Cipher', 'int', [PTR, PTR, PTR, 'uint']) as OpenSsl['cipher'],
    getParams: library.func('EVP_CIPHER_CTX_get_params', 'int', [PTR, PTR]) as OpenSsl['getParams'],
    setParams: library.func('EVP_CIPHER_CTX_set_params', 'int', [PTR, PTR]) as OpenSsl['setParams'],
  };
}
