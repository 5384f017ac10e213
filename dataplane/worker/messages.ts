/** What the main thread and a queue worker say to each other. */
import type { PeerSpec, RouteSpec, SaProgress, SaSpec } from '../contract.ts';
import type { FdbEntry } from '../l2/fdb.ts';
import type { FdbCounters } from '../l2/fdb-counters.ts';
import type { NeighbourEntry, StaticNeighbour } from '../l2/neighbour-table.ts';
import type { SwitchCounters } from '../l2/switch-drop.ts';
import type { DgramSpec } from '../port/dgram-socket.ts';
import type { PortCounts } from '../port/frame-port.ts';
import type { PacketSpec } from '../port/packet-socket.ts';
import type { TapSpec } from '../port/tap-port.ts';
import type { TunOffloads } from '../port/tun.ts';
import type { VxlanPortSpec } from '../port/vxlan-port.ts';
import type { VxlanSocket } from '../port/vxlan-socket.ts';
import type { DenyRules } from '../relay/deny-list.ts';
import type { RelayCounters } from '../relay/relay-counts.ts';
import type { SessionLimits } from '../relay/session-table.ts';
import type { EndpointText } from '../wire/endpoint.ts';
import type { IpAddress } from '../wire/ip-text.ts';
import type { MacAddress } from '../wire/mac-text.ts';
import type { GuestDrops } from './guest-drop.ts';
import type { RelayAddresses } from './relay-answers.ts';
import type { RelaySession } from './relay-listing.ts';

/** Given to a worker at its start. */
export interface WorkerSetup {
  readonly queue: number;
  /** Receives on the agent's port; in the reuseport group. */
  readonly udpFd: number;
  /** Sends; the same socket for queue 0, one with a port of its own for the others. */
  readonly sendFd: number;
  readonly socketFamily: number;
  /** Super-packets that the kernel's interfaces give and take. */
  readonly offloads: TunOffloads;
  /** Wakes the worker when a message waits. */
  readonly wakeFd: number;
  readonly controlPort: number;
  /** Counters of this worker: written by it alone, read by the main thread. */
  readonly counters: SharedArrayBuffer;
  readonly peerSlots: number;
  readonly flowHashKey: Uint8Array;
  /** What the networks that it begins with carry. */
  readonly carries: Carried;
}

export interface Carried {
  /** IP packets. */
  readonly packets: boolean;
  /** Ethernet frames. */
  readonly frames: boolean;
}

/** A virtual network. */
export interface NetworkSpec {
  readonly vni: number;
  /** Of a network of Ethernet frames; null in one of IP packets. */
  readonly switch: SwitchSpec | null;
}

export interface SwitchSpec {
  /** 32 random bits, of which stations know nothing. */
  readonly seed: number;
  /** How long a station that was learned stays without sending. */
  readonly ageingMs: number;
  readonly maxStations: number;
  readonly maxStationsPerPort: number;
  /** Whether multicast goes only to who asked for it. */
  readonly snooping: boolean;
  /** Whether ARP requests and neighbour solicitations are answered where the answer is known. */
  readonly suppress: boolean;
}

/** The queue's own descriptor of a TUN interface, where an IP network's packets come from and go to. */
export interface TunPortSpec {
  readonly kind: 'tun';
  readonly id: 0;
  readonly fd: number;
}

interface LocalPort {
  /** The switch's number for the port. */
  readonly id: number;
  /** Stations that may be learned behind it; null for the switch's own number. */
  readonly maxStations: number | null;
}

/** A port of an Ethernet network. Descriptors are the main thread's to close. */
export type LocalPortSpec =
  | (LocalPort & { readonly kind: 'tap'; readonly tap: TapSpec })
  | (LocalPort & { readonly kind: 'packet'; readonly packet: PacketSpec })
  | (LocalPort & { readonly kind: 'dgram'; readonly dgram: DgramSpec })
  | (LocalPort & { readonly kind: 'vxlan'; readonly socket: VxlanSocket; readonly tunnel: VxlanPortSpec });

