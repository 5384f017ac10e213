/** The relays of one queue's networks: made, changed and removed as the main thread says. */
import { DenyList } from '../relay/deny-list.ts';
import { SESSION_LIMITS } from '../relay/session-table.ts';
import { parsePrefix } from '../route/prefix.ts';
import { parseMac } from '../wire/mac-text.ts';
import type { Outlet } from './link.ts';
import type { RelayReading, RelaySpec } from './messages.ts';
import type { QueueLoop } from './queue-loop.ts';
import { takeRelayBuffer } from './relay-buffer.ts';
import { RelayExit } from './relay-exit.ts';
import type { RelaySession } from './relay-listing.ts';
import { type RelayOptions, sessionLimits } from './relay-options.ts';
import { RelaySource } from './relay-source.ts';
import { RelayStation } from './relay-station.ts';
import { RelayTarget } from './relay-target.ts';
import type { RoutedLink } from './routed-link.ts';
import type { SwitchedLink } from './switched-link.ts';

interface Held {
  readonly relay: RelaySource;
  readonly outlet: Outlet;
  readonly place: Place;
  readonly spec: RelaySpec;
}

/** What a relay is in its network. */
interface Place {
  /** Takes settings that were checked. */
  set(spec: RelaySpec): void;
  /** A guest's port or a peer is gone, or may not use the relay any more. */
  removeGuest(id: number): void;
  leave(): void;
}

/** Owned by the queue's worker. */
export class QueueRelays {
  readonly #loop: QueueLoop;
  readonly #byVni = new Map<number, Held>();
  /** Of all relays, taken for the first. */
  #bufferAt = -1;

  constructor(loop: QueueLoop) {
    this.#loop = loop;
  }

  /**
   * Gives a network a relay, or changes the one that it has. Sessions stay where their number has the
   * same limit as before, and what they do is still allowed.
   *
   * @throws {RangeError} for settings that are none. @throws {SystemCallError} when there are no descriptors.
   * Nothing changed then.
   */
  set(link: RoutedLink | SwitchedLink, spec: RelaySpec): void {
    const held = this.#byVni.get(link.vni);
    const options = optionsOf(spec);
    if (held !== undefined && held.relay.maxSessions === sessionLimits(options).maxSessions) {
      this.#change(link.vni, held, spec, options);
      return;
    }
    const { arena } = this.#loop.parts;
    if (this.#bufferAt < 0) this.#bufferAt = takeRelayBuffer(arena);
    const relay = new RelaySource(arena, this.#bufferAt, options);
    this.remove(link.vni);
    this.#place(link, relay, spec);
  }

  /** An unknown network is fine. */
  remove(vni: number): void {
    const held = this.#byVni.get(vni);
    if (held === undefined) return;
    this.#byVni.delete(vni);
    held.place.leave();
    this.#loop.removeSource(held.relay);
    this.#loop.removeOutlet(held.outlet);
    held.relay.close();
  }

  /** A network without a relay, or an unknown guest, is fine. */
  removeGuest(vni: number, id: number): void {
    this.#byVni.get(vni)?.place.removeGuest(id);
  }

  /** @returns null for a network without one; allocates. */
  read(vni: number): RelayReading | null {
    const relay = this.#byVni.get(vni)?.relay;
    if (relay === undefined) return null;
    return { sessions: relay.size, maxSessions: relay.maxSessions, counters: relay.counters() };
  }

  /** Sessions of a network; none without a relay. */
  list(vni: number, nowMs: number): readonly RelaySession[] {
    return this.#byVni.get(vni)?.relay.list(nowMs) ?? [];
  }

  #place(link: RoutedLink | SwitchedLink, relay: RelaySource, spec: RelaySpec): void {
    const { sender } = this.#loop.parts;
    const outlet: Outlet = {
      flush: () => {
        relay.flush();
        // What frames from peers made the relay answer has had no turn.
        sender.flush();
      },
      sweep: (nowMs) => relay.sweep(nowMs),
    };
    let place: Place | null = null;
    try {
      this.#loop.addSource(relay);
      place = 'guests' in link ? this.#exit(link, relay, spec) : this.#station(link, relay, spec);
    } catch (error) {
      this.#loop.removeSource(relay);
      relay.close();
      throw error;
    }
    this.#loop.addOutlet(outlet);
    this.#byVni.set(link.vni, { relay, outlet, place, spec });
  }

  #change(vni: number, held: Held, spec: RelaySpec, options: RelayOptions): void {
    const { relay, place, spec: before } = held;
    const { v4, v6 } = spec.addresses;
    const movesDns =
      v4 !== before.addresses.v4 ||
      v6 !== before.addresses.v6 ||
      spec.resolver?.address !== before.resolver?.address ||
      spec.resolver?.port !== before.resolver?.port;
    relay.setAddresses(spec.addresses);
    place.set(spec);
    relay.setLimits({ ...SESSION_LIMITS, ...spec.limits });
    if (movesDns) relay.setResolver(spec.resolver);
    relay.setDenyList(options.denyList);
    this.#byVni.set(vni, { ...held, spec });
  }

  #exit(link: RoutedLink, relay: RelaySource, spec: RelaySpec): Place {
    const exit = new RelayExit(relay, link.vni, this.#loop.parts, spec.host, spec.mtuBytes);
    link.guests.exit = exit;
    return {
      set: ({ host, mtuBytes }) => {
        exit.setHost(host);
        exit.mtuBytes = mtuBytes;
      },
      removeGuest: (id) => exit.remove(id),
      leave: () => {
        link.guests.exit = null;
      },
    };
  }

  #station(link: SwitchedLink, relay: RelaySource, spec: RelaySpec): Place {
    const { port, addresses, mtuBytes } = spec;
    const mac = spec.mac === null ? null : parseMac(spec.mac);
    if (mac === null) throw new TypeError('the relay of a network of Ethernet frames needs a MAC address');
    const station = new RelayStation(port, mac, link, this.#loop.parts, relay, addresses, mtuBytes);
    link.addLocal(port, station, null);
    try {
      link.switch.fdb.addStatic(station.mac, port);
    } catch (error) {
      link.removeLocal(port);
      throw error;
    }
    return {
      set: (spec) => {
        station.setAddresses(spec.addresses);
        station.mtuBytes = spec.mtuBytes;
      },
      removeGuest: (id) => station.remove(id),
      leave: () => link.removeLocal(port),
    };
  }
}

/** @throws {RangeError} for rules, prefixes and endpoints that are none. */
function optionsOf({ rules, host, addresses, resolver, shares, limits }: RelaySpec): RelayOptions {
  for (const prefix of host) parsePrefix(prefix);
  if (resolver !== null) new RelayTarget(resolver);
  return { denyList: new DenyList(rules), addresses, resolver, shares, sessions: limits };
}
