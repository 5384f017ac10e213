/**
 * All peers of one agent in all its networks: owns the transport, brings callers to their tunnels.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DataPlane, Suite } from '../dataplane/contract.ts';
import { atMost } from './at-most.ts';
import { type Clock, systemClock } from './clock.ts';
import { Admission } from './connect/admission.ts';
import { Reception } from './connect/reception.ts';
import { ControlError } from './control-error.ts';
import type { ControlLog, ControlPeer, PeerEvents, PeerStatus } from './control-peer.ts';
import { Tai64nClock } from './handshake/tai64n.ts';
import { type Identity, peerDhPublic } from './identity.ts';
import { memberName, sameKey, sameKeys } from './member.ts';
import type { RekeyTrigger } from './record/message.ts';
import type { PeerContext } from './rekey/peer-context.ts';
import { PeerSas } from './rekey/peer-sas.ts';
import { lifetimes } from './rekey/rekey.ts';
import type { RekeyResult } from './rekey/rotator.ts';
import { SpiAllocator } from './rekey/spi.ts';
import { type IpPrefix, type RouteSet, routeSet } from './routes/ip-prefix.ts';
import type { ControlTransport, TransportOptions } from './transport/transport.ts';
import { Tunnel } from './tunnel.ts';
import type { TunnelHost } from './tunnel-host.ts';

export interface ControlPlaneOptions {
  /** Stays the caller's, who may overwrite it after {@link ControlPlane.close}. */
  readonly identity: Identity;
  readonly peers: readonly ControlPeer[];
  readonly suite: Suite;
  readonly rekeyIntervalMs: number;
  /** Underlay address and port of the control transport. */
  readonly listen: string;
  readonly controlPort: number;
  readonly dataPlane: DataPlane;
  openTransport(options: TransportOptions): Promise<ControlTransport>;
  resolveHost(name: string): Promise<readonly string[]>;
  /** Whether an address lies inside the overlay, which must not carry its own control connections. */
  isOverlayAddress(address: string): boolean;
  readonly log: ControlLog;
  readonly events?: PeerEvents;
  readonly clock?: Clock;
  /** Uniform in [0, 1), for pauses only. */
  readonly random?: () => number;
}

/** What came of one peer's rekey in one network. */
export type RekeyOutcome = { readonly peer: string; readonly vni: number } & (
  | { readonly ok: true; readonly result: RekeyResult }
  | { readonly ok: false; readonly error: Error }
);