/** A machine on a Unix datagram socket, as a guest of an IP network. */
export interface GuestPortSpec {
  readonly kind: 'guest';
  readonly id: number;
  readonly dgram: DgramSpec;
  /** CIDR text: where it may send from, and what is sent to it. */
  readonly addresses: readonly string[];
}

export type PortSpec = TunPortSpec | LocalPortSpec | GuestPortSpec;

/** The UDP relay of a network that one queue serves. */
export interface RelaySpec {
  /** The switch's number for its port; 0 in a network of IP packets. */
  readonly port: number;
  /** Its own MAC address, in a network of Ethernet frames; null in one of IP packets. */
  readonly mac: string | null;
  readonly addresses: RelayAddresses;
  readonly resolver: EndpointText | null;
  readonly rules: DenyRules;
  /** CIDR text: what the host has an interface to in a network of IP packets, and so needs no relay for. */
  readonly host: readonly string[];
  readonly limits: Pick<SessionLimits, 'maxSessions' | 'maxPerGuest' | 'idleMs'>;
  /** Relays that share the process's descriptors. */
  readonly shares: number;
  /** Largest packet for guests that say nothing else. */
  readonly mtuBytes: number;
}

/** For neighbours that are behind nobody knows which port. No port has it: slots begin at 1. */
export const ANYWHERE = 0;

/** Main thread to worker. A request with an `id` is answered under the same id. */
export type WorkerCommand =
  | { readonly kind: 'addNetwork'; readonly network: NetworkSpec }
  | { readonly kind: 'removeNetwork'; readonly vni: number }
  | { readonly kind: 'addPort'; readonly vni: number; readonly port: PortSpec }
  | { readonly kind: 'removePort'; readonly vni: number; readonly id: number }
  | { readonly kind: 'setRelay'; readonly vni: number; readonly relay: RelaySpec | null }
  | { readonly kind: 'readRelay'; readonly vni: number }
  | { readonly kind: 'listRelay'; readonly vni: number }
  | { readonly kind: 'addStation'; readonly vni: number; readonly mac: MacAddress; readonly port: number }
  | { readonly kind: 'removeStation'; readonly vni: number; readonly mac: MacAddress }
  | { readonly kind: 'flushStations'; readonly vni: number; readonly port: number | null }
  | { readonly kind: 'setNeighbour'; readonly vni: number; readonly neighbour: StaticNeighbour }
  | { readonly kind: 'removeNeighbour'; readonly vni: number; readonly ip: IpAddress }
  | { readonly kind: 'readSwitch'; readonly vni: number }
  | { readonly kind: 'listStations'; readonly vni: number }
  | { readonly kind: 'listNeighbours'; readonly vni: number }
  | { readonly kind: 'readGuests'; readonly vni: number }
  | { readonly kind: 'listGuestNeighbours'; readonly vni: number }
  | { readonly kind: 'setPeers'; readonly peers: readonly PeerSpec[] }
  | { readonly kind: 'removePeer'; readonly slot: number }
  | { readonly kind: 'addRoutes'; readonly slot: number; readonly routes: readonly RouteSpec[] }
  | { readonly kind: 'removeRoutes'; readonly slot: number; readonly routes: readonly RouteSpec[] }
  | { readonly kind: 'learnEndpoint'; readonly slot: number; readonly words: Uint32Array }
  | { readonly kind: 'installRx'; readonly sas: readonly SaSpec[] }
  | { readonly kind: 'installTx'; readonly sas: readonly SaSpec[] }
  | { readonly kind: 'retireRx'; readonly spis: readonly number[]; readonly graceMs: number }
  | { readonly kind: 'removeRx'; readonly spis: readonly number[] }
  | { readonly kind: 'removeTx'; readonly slot: number }
  | { readonly kind: 'sendKeepalive'; readonly slot: number }
  | { readonly kind: 'progress'; readonly slot: number }
  | { readonly kind: 'stop' };

