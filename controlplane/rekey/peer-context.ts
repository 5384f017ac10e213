/**
 * What all connections to one peer share.
 */
import type { PeerSas } from './peer-sas.ts';

/** The peer as its connections have to know it. */
export interface PeerContext {
  /** Ed25519 key, and its X25519 image that handshakes carry. */
  readonly publicKey: Uint8Array;
  readonly dhPublic: Uint8Array;
  readonly psk: Uint8Array | null;
  readonly hybrid: boolean;
  readonly sas: PeerSas;
  /** Last timestamp accepted from this peer, whichever connection it came by. */
  lastTimestamp: Uint8Array | null;
}
