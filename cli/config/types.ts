/** The validated configuration: what `loadConfig` gives and the agent runs by. */

/** pino's levels. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** One config file; every value is checked and every default filled in. */
export interface Config {
  /** Absolute path of the file it was read from. */
  readonly file: string;
  readonly interface: InterfaceConfig;
  /** TCP address of /metrics, /healthz and /readyz; null where switched off. */
  readonly metrics: MetricsConfig | null;
  readonly log: { readonly level: LogLevel };
  /** In a config with `[[network]]` without inner addresses: those are of the networks' members. */
  readonly peers: readonly PeerConfig[];
  /**
   * One at least. The network of a config without `[[network]]` has `Config.peers` itself as its
   * peers, and repeats what `Config.interface` says of it.
   */
  readonly networks: readonly NetworkConfig[];
}

export interface MetricsConfig {
  readonly host: string;
  readonly port: number;
}

/**
 * What the agent has once. With `[[network]]`, addresses, vni, mtu and routes are of no meaning
 * (empty, 0, "auto", true).
 */
export interface InterfaceConfig {
  /** Name of the agent and of its only network's interface, 1 to 15 characters. */
  readonly name: string;
  /** Ed25519 seed, 32 bytes. The agent overwrites it when it no longer needs it. */
  readonly seed: Uint8Array;
  /** Ed25519 public key of `seed`, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Inner addresses with prefix length, as `ip address add` takes them. */
  readonly addresses: readonly string[];
  /** 1 to 2^24 - 1; 0 with `[[network]]`. */
  readonly vni: number;
  /** Underlay address to bind, IPv4 or IPv6. */
  readonly listen: string;
  /** UDP port of the data plane. */
  readonly listenPort: number;
  /** UDP (or, over HTTP/2, TCP) port of the control plane. */
  readonly controlPort: number;
  readonly mtu: number | 'auto';
  readonly queues: number | 'auto';
  readonly controlTransport: 'quic' | 'webtransport';
  readonly suite: 'aes-128-gcm' | 'aes-256-gcm';
  readonly rekeyIntervalMs: number;
  /** Whether to install a kernel route for every allowed_ips. */
  readonly routes: boolean;
  /** Shell commands; `%i` stands for the interface. */
  readonly preUp: readonly string[];
  readonly postUp: readonly string[];
  readonly preDown: readonly string[];
  readonly postDown: readonly string[];
}

export interface PeerConfig {
  /** Unique; the short form of the public key where none is configured. */
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, or null. */
  readonly presharedKey: Uint8Array | null;
  /** Host name or address and data port; null where the peer dials us. */
  readonly endpoint: EndpointConfig | null;
  readonly controlPort: number;
  /** CIDR text without host bits; inner addresses behind the peer. */
  readonly allowedIps: readonly string[];
  /** CIDR text without host bits; inner addresses that the peer may reach here. */
  readonly localIps: readonly string[];
  /** CIDR text without host bits; inner addresses that it may announce, and has then like `allowedIps`. */
  readonly acceptRoutes: readonly string[];
  /** 0 is off. */
  readonly keepaliveMs: number;
  /** Packets per second that may reach the AEAD; 0 is no limit. */
  readonly rxRateLimitPps: number;
  readonly validateSource: boolean;
  /** Whether handshakes mix in ML-KEM-768. */
  readonly hybrid: boolean;
  /** What it may use this host as an exit for, in networks with a relay; null is nothing. */
  readonly exit: 'udp' | null;
}

export interface EndpointConfig {
  readonly host: string;
  readonly port: number;
}

/** A broadcast domain (l2) or a set of routes (l3), isolated from the agent's other networks. */
export interface NetworkConfig {
  /** Unique; its interface has this name. 1 to 15 characters. */
  readonly name: string;
  /** Unique; 1 to 2^24 - 1. */
  readonly vni: number;
  readonly mode: 'l3' | 'l2';
  /** Whether it has an interface on the host, TUN in l3 and TAP in l2; else it has ports only. */
  readonly device: boolean;
  /** Inner addresses of the interface with prefix length. */
  readonly addresses: readonly string[];
  readonly mtu: number | 'auto';
  /** Whether to install a kernel route for every allowed_ips. */
  readonly routes: boolean;
  /** CIDR text without host bits; inner addresses behind this host that its peers are told of. */
  readonly announce: readonly string[];
  /** Its members, with their inner addresses in this network; keys are those of `Config.peers`. */
  readonly peers: readonly PeerConfig[];
  readonly ports: readonly PortConfig[];
  /** null in l3. */
  readonly switch: SwitchConfig | null;
  /** null where there is none, or it is switched off. */
  readonly relay: RelayConfig | null;
  readonly neighbours: readonly NeighbourConfig[];
}

