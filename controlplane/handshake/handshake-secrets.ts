/**
 * What both sides hold after a handshake: master keys for SAs, keys for control records.
 */
import { deriveControlKeys, deriveMasterKeys, deriveRoot, type MasterKeys } from '../crypto/kdf.ts';
import type { NoiseHandshake } from '../crypto/noise.ts';

/** What a completed handshake leaves behind, secrets owned by the caller. */
export interface HandshakeSecrets {
  readonly masterKeys: MasterKeys;
  /** Seals control messages of the initiator, 32 bytes. */
  readonly initiatorKey: Uint8Array;
  /** Seals control messages of the responder, 32 bytes. */
  readonly responderKey: Uint8Array;
  /** Whether ML-KEM-768 is in the keys. */
  readonly hybrid: boolean;
  /** Send lanes of the peer, 1 to 64. */
  readonly peerLanes: number;
  /** Overwrites all keys; idempotent. */
  wipe(): void;
}

/**
 * Runs the key schedule over a complete Noise handshake.
 *
 * @param kemSecret ML-KEM shared secret, overwritten; null without the hybrid.
 */
export function finalSecrets(
  noise: NoiseHandshake,
  kemSecret: Uint8Array | null,
  peerLanes: number,
): HandshakeSecrets {
  const root = deriveRoot(noise.chainingKey, noise.handshakeHash, kemSecret ?? new Uint8Array());
  const masterKeys = deriveMasterKeys(root);
  const { initiatorKey, responderKey } = deriveControlKeys(root);
  root.fill(0);
  kemSecret?.fill(0);
  const wipe = (): void => {
    for (const key of [masterKeys.mk0, masterKeys.mk1, initiatorKey, responderKey]) key.fill(0);
  };
  return { masterKeys, initiatorKey, responderKey, hybrid: kemSecret !== null, peerLanes, wipe };
}
