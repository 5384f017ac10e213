// A guest of a Layer 3 network on a Unix datagram socket: a host with addresses of its own and one neighbour,
// its router, whose MAC address it asks for by ARP and Neighbour Discovery.
// Usage: node unix-guest.mjs DIST PATH REMOTE MAC ADDRESS4 ADDRESS6 GATEWAY4 GATEWAY6
// Prints "ready". Answers pings. Reads lines of JSON from standard input, each answered by one:
//   {"ping": ADDRESS, "from"?: ADDRESS, "count": N, "len"?: BYTES, "hops"?: N}   → {"received": N, "hops": N, "errors": [...]}
// Ends with standard input.
import { rmSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , dist, path, remote, mac, address4, address6, gateway4, gateway6] = process.argv;
const { addressOf, bind, errno, recvfrom, sendto, socket } = await import(`${dist}/dataplane/io/libc.js`);
const { parseIp } = await import(`${dist}/dataplane/wire/ip-text.js`);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const BROADCAST = Buffer.alloc(6, 0xff);
const PATIENCE_MS = 1_000;
const TICK_MS = 2;
const Icmp = { request: 8, reply: 0, unreachable: 3, timeExceeded: 11 };
const Icmp6 = { tooBig: 2, timeExceeded: 3, request: 128, reply: 129, solicitation: 135, advertisement: 136 };

function sockaddr(text) {
  const bytes = Buffer.alloc(110); // struct sockaddr_un
  bytes.writeUInt16LE(AF_UNIX, 0);
  bytes.write(text, 2);
  return bytes;
}

function bytesOf(ip) {
  const { family, words } = parseIp(ip);
  const bytes = Buffer.alloc(16);
  words.forEach((word, i) => bytes.writeUInt32BE(word, i * 4));
  return bytes.subarray(0, family === 4 ? 4 : 16);
}

const own = Buffer.from(mac.replaceAll(':', ''), 'hex');
const own4 = bytesOf(address4);
const own6 = bytesOf(address6);
const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
rmSync(path, { force: true });
const local = sockaddr(path);
if (bind(fd, addressOf(local), local.length) < 0) throw new Error(`bind ${path}: errno ${errno()}`);
const peer = sockaddr(remote);
const incoming = Buffer.alloc(65_600);
/** MAC address of the router by family, once it answered. */
const router = { 4: null, 6: null };
const seen = { replies: new Map(), errors: [] };

function send(frame) {
  return Number(sendto(fd, addressOf(frame), frame.length, 0, addressOf(peer), peer.length)) >= 0;
}

function frame(to, type, payload) {
  const head = Buffer.concat([to, own, Buffer.from([type >> 8, type & 0xff])]);
  return Buffer.concat([head, payload, Buffer.alloc(Math.max(0, 46 - payload.length))]);
}

function checksum(...parts) {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}

function ip4(from, to, hops, payload) {
  const head = Buffer.from([0x45, 0, 0, 0, 0, 0, 0x40, 0, hops, 1, 0, 0, ...from, ...to]);
  head.writeUInt16BE(20 + payload.length, 2);
  head.writeUInt16BE(checksum(head), 10);
  return Buffer.concat([head, payload]);
}

function ip6(from, to, hops, payload) {
  const head = Buffer.from([0x60, 0, 0, 0, 0, 0, 58, hops, ...from, ...to]);
  head.writeUInt16BE(payload.length, 4);
  const pseudo = Buffer.from([...from, ...to, 0, 0, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 58]);
  payload.writeUInt16BE(0, 2);
  payload.writeUInt16BE(checksum(pseudo, payload), 2);
  return Buffer.concat([head, payload]);
}