export interface WorkerRequest {
  readonly id: number;
  readonly command: WorkerCommand;
}

export interface WorkerProgress {
  readonly endpointWords: Uint32Array | null;
  readonly rx: readonly SaProgress[];
  /** The send SA in use, and the last one that it replaced. */
  readonly tx: readonly SaProgress[];
}

/** A port of a switch. */
export interface SwitchPortReading {
  readonly id: number;
  /** Learned stations behind it. */
  readonly stations: number;
  /** null for a peer, whose packets its own counters count. */
  readonly counts: PortCounts | null;
  /** Whether nothing will ever come from it again. */
  readonly isClosed: boolean;
}

/** What a switch shows. */
export interface SwitchReading {
  readonly fdb: FdbCounters;
  readonly switch: SwitchCounters;
  readonly ports: readonly SwitchPortReading[];
  readonly multicastGroups: number;
  readonly neighbours: number;
  /** ARP requests and neighbour solicitations that were answered here. */
  readonly suppressed: { readonly arp: number; readonly nd: number };
}

/** A guest's port. */
export interface GuestReading {
  readonly id: number;
  /** IP addresses whose MAC address is known, behind it. */
  readonly neighbours: number;
  /** Frames, dropped ones included whose reason is in `drops`. */
  readonly counts: PortCounts;
  readonly drops: GuestDrops;
  readonly isClosed: boolean;
}

/** What the guests of a network show. */
export interface GuestsReading {
  readonly guests: readonly GuestReading[];
  /** ARP requests and neighbour solicitations that the router answered. */
  readonly answered: { readonly arp: number; readonly nd: number };
}

/** What a relay shows. */
export interface RelayReading {
  readonly sessions: number;
  /** Sessions that there may be, with the descriptors that there are. */
  readonly maxSessions: number;
  readonly counters: RelayCounters;
}

/** What the queries answer; all other commands answer null. */
export interface Answers {
  readonly progress: WorkerProgress;
  readonly readSwitch: SwitchReading;
  readonly listStations: readonly FdbEntry[];
  readonly listNeighbours: readonly NeighbourEntry[];
  readonly readGuests: GuestsReading;
  readonly listGuestNeighbours: readonly NeighbourEntry[];
  /** null for a network without one. */
  readonly readRelay: RelayReading | null;
  readonly listRelay: readonly RelaySession[];
  /** How many stations were removed. */
  readonly flushStations: number;
  /** Whether it was there. */
  readonly removeStation: boolean;
}
export type WorkerAnswer = Answers[keyof Answers] | null;
export type AnswerTo<K extends WorkerCommand['kind']> = K extends keyof Answers ? Answers[K] : null;

/** What a worker runs on. */
export interface WorkerReady {
  /** The AEAD's name. */
  readonly aead: string;
  /** What segmenter and coalescer are made in. */
  readonly offloadCode: string;
  /** For the operator, when a choice costs speed. */
  readonly warning: string | null;
}

/** Worker to main thread. */
export type WorkerReport =
  | ({ readonly kind: 'ready' } & WorkerReady)
  | { readonly kind: 'done'; readonly id: number; readonly result: WorkerAnswer }
  | { readonly kind: 'refused'; readonly id: number; readonly code: string; readonly message: string }
  /** An authenticated packet came from a new outer address. */
  | { readonly kind: 'endpoint'; readonly slot: number; readonly words: Uint32Array }
  /** The path to a peer refused a frame as too large. */
  | { readonly kind: 'pathTooSmall'; readonly slot: number }
  /** Nothing comes from a port any more: somebody removed its interface. A TUN or TAP interface is port 0. */
  | { readonly kind: 'portLost'; readonly vni: number; readonly id: number }
  | { readonly kind: 'stopped' };