/** Time that goodbyes may take, and closing the transport, in ms. */
const GOODBYE_MS = 250;
const TRANSPORT_CLOSE_MS = 250;
const NO_ROUTES: RouteSet = new Map();
/** Least time between two log lines about callers that were turned away, in ms. */
const REFUSED_LOG_MS = 10_000;

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #clock: Clock;
  readonly #spis = new SpiAllocator();
  readonly #timestamps: Tai64nClock;
  readonly #tunnels = new Map<number, Tunnel>();
  /** Keys with the networks that they are in. */
  readonly #members = new Set<string>();
  /**
   * By key and network. Outlive their peers: a peer that is removed and added again must not be open
   * to replays.
   */
  readonly #lastTimestamps = new Map<string, Uint8Array>();
  /** By VNI: what is behind this host. */
  readonly #announced = new Map<number, RouteSet>();
  readonly #reception: Reception;
  #host: TunnelHost | null = null;
  #refused = 0;
  #refusedLoggedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  private constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timestamps = new Tai64nClock(() => this.#clock.nowMs());
    this.#reception = new Reception({
      identity: options.identity,
      clock: this.#clock,
      admission: new Admission(),
      lookup: (dhPublic) => this.#all.filter((tunnel) => sameKey(tunnel.context.dhPublic, dhPublic)),
      onRefused: (source, reason) => this.#logRefused(source, reason),
    });
  }

  /**
   * Opens the transport and starts connecting.
   *
   * @throws {TransportError} when the transport cannot be opened.
   * @throws {KeyError}       when a peer's public key is none.
   */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const plane = new ControlPlane(options);
    const transport = await options.openTransport({
      listen: options.listen,
      port: options.controlPort,
      seed: options.identity.seed,
      authorize: (key) => plane.#all.some((tunnel) => sameKey(tunnel.peer.publicKey, key)),
      onConnection: (connection) => {
        if (plane.#closed) connection.close('shutting down');
        else void plane.#reception.receive(connection);
      },
      onNotice: (notice) => options.log.warn({}, notice),
    });
    plane.#host = plane.#makeHost(transport);
    try {
      for (const peer of options.peers) plane.addPeer(peer);
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  /** What the control connections run over, in words. */
  get carrier(): string {
    return this.#hostOrThrow().transport.carrier;
  }

  /**
   * @throws {KeyError}   when the public key is none.
   * @throws {RangeError} when the slot is taken, or the key is in this network already.
   */
  addPeer(peer: ControlPeer): void {
    if (this.#tunnels.has(peer.slot)) throw new RangeError(`Slot ${peer.slot} is taken`);
    if (this.#members.has(memberName(peer))) {
      throw new RangeError(`The key of ${peer.name} is in the network with VNI ${peer.vni} already`);
    }
    const tunnel = new Tunnel(this.#hostOrThrow(), peer, this.#context(peer));
    this.#tunnels.set(peer.slot, tunnel);
    this.#members.add(memberName(peer));
    tunnel.start();
  }

  /** Says goodbye and forgets the peer's SAs. */
  async removePeer(slot: number): Promise<void> {
    const tunnel = this.#tunnels.get(slot);
    if (tunnel === undefined) return;
    this.#tunnels.delete(slot);
    this.#members.delete(memberName(tunnel.peer));
    const { lastTimestamp } = tunnel.context;
    if (lastTimestamp !== null) this.#lastTimestamps.set(memberName(tunnel.peer), lastTimestamp);
    void tunnel.close('peer removed from the configuration');
    tunnel.routes.forget();
    await tunnel.sas.remove();
  }

  /** Applies a changed configuration; SAs stay unless the keys, the network or the hybrid setting changed. */
  async changePeer(peer: ControlPeer): Promise<void> {
    const tunnel = this.#tunnels.get(peer.slot);
    if (tunnel !== undefined && sameKeys(tunnel.peer, peer)) {
      tunnel.change(peer);
      return;
    }
    await this.removePeer(peer.slot);
    this.addPeer(peer);
  }

  /**
   * Replaces the SAs of some peers in all their networks, of all peers when none is named, and waits
   * until both directions run on the new ones.
   *
   * @throws {ControlError} ERR_ICX_CONTROL_UNKNOWN_PEER, with nothing done.
   */
  async rekey(names: readonly string[] = [], trigger: RekeyTrigger = 'operator'): Promise<RekeyOutcome[]> {
    const outcomes: Promise<RekeyOutcome>[] = [];
    for (const tunnel of this.#named(names)) {
      outcomes.push(rekeyOne(tunnel, trigger));
      // A first message takes some 10 ms: with many peers, none of their pings would be answered.
      await nextTurn();
    }
    return await Promise.all(outcomes);
  }

  /** Tells a peer the largest inner packet that our path to it takes, in bytes. */
  sendPath(slot: number, mtuBytes: number): void {
    this.#tunnels.get(slot)?.sendPath(mtuBytes);
  }

  /**
   * Tells every peer of a network, now and whenever it connects, what is behind this host: only these.
   *
   * @throws {RangeError} for more than MAX_ROUTES, with nothing done.
   */
  announce(vni: number, prefixes: Iterable<IpPrefix>): void {
    this.#announced.set(vni, routeSet(prefixes));
    for (const { peer, routes } of this.#all) if (peer.vni === vni) routes.changed();
  }

  /** The host's addresses or routes changed: peers that are not connected are dialled at once. */
  networkChanged(): void {
    for (const tunnel of this.#tunnels.values()) tunnel.hurry();
  }

  /** A peer is at another address than before: if it is not connected, it is dialled there at once. */
  peerMoved(slot: number): void {
    this.#tunnels.get(slot)?.hurry();
  }

  status(): PeerStatus[] {
    return this.#all.map((tunnel) => tunnel.status());
  }

  /** Goodbye to all; resolves within 0.5 s. The SAs end with the data plane. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const tunnels = this.#all;
    const goodbyes = tunnels.map((tunnel) => tunnel.close('shutting down'));
    await atMost(this.#clock, GOODBYE_MS, Promise.all(goodbyes));
    for (const tunnel of tunnels) tunnel.sas.dispose();
    if (this.#host !== null) await atMost(this.#clock, TRANSPORT_CLOSE_MS, this.#host.transport.close());
  }

  #makeHost(transport: ControlTransport): TunnelHost {
    const { identity, rekeyIntervalMs, log, events, random, resolveHost, isOverlayAddress } = this.#options;
    return {
      identity,
      transport,
      clock: this.#clock,
      random: random ?? Math.random,
      rekeyIntervalMs,
      events: events ?? {},
      log,
      timestamp: () => this.#timestamps.now(),
      resolveHost,
      isOverlayAddress,
      announced: (vni) => this.#announced.get(vni) ?? NO_ROUTES,
    };
  }

  #context(peer: ControlPeer): PeerContext {
    const { suite, dataPlane, rekeyIntervalMs } = this.#options;
    const sas = new PeerSas({
      slot: peer.slot,
      vni: peer.vni,
      suite,
      lifetimeMs: lifetimes(rekeyIntervalMs, true).hardMs,
      dataPlane,
      spis: this.#spis,
      clock: this.#clock,
    });
    return {
      publicKey: peer.publicKey,
      dhPublic: peerDhPublic(peer.publicKey),
      psk: peer.psk,
      hybrid: peer.hybrid,
      vni: peer.vni,
      sas,
      lastTimestamp: this.#lastTimestamps.get(memberName(peer)) ?? null,
    };
  }

  #named(names: readonly string[]): Tunnel[] {
    const all = this.#all;
    if (names.length === 0) return all;
    return names.flatMap((name) => {
      const tunnels = all.filter(({ peer }) => peer.name === name);
      if (tunnels.length > 0) return tunnels;
      const known = [...new Set(all.map(({ peer }) => peer.name))].join(', ');
      throw new ControlError('ERR_ICX_CONTROL_UNKNOWN_PEER', `No peer ${name}`, `peers here: ${known}`);
    });
  }

  get #all(): Tunnel[] {
    return [...this.#tunnels.values()];
  }

  #hostOrThrow(): TunnelHost {
    if (this.#host === null) throw new TypeError('The control plane has no transport yet');
    return this.#host;
  }

  /** Whoever can reach the port can cause these: few lines, however many callers. */
  #logRefused(source: string | null, reason: string): void {
    const nowMs = this.#clock.nowMs();
    this.#refused += 1;
    if (nowMs - this.#refusedLoggedAtMs < REFUSED_LOG_MS) return;
    this.#options.log.warn({ source, reason, callers: this.#refused }, 'callers turned away');
    this.#refused = 0;
    this.#refusedLoggedAtMs = nowMs;
  }
}

async function rekeyOne(tunnel: Tunnel, trigger: RekeyTrigger): Promise<RekeyOutcome> {
  const { name: peer, vni } = tunnel.peer;
  try {
    return { peer, vni, ok: true, result: await tunnel.rekey(trigger) };
  } catch (error) {
    return { peer, vni, ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
