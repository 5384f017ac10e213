/**
 * What the control plane is told about a peer, and what it tells about it.
 */
import type { Suite } from '../dataplane/contract.ts';
import type { RekeyTrigger } from './record/message.ts';
import type { RekeyResult } from './rekey/rotator.ts';
import type { IpPrefix } from './routes/ip-prefix.ts';

/** A configured peer in one network; who is in several is several of these, one a VNI. */
export interface ControlPeer {
  /** Number of the peer in the data plane, another one in each network; stays the same for the agent's life. */
  readonly slot: number;
  /** The same in all networks. */
  readonly name: string;
  /** Network, 1 to 2^24 − 1. */
  readonly vni: number;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, or null. */
  readonly psk: Uint8Array | null;
  /** Host name or address; only `host` is dialled, at `controlPort`. null: the peer dials us. */
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  readonly controlPort: number;
  readonly hybrid: boolean;
}

/** up: SAs agreed. connecting: a connection is being made. waiting: for the next try, or the peer. */
export type PeerState = 'up' | 'connecting' | 'waiting';

export interface SaAge {
  readonly spi: number;
  readonly lane: number;
  readonly ageMs: number;
}

/** A snapshot for status and metrics; no secrets. Times are Unix times in ms. */
export interface PeerStatus {
  readonly slot: number;
  readonly name: string;
  readonly vni: number;
  readonly publicKey: Uint8Array;
  readonly state: PeerState;
  readonly sinceMs: number;
  /** Last handshake whose SAs were agreed; null before the first. */
  readonly handshakeAtMs: number | null;
  readonly handshakeDurationMs: number | null;
  /** Smoothed, of the control connection; null without one. */
  readonly rttMs: number | null;
  /** Whether the last handshake had ML-KEM-768; null before the first. */
  readonly hybrid: boolean | null;
  readonly suite: Suite;
  /** What the control connection runs over; null without one. */
  readonly carrier: string | null;
  /** Whether we dialled it; null without one. */
  readonly dialled: boolean | null;
  readonly generation: number | null;
  readonly rx: readonly SaAge[];
  readonly tx: readonly SaAge[];
  /** Largest inner packet that the peer says its path to us takes, in bytes; null if it did not say. */
  readonly peerMtuBytes: number | null;
  readonly lastRekey: RekeyResult | null;
  /** Why the last connection or attempt ended; null once the peer is up. */
  readonly lastError: string | null;
}

/** What happens to peers, for metrics and log. */
export interface PeerEvents {
  onState?(peer: ControlPeer, state: PeerState): void;
  /** A handshake led to SAs; from its first message on, in ms. */
  onHandshake?(peer: ControlPeer, durationMs: number): void;
  /** SAs were to be replaced; a peer's very first SAs replace none and do not count. */
  onRekey?(peer: ControlPeer, trigger: RekeyTrigger, result: 'ok' | 'failed'): void;
  /** Both ends told what the old SAs had sealed and accepted, or one of them did not. */
  onRekeyResult?(peer: ControlPeer, result: RekeyResult): void;
  /** The peer says what its path to us takes, in bytes of inner packet. */
  onPeerMtu?(peer: ControlPeer, mtuBytes: number): void;
  /**
   * The peer announces these inner addresses, all that it does now. They stay while no connection
   * stands; when the peer is removed there are none.
   */
  onRoutes?(peer: ControlPeer, prefixes: readonly IpPrefix[]): void;
}

/** As pino has it. */
export interface ControlLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
