/** What each key of a config file means, for the manual page; the compiler keeps it complete. */

import { NETWORK_HELP } from './network-help.ts';
import { INTERFACE_FIELDS, LOG_FIELDS, METRICS_FIELDS, PEER_FIELDS } from './schema.ts';
import { type Help, type SectionHelp, withValues } from './section-help.ts';

const INTERFACE: Help<typeof INTERFACE_FIELDS> = {
  name: 'The network interface; with [[network]] the agent alone. Default: the name of the config file.',
  private_key_file: 'File with this host’s private key (icx genkey), which only its owner may read.',
  private_key: 'The private key itself, in a config that only its owner may read.',
  address: 'Inner addresses of this host, with the prefix length of the overlay’s subnet.',
  vni: 'Virtual network identifier; the same on all hosts of a network. Default: 1.',
  mode: '"l3" carries IP packets between addresses, "l2" Ethernet frames between stations; the same on all hosts of a network. Default: "l3".',
  listen: 'Underlay address to bind; "::" takes IPv6 and IPv4. Default: "0.0.0.0".',
  listen_port: 'UDP port of the data plane. Default: 6081.',
  control_port: 'UDP port of the control plane; TCP for webtransport over HTTP/2. Default: 6082.',
  mtu: 'MTU of the interface. "auto" takes what the underlay routes to the peers carry, less the overhead, and follows it. Default: "auto".',
  queues: 'Worker threads, each with a queue of the interface and keys of its own. Default: "auto".',
  control_transport:
    '"quic", or "webtransport" where hosts reach each other only through HTTPS. Default: "quic".',
  suite: 'Cipher of the packets; the same on both sides of a peering. Default: "aes-128-gcm".',
  rekey_interval:
    'How often keys are replaced; 1s to 6h. Packets are refused after four intervals, one hour at least. Default: "2m".',
  routes: 'Whether to install a kernel route for every allowed_ips. Default: true.',
  announce:
    'Inner addresses behind this host, besides its own, that the peers are told of: containers, or a network that it routes to. Peers take those that are in their accept_routes. Not in l2.',
  pre_up: 'Shell commands run before the interface is made; %i is its name. A failure ends the start.',
  post_up: 'Shell commands run when everything is up. A failure ends the start.',
  pre_down: 'Shell commands run before anything is taken down; killed after 0.6 s.',
  post_down: 'Shell commands run when everything is gone; killed after 0.6 s.',
};

const METRICS: Help<typeof METRICS_FIELDS> = {
  listen:
    'Address and TCP port of /metrics, /healthz and /readyz; false switches them off. Default: "127.0.0.1:6083".',
};

const LOG: Help<typeof LOG_FIELDS> = {
  level: 'Least level that is logged. Default: "info".',
};

const PEER: Help<typeof PEER_FIELDS> = {
  name: 'Name in status, log and metrics. Default: the short form of the public key.',
  public_key: 'The peer’s public key (icx pubkey).',
  preshared_key_file: 'File with a key that both sides share (icx genpsk), mixed into every handshake.',
  preshared_key: 'The preshared key itself, in a config that only its owner may read.',
  endpoint:
    'Host name or underlay address of the peer, with its data port where that is not 6081. Without it the peer dials us, and where it is is learned from what it sends.',
  control_port: 'The peer’s control port. Default: 6082.',
  allowed_ips:
    'Inner addresses behind the peer: what is sent to it, and what it may send from. In l2 they make kernel routes over the interface and nothing else: an l2 network forwards by MAC and checks no inner addresses.',
  local_ips: 'Inner addresses that the peer may reach here; not in l2. Default: all.',
  accept_routes:
    'What the peer may announce: an announced prefix inside one of these counts as one of its allowed_ips until it is withdrawn, unless another peer or this host has it. Not in l2. Default: nothing.',
  keepalive:
    'Sends an empty packet whenever nothing else was sent for this long, so that NAT mappings stay open. Default: false.',
  rx_rate_limit:
    'Packets per second of the peer that may reach the cipher, split evenly over the queues; 0 is no limit. Default: 0.',
  validate_source:
    'Whether to drop packets whose outer source address is not the endpoint’s. The peer can’t move then. Default: false.',
  hybrid: 'Whether handshakes mix in ML-KEM-768; the same on both sides. Default: true.',
  exit: '"udp" lets the peer, and what is behind it, reach what this host reaches over UDP, by the [relay] of the networks that it is in. Default: off.',
};

/** Section title as written in the file, what the section is about, and its keys. */
export const CONFIG_HELP: readonly SectionHelp[] = [
  { title: '[interface]', about: '', keys: withValues(INTERFACE, INTERFACE_FIELDS) },
  { title: '[metrics]', about: '', keys: withValues(METRICS, METRICS_FIELDS) },
  { title: '[log]', about: '', keys: withValues(LOG, LOG_FIELDS) },
  { title: '[[peer]]', about: '', keys: withValues(PEER, PEER_FIELDS) },
  ...NETWORK_HELP,
];
