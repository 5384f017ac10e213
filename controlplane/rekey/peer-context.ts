/**
 * What all connections to one peer in one network share.
 */
import type { PeerSas } from './peer-sas.ts';

/** The peer as its connections have to know it. */
export interface PeerContext {
  /** Ed25519 key, and its X25519 image that handshakes carry. */
  readonly publicKey: Uint8Array;
  readonly dhPublic: Uint8Array;
  readonly psk: Uint8Array | null;
  readonly hybrid: boolean;
  /** Network that the connections are for: every handshake on them names it. */
  readonly vni: number;
  readonly sas: PeerSas;
  /** Last timestamp accepted from this peer in this network, whichever connection it came by. */
  lastTimestamp: Uint8Array | null;
}
