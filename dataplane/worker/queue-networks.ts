/** The networks of one queue, with the ports that they have here: made and removed as the main thread says. */
import type { PeerSpec } from '../contract.ts';
import type { Engine } from '../path/engine.ts';
import { DgramPort } from '../port/dgram-port.ts';
import type { FramePort } from '../port/frame-port.ts';
import { PacketPort } from '../port/packet-port.ts';
import { TapPort } from '../port/tap-port.ts';
import type { Source } from './link.ts';
import type { GuestPortSpec, LocalPortSpec, NetworkSpec, PortSpec, RelaySpec } from './messages.ts';
import { PortSource } from './port-source.ts';
import type { QueueLoop } from './queue-loop.ts';
import { QueueRelays } from './queue-relays.ts';
import { RoutedLink } from './routed-link.ts';
import { SwitchedLink } from './switched-link.ts';
import { VxlanSources } from './vxlan-sources.ts';

/** A port that can be asked for frames, by its network and number. */
interface OwnSource {
  readonly vni: number;
  readonly id: number;
  readonly source: Source;
}

/** Owned by the queue's worker. */
export class QueueNetworks {
  readonly relays: QueueRelays;
  readonly #engine: Engine;
  readonly #loop: QueueLoop;
  readonly #firstLocal: number;
  readonly #onPortLost: (vni: number, id: number) => void;
  readonly #switched = new Map<number, SwitchedLink>();
  readonly #routed = new Map<number, RoutedLink>();
  readonly #vxlan: VxlanSources;
  #sources: OwnSource[] = [];

  /**
   * @param firstLocal Numbers of local ports begin here; those below are peers' slots.
   * @param onPortLost Nothing will come from a port any more.
   */
  constructor(
    engine: Engine,
    loop: QueueLoop,
    firstLocal: number,
    onPortLost: (vni: number, id: number) => void,
  ) {
    this.#engine = engine;
    this.#loop = loop;
    this.#firstLocal = firstLocal;
    this.#onPortLost = onPortLost;
    this.#vxlan = new VxlanSources(loop);
    this.relays = new QueueRelays(loop);
  }

  /** @throws {RangeError} for a VNI that is none or exists, and settings out of range. */
  add({ vni, switch: own }: NetworkSpec): void {
    const { parts } = this.#loop;
    const link = own === null ? null : new SwitchedLink(vni, own, this.#firstLocal, parts);
    this.#engine.addNetwork(vni, link !== null);
    if (link === null) {
      const routed = new RoutedLink(vni, parts);
      this.#routed.set(vni, routed);
      this.#loop.addLink(routed);
      return;
    }
    this.#switched.set(vni, link);
    this.#loop.addLink(link);
  }

  /** Removes a network with peers, SAs and ports, whose descriptors stay open; an unknown one is fine. */
  remove(vni: number): void {
    this.relays.remove(vni);
    for (const { id } of this.#sources.filter((own) => own.vni === vni)) this.#removeSource(vni, id);
    const link = this.#switched.get(vni);
    for (const { id } of link?.locals() ?? []) this.removePort(vni, id);
    this.#switched.delete(vni);
    this.#routed.delete(vni);
    this.#loop.removeLink(vni);
    this.#engine.removeNetwork(vni);
  }

  /** @throws {RangeError} for an unknown network, a number in use, or when there are as many ports as can be. */
  addPort(vni: number, port: PortSpec): void {
    const lost = () => this.#onPortLost(vni, port.id);
    if (port.kind === 'tun') {
      this.#addSource(vni, port.id, this.routed(vni).attachTun(port.fd, lost));
      return;
    }
    if (port.kind === 'guest') {
      this.#addGuest(vni, port, lost);
      return;
    }
    const link = this.switched(vni);
    if (port.kind === 'vxlan') {
      this.#vxlan.add(port, link);
      return;
    }
    const isHost = port.kind === 'tap';
    const local = link.addLocal(port.id, this.#framePort(port), port.maxStations, isHost);
    try {
      this.#addSource(vni, port.id, new PortSource(local, link, lost));
    } catch (error) {
      link.removeLocal(port.id);
      throw error;
    }
  }

  #addGuest(vni: number, port: GuestPortSpec, lost: () => void): void {
    const { guests } = this.routed(vni);
    const { arena, frameAt } = this.#loop.parts;
    const guest = guests.add(port.id, new DgramPort(port.dgram, arena, frameAt), port);
    try {
      this.#addSource(vni, port.id, new PortSource(guest, guests, lost));
    } catch (error) {
      guests.remove(port.id);
      throw error;
    }
  }

  /** Removes a port with all that is known behind it; an unknown one is fine. */
  removePort(vni: number, id: number): void {
    const guests = this.#routed.get(vni)?.guests;
    if (guests?.guest(id) !== undefined) {
      this.#removeSource(vni, id);
      guests.remove(id);
      this.relays.removeGuest(vni, id);
      return;
    }
    const link = this.#switched.get(vni);
    const local = link?.local(id);
    if (link === undefined || local === undefined) return;
    this.#removeSource(vni, id);
    link.removeLocal(id);
    this.relays.removeGuest(vni, id);
    this.#vxlan.remove(local);
  }

  /**
   * Gives a network a relay, changes it, or takes it away.
   *
   * @throws {RangeError} for an unknown network, and as `QueueRelays.set`. Nothing changed then.
   */
  setRelay(vni: number, spec: RelaySpec | null): void {
    if (spec === null) this.relays.remove(vni);
    else this.relays.set(this.#switched.get(vni) ?? this.routed(vni), spec);
  }

  /** Follows a peer that the engine knows: it is a port of its network's switch. */
  setPeer({ vni, slot, exit }: PeerSpec): void {
    this.#switched.get(vni)?.addPeer(slot);
    if (!exit) this.relays.removeGuest(vni, slot);
  }

  /** To be told before the engine forgets the peer. */
  removePeer(slot: number): void {
    const vni = this.#engine.peer(slot)?.vni ?? 0;
    this.#switched.get(vni)?.removePeer(slot);
    this.relays.removeGuest(vni, slot);
  }

  /** @throws {RangeError} when the network has no switch here. */
  switched(vni: number): SwitchedLink {
    const link = this.#switched.get(vni);
    if (link === undefined) throw new RangeError(`network ${vni} has no switch`);
    return link;
  }

  /** @throws {RangeError} when there is no such network of IP packets here. */
  routed(vni: number): RoutedLink {
    const link = this.#routed.get(vni);
    if (link === undefined) throw new RangeError(`there is no network ${vni} of IP packets`);
    return link;
  }

  #framePort(port: Exclude<LocalPortSpec, { kind: 'vxlan' }>): FramePort {
    const { arena, frameAt } = this.#loop.parts;
    switch (port.kind) {
      case 'tap':
        return new TapPort(port.tap, arena, frameAt);
      case 'packet':
        return new PacketPort(port.packet, arena, frameAt);
      case 'dgram':
        return new DgramPort(port.dgram, arena, frameAt);
    }
  }

  #addSource(vni: number, id: number, source: Source): void {
    this.#loop.addSource(source);
    this.#sources.push({ vni, id, source });
  }

  #removeSource(vni: number, id: number): void {
    const isIt = (own: OwnSource) => own.vni === vni && own.id === id;
    for (const { source } of this.#sources.filter(isIt)) this.#loop.removeSource(source);
    this.#sources = this.#sources.filter((own) => !isIt(own));
  }
}
