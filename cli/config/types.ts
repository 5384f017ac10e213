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
  readonly peers: readonly PeerConfig[];
}

export interface MetricsConfig {
  readonly host: string;
  readonly port: number;
}

export interface InterfaceConfig {
  /** Name of the network interface, 1 to 15 characters. */
  readonly name: string;
  /** Ed25519 seed, 32 bytes. The agent overwrites it when it no longer needs it. */
  readonly seed: Uint8Array;
  /** Ed25519 public key of `seed`, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Inner addresses with prefix length, as `ip address add` takes them. */
  readonly addresses: readonly string[];
  /** 1 to 2^24 - 1. */
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
  /** 0 is off. */
  readonly keepaliveMs: number;
  /** Packets per second that may reach the AEAD; 0 is no limit. */
  readonly rxRateLimitPps: number;
  readonly validateSource: boolean;
  /** Whether handshakes mix in ML-KEM-768. */
  readonly hybrid: boolean;
}

export interface EndpointConfig {
  readonly host: string;
  readonly port: number;
}
