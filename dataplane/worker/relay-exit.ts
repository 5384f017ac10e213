/**
 * A relay as the exit of a network of IP packets: for its guests, and for peers that may use it.
 *
 *     guest-router ─▶ accept ─▶ relay
 *     relay ─▶ ExitGuest ─▶ guest's port
 *         └──▶ ExitPeer ─▶ seal for the peer that its routes name
 */
import type { Peer } from '../path/peer.ts';
import { Lpm } from '../route/lpm.ts';
import { addressBits, parsePrefix } from '../route/prefix.ts';
import { destinationAt, ipVersion } from '../wire/ip.ts';
import type { Guest } from './guest.ts';
import type { Exit } from './guest-router.ts';
import type { LinkParts } from './link.ts';
import type { RelayGuest } from './relay-guest.ts';
import type { RelaySource } from './relay-source.ts';

/** Ports take frames of any length: then the network's MTU is what a guest is known to take. */
const MAX_MTU_BYTES = 65_535;

/** What the host itself has of a network, by family. */
interface HostPrefixes {
  readonly v4: Lpm<boolean>;
  readonly v6: Lpm<boolean>;
}

/** Owned by the worker of its network. */
export class RelayExit implements Exit {
  /** Largest packet for guests whose port says none. */
  mtuBytes: number;
  readonly #relay: RelaySource;
  readonly #vni: number;
  readonly #parts: LinkParts;
  #host: HostPrefixes;
  /** By number of their port. */
  readonly #guests = new Map<number, ExitGuest>();
  /** By slot. */
  readonly #peers = new Map<number, ExitPeer>();

  /** @param host Prefixes that the host has an interface to, and so does not leave by the relay. */
  constructor(relay: RelaySource, vni: number, parts: LinkParts, host: readonly string[], mtuBytes: number) {
    this.#relay = relay;
    this.#vni = vni;
    this.#parts = parts;
    this.#host = prefixesOf(host);
    this.mtuBytes = mtuBytes;
  }

  /** @throws {RangeError} for a text that is no prefix. Nothing changed then. */
  setHost(prefixes: readonly string[]): void {
    this.#host = prefixesOf(prefixes);
  }

  covers(): boolean {
    return true;
  }

  accept(packetAt: number, packetLen: number, guest: Guest | null, slot: number, nowMs: number): boolean {
    if (this.#isHost(packetAt)) return false;
    if (guest !== null) return this.#relay.accept(packetAt, packetLen, this.#guestOf(guest), nowMs);
    const peer = this.#parts.engine.peer(slot);
    if (peer === undefined || !peer.mayExit) return false;
    return this.#relay.accept(packetAt, packetLen, this.#peerOf(peer), nowMs);
  }

  /** Ends what belongs to a guest's port, or to a peer. */
  remove(id: number): void {
    this.#guests.delete(id);
    this.#peers.delete(id);
    this.#relay.removeGuest(id);
  }

  /** Whether a packet is for the host's own network, and not for the relay there. */
  #isHost(packetAt: number): boolean {
    const { view } = this.#parts.arena;
    const family = ipVersion(view, packetAt) === 4 ? 4 : 6;
    const toAt = destinationAt(view, packetAt);
    const prefixes = family === 4 ? this.#host.v4 : this.#host.v6;
    if (prefixes.lookup(view, toAt, addressBits(family)) !== true) return false;
    return !this.#relay.isOwn(family, view, toAt);
  }

  #guestOf(guest: Guest): ExitGuest {
    const known = this.#guests.get(guest.id);
    if (known !== undefined) return known;
    const made = new ExitGuest(guest, this, this.#parts);
    this.#guests.set(guest.id, made);
    return made;
  }

  #peerOf(peer: Peer): ExitPeer {
    const known = this.#peers.get(peer.slot);
    if (known?.peer === peer) return known;
    const made = new ExitPeer(peer, this.#vni, this.#parts);
    this.#peers.set(peer.slot, made);
    return made;
  }
}

class ExitGuest implements RelayGuest {
  readonly id: number;
  readonly #guest: Guest;
  readonly #exit: RelayExit;
  readonly #parts: LinkParts;

  constructor(guest: Guest, exit: RelayExit, parts: LinkParts) {
    this.id = guest.id;
    this.#guest = guest;
    this.#exit = exit;
    this.#parts = parts;
  }

  get mtuBytes(): number {
    const { mtuBytes } = this.#guest;
    return mtuBytes < MAX_MTU_BYTES ? mtuBytes : this.#exit.mtuBytes;
  }

  /** Its source was the guest's own, so the answer is for no other. */
  deliver(packetAt: number, packetLen: number, nowMs: number): void {
    this.#guest.send(this.#parts.arena.view, packetAt, packetLen, nowMs);
  }
}

class ExitPeer implements RelayGuest {
  readonly id: number;
  readonly peer: Peer;
  readonly #vni: number;
  readonly #parts: LinkParts;

  constructor(peer: Peer, vni: number, parts: LinkParts) {
    this.id = peer.slot;
    this.peer = peer;
    this.#vni = vni;
    this.#parts = parts;
  }

  get mtuBytes(): number {
    return this.peer.mtuBytes;
  }

  /** Sent with the turn. Routes that changed may give the source to another peer: that one gets nothing. */
  deliver(packetAt: number, packetLen: number, nowMs: number): void {
    const { engine, sender } = this.#parts;
    const { peer } = this;
    const fault = engine.select(packetAt, packetLen, 1, nowMs, this.#vni);
    if (fault !== 0 || engine.lastPeer !== peer) return;
    const frameLen = engine.seal(packetAt, packetLen, sender.nextAt, nowMs);
    if (frameLen > 0) sender.commit(frameLen, peer.endpointWords, peer.slot);
  }
}

function prefixesOf(texts: readonly string[]): HostPrefixes {
  const found = { v4: new Lpm<boolean>(4), v6: new Lpm<boolean>(6) };
  for (const text of texts) {
    const prefix = parsePrefix(text);
    (prefix.family === 4 ? found.v4 : found.v6).insert(prefix, true);
  }
  return found;
}
