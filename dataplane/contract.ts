/**
 * What the control plane may say to the data plane, and what it hears back.
 *
 * Everything here survives structured cloning, because it crosses threads. Nothing here
 * has behaviour: the control plane and the data plane share these types and nothing else.
 */

/** Cipher suites by their number on the wire. */
export const Suite = { aes128Gcm: 0, aes256Gcm: 1 } as const;
export type Suite = (typeof Suite)[keyof typeof Suite];

/** Key length of a suite, in bytes. */
export function keyLen(suite: Suite): number {
  return suite === Suite.aes256Gcm ? 32 : 16;
}

/** An underlay address and UDP port. `address` is the textual IPv4 or IPv6 address. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * One cryptokey route. Outbound, `dst` selects the peer by destination and `src` by source;
 * inbound, the peer's packets must come from `dst` and go to `src`. Both are CIDR text
 * without host bits.
 */
export interface RouteSpec {
  readonly dst: string;
  readonly src: string;
}

/**
 * A peer as the data plane knows it.
 *
 * `slot` numbers the peer's counters and stays the same for the agent's life; slot 0 is
 * reserved for packets that belong to no known peer.
 */
export interface PeerSpec {
  readonly slot: number;
  readonly vni: number;
  readonly routes: readonly RouteSpec[];
  /** Where to send until an authenticated packet says otherwise; null waits for one. */
  readonly endpoint: Endpoint | null;
  /** Packets per second that may reach the AEAD; 0 is no limit. */
  readonly rxRateLimitPps: number;
  /** Drop packets whose outer source is not `endpoint`; switches endpoint learning off. */
  readonly validateSource: boolean;
  /** Interval of data-plane keepalives in ms; 0 is off. */
  readonly keepaliveMs: number;
  /** Largest inner packet that the path takes, in bytes. */
  readonly mtuBytes: number;
  /**
   * The peer's control port. Inner UDP from our control port to this one is refused, so that
   * the control connection never runs through the overlay it makes; 0 switches that off.
   */
  readonly controlPort: number;
  /** Whether it may use the network's relay, where there is one. */
  readonly exit: boolean;
}

/** One direction of one lane. */
export interface SaSpec {
  readonly slot: number;
  readonly vni: number;
  /** Which of the peer's parallel SAs this is; sender's queue number. */
  readonly lane: number;
  readonly spi: number;
  readonly suite: Suite;
  /** 16 or 32 bytes; the data plane overwrites them once installed. */
  readonly key: Uint8Array;
  /** Hard lifetime from now, in ms. */
  readonly lifetimeMs: number;
}

/** Progress of one SA, read from counters that its worker writes. */
export interface SaProgress {
  readonly spi: number;
  readonly lane: number;
  /** Frames sealed (send SA), or accepted by the replay window (receive SA). */
  readonly packets: number;
  /** Frames below the highest counter that did not come (receive SA); 0 for a send SA. */
  readonly missing: number;
  /** Share of the AEAD budget that is used, 0 to 1; 0 for a receive SA. */
  readonly budgetUsed: number;
}

/** What a peer's data path shows, summed over all queues. */
export interface PeerProgress {
  readonly endpoint: Endpoint | null;
  /** Unix time of the last authenticated packet in ms, 0 if none came. */
  readonly lastRxAtMs: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** The send SAs in use, and the ones that they replaced, whose counts are final. */
  readonly txSas: readonly SaProgress[];
  readonly rxSas: readonly SaProgress[];
}

/** How the queues serve one network; the same for as long as the network is there. */
export interface LanePlan {
  /** Our send lanes, 1 or one a queue. */
  readonly lanes: number;
  /** Queues of the receiving socket group, which steers by `(spi & 0x3fffffff) % queues`. */
  readonly queues: number;
  /** The only queue that serves the network, null where all do. */
  readonly queue: number | null;
}

/**
 * The data plane as the control plane sees it.
 *
 * Every promise resolves after the worker that owns the lane acted, so that "installed"
 * means packets are accepted or sealed under the SA from now on.
 */
export interface DataPlane {
  /** Asked of networks that have peers. */
  lanesOf(vni: number): LanePlan;
  installRx(sas: readonly SaSpec[]): Promise<void>;
  /** Switches sending to these SAs, one per lane, and destroys the ones they replace. */
  installTx(sas: readonly SaSpec[]): Promise<void>;
  /** Clamps the expiry of receive SAs to `graceMs` from now; never extends it. */
  retireRx(spis: readonly number[], graceMs: number): Promise<void>;
  /** Forgets SAs at once, keys overwritten. */
  removeRx(spis: readonly number[]): Promise<void>;
  removeTx(slot: number): Promise<void>;
  /** Sends one keepalive per lane, so that the peer learns where we are. */
  sendKeepalive(slot: number): void;
  progress(slot: number): Promise<PeerProgress>;
}
