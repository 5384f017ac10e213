/** What each key of a network means, for the manual page; the compiler keeps it complete. */
import {
  NEIGHBOUR_FIELDS,
  NETWORK_FIELDS,
  NETWORK_PEER_FIELDS,
  PORT_FIELDS,
  RELAY_FIELDS,
  STATION_FIELDS,
  SWITCH_FIELDS,
} from './network-schema.ts';
import { type Help, type SectionHelp, withValues } from './section-help.ts';

const NETWORK: Help<typeof NETWORK_FIELDS> = {
  name: 'The network, and its interface on this host. Must be given.',
  vni: 'Virtual network identifier; the same on all hosts of the network, and of no other network here. Must be given.',
  mode: '"l3" carries IP packets between addresses, "l2" Ethernet frames between stations. Default: "l3".',
  interface:
    'Whether this host has an interface in the network (TUN in l3, TAP in l2); without it the network has ports only. Default: true.',
  address: 'Inner addresses of this host in the network. Each may stand in one network only.',
  mtu: 'As in [interface]. Default: "auto".',
  routes: 'Whether to install a kernel route for every allowed_ips of the network. Default: true.',
  announce: 'As in [interface], in this network.',
};

const NETWORK_PEER: Help<typeof NETWORK_PEER_FIELDS> = {
  name: 'Which [[peer]]; its default name is the short form of its key. Must be given.',
  allowed_ips: 'As in [[peer]], in this network.',
  local_ips: 'As in [[peer]], in this network.',
  accept_routes: 'As in [[peer]], in this network.',
};

const SWITCH: Help<typeof SWITCH_FIELDS> = {
  ageing:
    'How long a station that was learned is remembered after its last frame. Default: "5m"; "2m" in a network with a unix port.',
  max_stations: 'Stations that the switch knows at most; frames to others go everywhere. Default: 16384.',
  max_stations_per_port:
    'Stations that are learned behind one port or one peer at most, so that none can take the place of all. Default: 4096, or max_stations if that is less.',
  snooping:
    'Whether multicast goes only where somebody asked for it by IGMP or MLD; else it goes everywhere. Default: true.',
  suppress:
    'Whether ARP requests and IPv6 neighbour solicitations are answered here when the answer is known, instead of asking every host. Default: true.',
};

const UNIX: Help<typeof PORT_FIELDS.unix> = {
  type: 'Here "unix".',
  name: 'Name in status and metrics, and for [[station]]; once in a network. Must be given.',
  path: 'Our socket, which is made at the start and removed at the end; at most 107 bytes. Must be given.',
  remote: 'The socket of the virtual machine (its local.path). Default: learned from what it sends.',
  mode: 'Permissions of our socket: who may write to it is in the network. Default: "0600".',
  mtu: 'Largest packet of the guest, if less than the network carries. Default: the MTU of the network.',
  max_stations: 'As max_stations_per_port of [switch], for this port; l2 only.',
  address:
    'Inner addresses of the guest: what is sent to it, and what it may send from. The allowed_ips of other hosts for this one must have them. Must be given in l3; l3 only.',
};

const INTERFACE: Help<typeof PORT_FIELDS.interface> = {
  type: 'Here "interface".',
  name: 'As of a unix port.',
  device: 'The interface, which has to exist; not one of icx. Must be given.',
  max_stations: 'As max_stations_per_port of [switch], for this port.',
};

const VXLAN: Help<typeof PORT_FIELDS.vxlan> = {
  type: 'Here "vxlan".',
  name: 'As of a unix port.',
  vni: 'Identifier of the VXLAN segment. Default: the vni of the network.',
  listen: 'Address to bind; its family is that of remotes and group. Default: "0.0.0.0".',
  listen_port: 'UDP port, here and at the remotes. Default: 4789.',
  remotes: 'Tunnel endpoints (VTEPs) of the segment. Frames for all go to each of them.',
  group: 'Multicast address where the segment sends frames for all.',
  device: 'Interface of this host that the group is on. Default: as the routes say.',
  learn_remotes:
    'Whether whoever sends to us becomes a remote. VXLAN has no keys: only where the underlay is trusted. Default: true with a group, else false.',
  ttl: 'TTL or hop limit of what is sent. Default: 64.',
};

const NEIGHBOUR: Help<typeof NEIGHBOUR_FIELDS> = {
  ip: 'An inner address; once in a network. Must be given.',
  mac: 'The MAC address of its station. Must be given.',
  peer: 'The peer that the station is behind. Default: learned.',
};