export interface SwitchConfig {
  /** How long a station that was learned stays without sending. */
  readonly ageingMs: number;
  readonly maxStations: number;
  /** At most `maxStations`. */
  readonly maxStationsPerPort: number;
  /** Whether multicast goes only to who asked for it by IGMP or MLD. */
  readonly snooping: boolean;
  /** Whether ARP requests and neighbour solicitations are answered here where the answer is known. */
  readonly suppress: boolean;
  readonly stations: readonly StationConfig[];
}

/**
 * Guests' UDP datagrams leave by sockets of this host. Where several say something of a destination:
 * `deny`, then `allow`, then the denials that every relay has.
 */
export interface RelayConfig {
  /** How long a session stays without a datagram. */
  readonly idleTimeoutMs: number;
  readonly maxSessions: number;
  /** At most `maxSessions`. */
  readonly maxSessionsPerGuest: number;
  /** Where DNS to one of `addresses` goes; null where it goes nowhere. */
  readonly resolver: string | null;
  /** Of the relay itself inside the network; one a family at most, one at least in l2. */
  readonly addresses: readonly string[];
  /** CIDR text without host bits, as `allow`. */
  readonly deny: readonly string[];
  readonly allow: readonly string[];
}

/** A station that is not learned; exactly one of port and peer is set. */
export interface StationConfig {
  /** Lower case with colons, as all MAC addresses here. */
  readonly mac: string;
  /** Name of a port of the network. */
  readonly port: string | null;
  /** Name of a member of the network. */
  readonly peer: string | null;
}

/** What ARP and neighbour discovery need not find out. */
export interface NeighbourConfig {
  readonly ip: string;
  readonly mac: string;
  /** Name of the member that the station is behind; null where that is to be learned. */
  readonly peer: string | null;
}

export type PortConfig = UnixPortConfig | InterfacePortConfig | VxlanPortConfig;

/** A Unix datagram socket that carries a virtual machine's frames. */
export interface UnixPortConfig {
  readonly type: 'unix';
  /** Unique in the network, as all ports' names. */
  readonly name: string;
  /** Absolute; at most 107 bytes. */
  readonly path: string;
  /** Absolute path of the other side's socket; null where it is learned from what comes. */
  readonly remote: string | null;
  /** Permission bits of the socket. */
  readonly mode: number;
  /** null is the network's. */
  readonly mtu: number | null;
  /** null is the switch's. */
  readonly maxStations: number | null;
  /** CIDR text without host bits: inner addresses of the guest. One at least in l3, none in l2. */
  readonly addresses: readonly string[];
}

/** An interface that the host has already: one end of a veth pair, a bridge, a NIC. */
export interface InterfacePortConfig {
  readonly type: 'interface';
  readonly name: string;
  readonly device: string;
  /** null is the switch's. */
  readonly maxStations: number | null;
}

/** A VXLAN segment, by other tunnel endpoints of it. @see RFC 7348 */
export interface VxlanPortConfig {
  readonly type: 'vxlan';
  readonly name: string;
  /** Of the VXLAN segment. */
  readonly vni: number;
  /** Of one address family with remotes and group. */
  readonly listen: string;
  /** UDP port, here and at the remotes. */
  readonly listenPort: number;
  readonly remotes: readonly string[];
  /** Multicast address where frames for all go; null where each remote gets its copy. */
  readonly group: string | null;
  /** Host interface for the group; null where the host's routes say. */
  readonly device: string | null;
  /** Whether whoever sends becomes a remote. */
  readonly learnRemotes: boolean;
  readonly ttl: number;
}
