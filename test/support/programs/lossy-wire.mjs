// Passes frames between two interfaces of a host, as a bad wire does: of the UDP datagrams to one
// port it loses, repeats and delays some by chance; all else passes. Ends with standard input.
// Usage: node lossy-wire.mjs INTERFACE INTERFACE '{"seed":1,"port":6081,"loss":0.01,…}'
// Prints "ready", at the end one line of JSON: how many frames met what.
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import koffi from 'koffi';

const [, , first, second, settings] = process.argv;
const { seed, port, loss = 0, duplicate = 0, reorder = 0, delayMs = 0 } = JSON.parse(settings);
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, void *, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, int)');
const send = libc.func('int64_t send(int, void *, int64_t, int)');
const recv = libc.func('int64_t recv(int, void *, int64_t, int)');
const poll = libc.func('int poll(void *, int, int)');

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK = 3 | 0x800;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const BUFFERS = [32, 33]; // SO_SNDBUFFORCE, SO_RCVBUFFORCE
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
/** virtio_net_hdr, which keeps checksums that are to be made yet, and Ethernet header. */
const IP_AT = 10 + 14;
/** A frame that is held back is overtaken by up to so many, or waits so long. */
const MAX_OVERTAKEN = 16;
const MAX_HELD_MS = 2;
const BUDGET = 64;

function setInt(fd, level, option, value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  if (setsockopt(fd, level, option, bytes, 4) < 0) throw new Error(`option ${option}: errno ${koffi.errno()}`);
}

function openInterface(device) {
  const fd = socket(AF_PACKET, SOCK_RAW_NONBLOCK, 0);
  setInt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  for (const option of BUFFERS) setInt(fd, SOL_SOCKET, option, 64 << 20);
  const address = Buffer.alloc(20); // struct sockaddr_ll
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')), 4);
  if (bind(fd, address, address.length) < 0) throw new Error(`bind ${device}: errno ${koffi.errno()}`);
  return fd;
}

/** Marsaglia's xorshift32, so that a seed tells what happens to which frame. */
let state = seed | 1;
function chance(share) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32 < share;
}

function isChosen(frame, len) {
  if (len < IP_AT + 48) return false;
  const type = frame.readUInt16BE(IP_AT - 2);
  if (type === 0x0800) {
    const udpAt = IP_AT + (frame.readUInt8(IP_AT) & 15) * 4;
    return frame.readUInt8(IP_AT + 9) === 17 && frame.readUInt16BE(udpAt + 2) === port;
  }
  return type === 0x86dd && frame.readUInt8(IP_AT + 6) === 17 && frame.readUInt16BE(IP_AT + 42) === port;
}

const counts = { passed: 0, lost: 0, duplicated: 0, reordered: 0, refused: 0, largest: 0 };
const buffer = Buffer.alloc(10 + 14 + 65535);

class Direction {
  #from;
  #to;
  #sent = 0;
  /** Frames under way, in order, and those that others overtake. */
  #onWire = [];
  #held = [];

  constructor(from, to) {
    this.#from = from;
    this.#to = to;
  }

  move(nowMs) {
    for (let i = 0; i < BUDGET; i++) {
      const len = Number(recv(this.#from, buffer, buffer.length, 0));
      if (len < 0) break;
      if (isChosen(buffer, len)) this.#meet(len, nowMs);
      else this.#put(buffer, len);
    }
    while (this.#onWire.length > 0 && this.#onWire[0].atMs <= nowMs) {
      const { frame } = this.#onWire.shift();
      this.#put(frame, frame.length);
    }
    while (this.#held.length > 0 && (this.#held[0].atMs <= nowMs || this.#held[0].atCount <= this.#sent)) {
      const { frame } = this.#held.shift();
      this.#put(frame, frame.length);
    }
  }

  #meet(len, nowMs) {
    counts.largest = Math.max(counts.largest, len - IP_AT);
    if (chance(loss)) {
      counts.lost++;
      return;
    }
    if (chance(reorder)) {
      counts.reordered++;
      const overtaken = 1 + Math.floor(((state >>> 0) / 2 ** 32) * 65_536) % MAX_OVERTAKEN;
      const atMs = nowMs + delayMs + MAX_HELD_MS;
      const atCount = delayMs > 0 ? Number.POSITIVE_INFINITY : this.#sent + overtaken;
      this.#held.push({ atMs, atCount, frame: Buffer.from(buffer.subarray(0, len)) });
      return;
    }
    const copies = chance(duplicate) ? 2 : 1;
    counts.duplicated += copies - 1;
    for (let i = 0; i < copies; i++) {
      if (delayMs === 0) this.#put(buffer, len);
      else this.#onWire.push({ atMs: nowMs + delayMs, frame: Buffer.from(buffer.subarray(0, len)) });
    }
  }

  #put(frame, len) {
    this.#sent++;
    if (Number(send(this.#to, frame, len, 0)) < 0) counts.refused++;
    else counts.passed++;
  }
}

const fds = [openInterface(first), openInterface(second)];
const directions = [new Direction(fds[0], fds[1]), new Direction(fds[1], fds[0])];
const pollfds = Buffer.alloc(16);
fds.forEach((fd, i) => {
  pollfds.writeInt32LE(fd, i * 8);
  pollfds.writeInt16LE(1, i * 8 + 4);
});
let open = true;
process.stdin
  .on('end', () => {
    open = false;
  })
  .on('error', () => {})
  .resume();
process.stdout.write('ready\n');
while (open) {
  poll(pollfds, 2, 1);
  const nowMs = performance.now();
  for (const direction of directions) direction.move(nowMs);
  await nextTurn();
}
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);
