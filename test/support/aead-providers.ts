/** Both AEAD providers over one memory, for tests that hold them to the same contract. */
import { Arena } from '../../dataplane/io/arena.ts';
import { opensslAead } from '../../dataplane/io/openssl-aead.ts';
import type { AeadProvider, PacketMemory, SealKey } from '../../dataplane/sa/aead.ts';
import { nobleAead, nobleSealKey } from '../../dataplane/sa/noble-aead.ts';

export interface ProviderCase {
  readonly label: string;
  readonly memory: PacketMemory;
  readonly provider: AeadProvider;
  /** A sealing key whose first nonce is any 96 bits. */
  sealKeyFrom(suite: 0 | 1, key: Uint8Array, nonce: Uint8Array): SealKey;
}

export function providerCases(): ProviderCase[] {
  const arena = new Arena(65_536);
  const memory = { bytes: arena.bytes, view: arena.view };
  const openssl = opensslAead(memory, arena.base);
  return [
    {
      label: 'OpenSSL',
      memory,
      provider: openssl,
      sealKeyFrom: (suite, key, nonce) => openssl.sealKeyFrom(suite, key, nonce),
    },
    {
      label: 'noble',
      memory,
      provider: nobleAead(memory),
      sealKeyFrom: (suite, key, nonce) => nobleSealKey(memory, suite, key, nonce),
    },
  ];
}

export function hexBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function toHex(bytes: Uint8Array, at = 0, len = bytes.length - at): string {
  return Buffer.from(bytes.subarray(at, at + len)).toString('hex');
}