const STATION: Help<typeof STATION_FIELDS> = {
  mac: 'The MAC address; once in a network. Must be given.',
  port: 'The port that it is behind.',
  peer: 'The peer that it is behind. Either port or peer must be given.',
};

const RELAY: Help<typeof RELAY_FIELDS> = {
  enabled: 'false switches the relay off and keeps its settings. Default: true.',
  idle_timeout:
    'How long a session, which is a source and a destination, stays without a datagram. Default: "60s".',
  max_sessions: 'Sessions at most; each is a socket of this host. Default: 16384.',
  max_sessions_per_guest:
    'Sessions of one guest at most, so that none can take the place of all. Default: 1024, or max_sessions if that is less.',
  resolver:
    'DNS server that gets what guests ask the address of the relay (UDP port 53). It may be one that guests do not reach themselves, like 127.0.0.53. Default: none; /etc/resolv.conf is not read.',
  address:
    'Addresses that the relay has inside the network, one IPv4 and one IPv6 at most: nobody else’s, and on no interface. Peers need them in the allowed_ips of this host. In l2 it is the gateway of the guests and must be given.',
  deny: 'Destinations that guests do not reach; they win over allow.',
  allow:
    'Destinations that guests reach although every relay denies them: loopback, link-local, multicast and metadata addresses, the addresses of this host, and the inner addresses of its networks.',
};

const IN_NETWORK = 'Where there is [[network]], this is';

/** The sections of networks, in the order of the manual page. */
export const NETWORK_HELP: readonly SectionHelp[] = [
  {
    title: '[[network]]',
    about:
      'Without [[network]], [interface] and the sections below describe the only network of the agent. With it, each network is a section, and everything that is of one network stands in it: [interface] has no address, vni, mode, mtu and routes then, [[peer]] no allowed_ips and local_ips, and the sections below are named [network.switch], [network.relay], [[network.port]], [[network.neighbour]] and [[network.station]].',
    keys: withValues(NETWORK, NETWORK_FIELDS),
  },
  {
    title: '[[network.peer]]',
    about: 'Who is in the network. Without any, all peers are, with no allowed_ips; with some, only those.',
    keys: withValues(NETWORK_PEER, NETWORK_PEER_FIELDS),
  },
  {
    title: '[switch]',
    about: `How an l2 network forwards. ${IN_NETWORK} [network.switch].`,
    keys: withValues(SWITCH, SWITCH_FIELDS),
  },
  {
    title: '[[port]] type = "unix"',
    about: `A virtual machine, by Unix datagram sockets that carry a frame a datagram, as QEMU's -netdev dgram does. In an l3 network it is a guest, and the agent its router: its default gateway can be 169.254.1.1 and fe80::1, or any inner address that is not its own. One queue serves a network with guests, so the first port of a running one waits for a restart. ${IN_NETWORK} [[network.port]].`,
    keys: withValues(UNIX, PORT_FIELDS.unix),
  },
  {
    title: '[[port]] type = "interface"',
    about:
      'A segment of this host that joins an l2 network: one end of a veth pair, a bridge, a network card.',
    keys: withValues(INTERFACE, PORT_FIELDS.interface),
  },
  {
    title: '[[port]] type = "vxlan"',
    about:
      'A VXLAN segment (RFC 7348) that joins an l2 network. At least one of remotes, group and learn_remotes must be set.',
    keys: withValues(VXLAN, PORT_FIELDS.vxlan),
  },
  {
    title: '[relay]',
    about: `Lets guests reach by UDP what this host reaches, by sockets of this host and without any right of root: machines behind the ports of the network, and peers with exit = "udp". Everything else that they send to the outside is dropped, and TCP reset. One queue serves a network with a relay, so the first of a running one waits for a restart. ${IN_NETWORK} [network.relay].`,
    keys: withValues(RELAY, RELAY_FIELDS),
  },
  {
    title: '[[neighbour]]',
    about: `What ARP and neighbour discovery of an l2 network need not find out. ${IN_NETWORK} [[network.neighbour]].`,
    keys: withValues(NEIGHBOUR, NEIGHBOUR_FIELDS),
  },
  {
    title: '[[station]]',
    about: `A MAC address of an l2 network that is not learned but always there. ${IN_NETWORK} [[network.station]].`,
    keys: withValues(STATION, STATION_FIELDS),
  },
];
