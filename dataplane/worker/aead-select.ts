/** Picks the fastest AES-GCM that works here: OpenSSL, else JavaScript with a warning. */
import { OpenSslError } from '../io/openssl.ts';
import { opensslAead } from '../io/openssl-aead.ts';
import type { AeadProvider, PacketMemory } from '../sa/aead.ts';
import { nobleAead } from '../sa/noble-aead.ts';

export interface AeadChoice {
  readonly provider: AeadProvider;
  /** For the operator, when the choice costs speed. */
  readonly warning?: string;
}

/**
 * @param base Machine address of the memory's first byte.
 * @param openssl How to get the fast provider; tests replace it.
 */
export function selectAead(
  memory: PacketMemory,
  base: number,
  openssl: (memory: PacketMemory, base: number) => AeadProvider = opensslAead,
): AeadChoice {
  try {
    return { provider: openssl(memory, base) };
  } catch (error) {
    if (!(error instanceof OpenSslError)) throw error;
    return {
      provider: nobleAead(memory),
      warning: `${error.message}; AES-GCM runs in JavaScript, some 60 times slower: install libssl3 or an official Node.js build`,
    };
  }
}