function echo(family, type, sequence, len) {
  const message = Buffer.alloc(8 + len, 0x5a);
  message.writeUInt32BE((type << 24) >>> 0, 0);
  message.writeUInt16BE(0x7788, 4);
  message.writeUInt16BE(sequence, 6);
  if (family === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}

function packet(from, to, hops, message) {
  return to.length === 4 ? ip4(from, to, hops, message) : ip6(from, to, hops, message);
}

/** Asks for the router until it answers. */
async function findRouter(family) {
  const end = performance.now() + 5_000;
  while (router[family] === null && performance.now() < end) {
    if (family === 4) {
      const question = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...own, ...own4, 0, 0, 0, 0, 0, 0, ...bytesOf(gateway4)]);
      send(frame(BROADCAST, 0x0806, question));
    } else {
      const target = bytesOf(gateway6);
      const to = Buffer.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13)]);
      const message = Buffer.from([Icmp6.solicitation, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...own]);
      send(frame(Buffer.from([0x33, 0x33, ...to.subarray(12)]), 0x86dd, ip6(own6, to, 255, message)));
    }
    for (let i = 0; i < 50 && router[family] === null; i++) await sleep(TICK_MS);
  }
  if (router[family] === null) throw new Error(`no router answers for IPv${family}`);
}

function receive() {
  for (;;) {
    const len = Number(recvfrom(fd, addressOf(incoming), incoming.length, MSG_DONTWAIT, 0, 0));
    if (len < 0) return;
    // As a host does: what is not to it is not for it.
    if (len >= 14 && (incoming.subarray(0, 6).equals(own) || incoming[0] === 0xff)) {
      take(Buffer.from(incoming.subarray(0, len)));
    }
  }
}

function take(bytes) {
  const type = bytes.readUInt16BE(12);
  const body = bytes.subarray(14);
  const from = bytes.subarray(6, 12);
  if (type === 0x0806 && body.readUInt16BE(6) === 2) router[4] = Buffer.from(body.subarray(8, 14));
  if (type === 0x0800 && body[9] === 1 && checksum(body.subarray(0, 20)) === 0) {
    takeIcmp(4, from, body.subarray(12, 16), body[8], body.subarray(20, body.readUInt16BE(2)));
  }
  if (type === 0x86dd && body[6] === 58) {
    takeIcmp(6, from, body.subarray(8, 24), body[7], body.subarray(40, 40 + body.readUInt16BE(4)));
  }
}

function takeIcmp(family, mac, source, hops, message) {
  const [type] = message;
  const types = family === 4 ? Icmp : Icmp6;
  if (type === types.advertisement) router[6] = Buffer.from(message.subarray(26, 32));
  else if (type === types.request) {
    const answer = Buffer.from(message);
    answer[0] = types.reply;
    answer.writeUInt16BE(0, 2);
    if (family === 4) answer.writeUInt16BE(checksum(answer), 2);
    send(frame(mac, family === 4 ? 0x0800 : 0x86dd, packet(family === 4 ? own4 : own6, source, 64, answer)));
  } else if (type === types.reply) seen.replies.set(message.readUInt16BE(6), hops);
  else if (type === types.timeExceeded) seen.errors.push('time exceeded');
  else if (type === types.tooBig && family === 6) seen.errors.push(`too big: ${message.readUInt32BE(4)}`);
  else if (type === types.unreachable && family === 4) seen.errors.push(`too big: ${message.readUInt16BE(6)}`);
}

async function ping({ ping: to, from, count, len = 56, hops = 64 }) {
  const family = isIPv6(to) ? 6 : 4;
  await findRouter(family);
  seen.replies.clear();
  seen.errors.length = 0;
  const source = from === undefined ? (family === 4 ? own4 : own6) : bytesOf(from);
  const request = family === 4 ? Icmp.request : Icmp6.request;
  for (let sequence = 1; sequence <= count; sequence++) {
    const message = echo(family, request, sequence, len);
    send(frame(router[family], family === 4 ? 0x0800 : 0x86dd, packet(source, bytesOf(to), hops, message)));
    const end = performance.now() + PATIENCE_MS;
    while (!seen.replies.has(sequence) && seen.errors.length === 0 && performance.now() < end) {
      await sleep(TICK_MS);
    }
  }
  const [left = 0] = seen.replies.values();
  return { received: seen.replies.size, hops: left, errors: [...new Set(seen.errors)] };
}

// The router may not listen yet.
while (!send(frame(BROADCAST, 0x0806, Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...own, ...own4, 0, 0, 0, 0, 0, 0, ...own4])))) {
  await sleep(50);
}
setInterval(receive, TICK_MS);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const answer = await ping(JSON.parse(line)).catch((error) => ({ received: 0, hops: 0, errors: [error.message] }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
