// Captures every frame of an interface into a pcap file until standard input ends.
// Usage: node capture.mjs INTERFACE FILE [delivered]. Prints "ready", at the end one line of JSON.
// With "delivered" only what came in at the interface, each with its virtio_net_hdr before it.
// Tags of virtual LANs, which the kernel takes out of frames that come in, are put back.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import koffi from 'koffi';

const [, , device, file, mode] = process.argv;
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, void *, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, int)');
const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)');
const recvmsg = libc.func('int64_t recvmsg(int, void *, int)');
const poll = libc.func('int poll(void *, int, int)');

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK = 3 | 0x800;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const VNET_HDR_LEN = 10;
const VLAN_VALID = 1 << 4;
const VLAN_TPID_VALID = 1 << 6;
const DRAIN_MS = 200;

function fail(what) {
  process.stderr.write(`${what}: errno ${koffi.errno()}\n`);
  process.exit(1);
}

const fd = socket(AF_PACKET, SOCK_RAW_NONBLOCK, 0);
if (fd < 0) fail('socket');
const size = Buffer.alloc(4);
size.writeInt32LE(128 << 20);
if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) < 0) fail('SO_RCVBUFFORCE');
const isDelivered = mode === 'delivered';
const on = Buffer.alloc(4);
on.writeInt32LE(1);
for (const option of [PACKET_AUXDATA, ...(isDelivered ? [PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING] : [])]) {
  if (setsockopt(fd, SOL_PACKET, option, on, 4) < 0) fail(`option ${option}`);
}
const address = Buffer.alloc(20); // struct sockaddr_ll
address.writeUInt16LE(AF_PACKET, 0);
address.writeUInt16BE(ETH_P_ALL, 2);
// `ip netns exec` mounts /sys anew, so that it shows this namespace.
const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
address.writeInt32LE(index, 4);
if (bind(fd, address, address.length) < 0) fail(`bind ${device}`);

const out = openSync(file, 'w', 0o600);
const header = Buffer.alloc(24); // pcap file header, microseconds, Ethernet
header.writeUInt32LE(0xa1b2c3d4, 0);
header.writeUInt16LE(2, 4);
header.writeUInt16LE(4, 6);
header.writeUInt32LE(262144, 16);
header.writeUInt32LE(1, 20);
writeSync(out, header);

let stopAtMs = Number.POSITIVE_INFINITY;
process.stdin.on('end', () => { stopAtMs = performance.now() + DRAIN_MS; }).on('error', () => {}).resume();
process.stdout.write('ready\n');

/** struct msghdr, struct iovec, control data, frame: all in one, so that what points to what stays alive. */
const message = Buffer.alloc(256 + 262144);
const [vector, control, frame] = [message.subarray(64, 80), message.subarray(128, 256), message.subarray(256)];
const base = BigInt(koffi.address(message));
message.writeBigUInt64LE(base + 64n, 16);
message.writeBigUInt64LE(1n, 24);
message.writeBigUInt64LE(base + 128n, 32);
vector.writeBigUInt64LE(base + 256n, 0);
vector.writeBigUInt64LE(BigInt(frame.length), 8);
/** Between the addresses and the EtherType. */
const tagAt = (isDelivered ? VNET_HDR_LEN : 0) + 12;
let pending = [];
let pendingLen = 0;
let captured = 0;
const pollfd = Buffer.alloc(8);
pollfd.writeInt32LE(fd, 0);
pollfd.writeInt16LE(1, 4);

function flush() {
  if (pendingLen > 0) writeSync(out, Buffer.concat(pending, pendingLen));
  pending = [];
  pendingLen = 0;
}

/** The tag that the kernel took out of the frame received last, null for none. */
function takenTag() {
  if (message.readBigUInt64LE(40) < 36n) return null; // struct cmsghdr and struct tpacket_auxdata
  if (control.readInt32LE(8) !== SOL_PACKET || control.readInt32LE(12) !== PACKET_AUXDATA) return null;
  const status = control.readUInt32LE(16);
  if ((status & VLAN_VALID) === 0) return null;
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE((status & VLAN_TPID_VALID) === 0 ? 0x8100 : control.readUInt16LE(34), 0);
  tag.writeUInt16BE(control.readUInt16LE(32), 2);
  return tag;
}

/** Takes the next frame. @returns Null when there is none. */
function receive() {
  message.writeBigUInt64LE(BigInt(control.length), 40);
  const len = Number(recvmsg(fd, message, 0));
  if (len < 0) return null;
  const tag = takenTag();
  const bytes = frame.subarray(0, len);
  if (tag === null) return Buffer.from(bytes);
  return Buffer.concat([bytes.subarray(0, tagAt), tag, bytes.subarray(tagAt)]);
}

while (performance.now() < stopAtMs) {
  for (let budget = 0; budget < 512; budget++) {
    const bytes = receive();
    if (bytes === null) break;
    const record = Buffer.alloc(16);
    const nowUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    record.writeUInt32LE(Math.floor(nowUs / 1e6), 0);
    record.writeUInt32LE(nowUs % 1e6, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    pending.push(record, bytes);
    pendingLen += record.length + bytes.length;
    captured++;
  }
  if (pendingLen > 1 << 20) flush();
  poll(pollfd, 1, 2);
  await nextTurn();
}
flush();
closeSync(out);
const statistics = Buffer.alloc(8); // struct tpacket_stats
const statisticsLen = Buffer.alloc(4);
statisticsLen.writeInt32LE(8);
getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, statisticsLen);
process.stdout.write(`${JSON.stringify({ captured, missed: statistics.readUInt32LE(4) })}\n`);
process.exit(0);
