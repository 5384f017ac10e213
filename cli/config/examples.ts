/** Complete configs for the manual page. */

export interface ConfigExample {
  readonly title: string;
  /** What it does; empty where the title says it. */
  readonly about: string;
  /** What to run besides; empty where nothing is. */
  readonly commands: string;
  readonly toml: string;
}

const ROUTED = `[interface]
private_key_file = "/etc/icx/private.key"
address = ["10.77.0.1/24", "fd77::1/64"]

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"
allowed_ips = ["10.77.0.2/32", "fd77::2/128"]`;

const SEGMENT_A = `[interface]
private_key_file = "/etc/icx/private.key"
mode = "l2"
vni = 20
address = ["10.20.0.1/24"]

[[port]]
type = "interface"
name = "lan"
device = "veth-icx"

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"`;

const SEGMENT_B = `[interface]
private_key_file = "/etc/icx/private.key"
mode = "l2"
vni = 20
address = ["10.20.0.2/24"]

[[port]]
type = "interface"
name = "lan"
device = "veth-icx"

[[peer]]
name = "host-a"
public_key = "what icx pubkey printed on host-a"
endpoint = "192.0.2.1"`;

const NETWORKS = `[interface]
name = "icx"
private_key_file = "/etc/icx/private.key"

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"

[[peer]]
name = "host-c"
public_key = "what icx pubkey printed on host-c"
endpoint = "192.0.2.3"

[[network]]
name = "office"
vni = 10
address = ["10.10.0.1/24"]

[[network.peer]]
name = "host-b"
allowed_ips = ["10.10.0.2/32", "10.11.0.0/24"]

[[network]]
name = "guests"
vni = 11
mode = "l2"
address = ["10.12.0.1/24"]

[network.switch]
ageing = "10m"
max_stations_per_port = 256

[[network.neighbour]]
ip = "10.12.0.9"
mac = "02:42:ac:11:00:09"
peer = "host-c"`;

const MACHINES = `[interface]
name = "icx"
private_key_file = "/etc/icx/private.key"

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"

[[network]]
name = "vms"
vni = 30
mode = "l2"
interface = false

[[network.port]]
type = "unix"
name = "vm1"
path = "/run/icx/vm1.sock"
remote = "/run/icx/vm1.qemu"

[[network.station]]
mac = "52:54:00:12:34:56"
port = "vm1"`;

const GUESTS = `[interface]
private_key_file = "/etc/icx/private.key"
address = ["10.77.0.1/24", "fd77::1/64"]
vni = 1

[[port]]
type = "unix"
name = "vm1"
path = "/run/icx/vm1.sock"
remote = "/run/icx/vm1.qemu"
address = ["10.77.0.9", "fd77::9"]

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"
allowed_ips = ["10.77.0.2/32", "fd77::2/128"]`;

const VXLAN = `[interface]
private_key_file = "/etc/icx/private.key"
mode = "l2"
vni = 40
mtu = 1370

[[port]]
type = "vxlan"
name = "rack"
vni = 4001
listen = "10.0.0.1"
remotes = ["10.0.0.2", "10.0.0.3"]

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
endpoint = "192.0.2.2"`;

const EXIT = `[interface]
private_key_file = "private.key"

[relay]
address = ["10.77.0.254"]
resolver = "9.9.9.9"
deny = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]

[[peer]]
name = "host-b"
public_key = "what icx pubkey printed on host-b"
allowed_ips = ["10.77.0.2/32"]
exit = "udp"`;

const BEHIND_EXIT = `[interface]
private_key_file = "/etc/icx/private.key"
address = ["10.77.0.2/24"]

[[peer]]
name = "exit"
public_key = "what icx pubkey printed on host-a"
endpoint = "192.0.2.1"
allowed_ips = ["10.77.0.254/32", "203.0.113.0/24"]
keepalive = "25s"`;

const VETH = `ip link add veth-icx type veth peer name veth-br
ip link set veth-br master br0 up
ip link set veth-icx up`;

const QEMU = `qemu-system-x86_64 … -device virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56 \\
  -netdev dgram,id=n0,local.type=unix,local.path=/run/icx/vm1.qemu,\\
remote.type=unix,remote.path=/run/icx/vm1.sock`;

export const CONFIG_EXAMPLES: readonly ConfigExample[] = [
  { title: 'Two hosts, of which this is one', about: '', commands: '', toml: ROUTED },
  {
    title: 'Two hosts bridge a segment: host A',
    about:
      'What is plugged into the bridge br0 of either host is in one segment. Its frames must fit the MTU that icx status tells. On both hosts, before:',
    commands: VETH,
    toml: SEGMENT_A,
  },
  { title: 'Two hosts bridge a segment: host B', about: '', commands: '', toml: SEGMENT_B },
  {
    title: 'Several networks',
    about:
      'One routed network with host B alone, and one segment with B and C. They share the keys, and no packets.',
    commands: '',
    toml: NETWORKS,
  },
  {
    title: 'A virtual machine',
    about: 'This host forwards, and is in the network by nothing else. With QEMU 7.2 or later, after icx up:',
    commands: QEMU,
    toml: MACHINES,
  },
  {
    title: 'A virtual machine in a routed network',
    about:
      'A guest with addresses of its own, to which this host routes: host B has them in the allowed_ips of this host. Started like the machine above; inside, its default gateway is 169.254.1.1 (on link) and fe80::1.',
    commands: '',
    toml: GUESTS,
  },
  {
    title: 'A site with VXLAN',
    about: 'The VXLAN segment 4001 of two other hosts of this site goes on at host B.',
    commands: '',
    toml: VXLAN,
  },
  {
    title: 'An exit without root: host A',
    about:
      'Host B reaches by UDP what host A reaches, but no private addresses; DNS by 10.77.0.254. Here, as an ordinary user:',
    commands: 'icx up --userspace --config exit.toml',
    toml: EXIT,
  },
  {
    title: 'An exit without root: host B',
    about: 'What is sent to 203.0.113.0/24 leaves by host A.',
    commands: '',
    toml: BEHIND_EXIT,
  },
];
