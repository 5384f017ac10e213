// A guest of a network on a Unix datagram socket that speaks UDP and begins TCP, in frames of its own making.
// Usage: node relay-guest.mjs DIST PATH REMOTE MAC GATEWAYMAC ADDRESS4 ADDRESS6 PCAP
// Writes the frames that it gets to PCAP. Prints "ready". Reads lines of JSON, each answered by one:
//   {"udp": ADDRESS, "port": N, "len": BYTES, "from"?: PORT, "hex"?: DATA}
//       → {"answer": HEX of the data that came back whole from there to that port, or null, "errors": [...]}
//   {"tcp": ADDRESS, "port": N}                                                   → {"reset": BOOLEAN}
//   {"ask": ADDRESS}                        → {"mac": of who answers ARP or Neighbour Discovery, or null}
//   {"flood": ADDRESS, "port": N, "from": PORT, "count": N}                       → {"answers": N}
// Ends with standard input.
import { chmodSync, closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , dist, path, remote, mac, gateway, address4, address6, pcap] = process.argv;
const { addressOf, bind, errno, recvfrom, sendto, socket } = await import(`${dist}/dataplane/io/libc.js`);
const { parseIp } = await import(`${dist}/dataplane/wire/ip-text.js`);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const BROADCAST = Buffer.alloc(6, 0xff);
const PATIENCE_MS = 1_500;
const TICK_MS = 1;
const MTU = 1_500;
const Protocol = { tcp: 6, udp: 17, fragment: 44, icmp6: 58 };
const Type = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };
const PCAP_HEAD = 'd4c3b2a1020004000000000000000000ffff000001000000';

const file = openSync(pcap, 'w');
writeSync(file, Buffer.from(PCAP_HEAD, 'hex'));

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
const router = Buffer.from(gateway.replaceAll(':', ''), 'hex');
const own4 = bytesOf(address4);
const own6 = bytesOf(address6);
const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
rmSync(path, { force: true });
const local = sockaddr(path);
if (bind(fd, addressOf(local), local.length) < 0) throw new Error(`bind ${path}: errno ${errno()}`);
// The agent is another user.
chmodSync(path, 0o666);
const peer = sockaddr(remote);
const incoming = Buffer.alloc(65_600);
let nextId = 1;
/** What came: datagrams, ICMP errors, resets, answers about neighbours; fragments by their number. */
let seen = { datagrams: [], errors: [], resets: 0, neighbours: [] };
const pieces = new Map();

function send(to, type, payload) {
  const head = Buffer.concat([to, own, Buffer.from([type >> 8, type & 0xff])]);
  const frame = Buffer.concat([head, payload, Buffer.alloc(Math.max(0, 46 - payload.length))]);
  return Number(sendto(fd, addressOf(frame), frame.length, 0, addressOf(peer), peer.length)) >= 0;
}

function checksum(...parts) {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}

function pseudo(from, to, protocol, len) {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(len, 0);
  tail[7] = protocol;
  return Buffer.concat([from, to, tail]);
}

function udp(from, to, fromPort, toPort, data) {
  const bytes = Buffer.concat([Buffer.alloc(8), data]);
  bytes.writeUInt16BE(fromPort, 0);
  bytes.writeUInt16BE(toPort, 2);
  bytes.writeUInt16BE(bytes.length, 4);
  bytes.writeUInt16BE(checksum(pseudo(from, to, Protocol.udp, bytes.length), bytes) || 0xffff, 6);
  return bytes;
}

function ip4(to, protocol, body, id, offset, more) {
  const head = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...own4, ...to]);
  head.writeUInt16BE(20 + body.length, 2);
  head.writeUInt16BE(id & 0xffff, 4);
  head.writeUInt16BE((offset / 8) | (more ? 0x2000 : 0), 6);
  head.writeUInt16BE(checksum(head), 10);
  return Buffer.concat([head, body]);
}

function ip6(to, protocol, body, hops = 64) {
  const head = Buffer.from([0x60, 0, 0, 0, 0, 0, protocol, hops, ...own6, ...to]);
  head.writeUInt16BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** Sends what an IP packet holds, in fragments where the link asks for it. */
function sendIp(to, protocol, body) {
  const id = nextId++;
  const isV4 = to.length === 4;
  const room = isV4 ? MTU - 20 : MTU - 48;
  const piece = body.length <= (isV4 ? room : MTU - 40) ? body.length : room - (room % 8);
  for (let offset = 0; offset < body.length; offset += piece) {
    const part = body.subarray(offset, offset + piece);
    const more = offset + piece < body.length;
    if (isV4) send(router, Type.ipv4, ip4(to, protocol, part, id, offset, more));
    else if (piece === body.length) send(router, Type.ipv6, ip6(to, protocol, part));
    else {
      const head = Buffer.from([protocol, 0, 0, 0, 0, 0, 0, 0]);
      head.writeUInt16BE(offset | (more ? 1 : 0), 2);
      head.writeUInt32BE(id, 4);
      send(router, Type.ipv6, ip6(to, Protocol.fragment, Buffer.concat([head, part])));
    }
  }
}

function receive() {
  for (;;) {
    const len = Number(recvfrom(fd, addressOf(incoming), incoming.length, MSG_DONTWAIT, 0, 0));
    if (len < 0) return;
    if (len < 14 || !incoming.subarray(0, 6).equals(own)) continue;
    const frame = Buffer.from(incoming.subarray(0, len));
    const head = Buffer.alloc(16);
    head.writeUInt32LE(len, 8);
    head.writeUInt32LE(len, 12);
    writeSync(file, Buffer.concat([head, frame]));
    take(frame.readUInt16BE(12), frame.subarray(14));
  }
}

function take(type, packet) {
  if (type === Type.arp) {
    if (packet.readUInt16BE(6) === 2) seen.neighbours.push(packet.toString('hex', 8, 14));
  } else if (type === Type.ipv4) {
    const field = packet.readUInt16BE(6);
    const body = packet.subarray(20, packet.readUInt16BE(2));
    const from = packet.toString('hex', 12, 16);
    join(`${from} ${packet.readUInt16BE(4)}`, (field & 0x1fff) * 8, (field & 0x2000) !== 0, packet[9], from, body);
  } else if (packet[6] === Protocol.fragment) {
    const field = packet.readUInt16BE(42);
    const from = packet.toString('hex', 8, 24);
    const body = packet.subarray(48, 40 + packet.readUInt16BE(4));
    join(`${from} ${packet.readUInt32BE(44)}`, field & 0xfff8, (field & 1) !== 0, packet[40], from, body);
  } else {
    deliver(packet[6], packet.toString('hex', 8, 24), packet.subarray(40, 40 + packet.readUInt16BE(4)));
  }
}

function join(key, offset, more, protocol, from, body) {
  if (offset === 0 && !more) return deliver(protocol, from, body);
  const whole = pieces.get(key) ?? { parts: [], len: 0, end: Number.NaN };
  pieces.set(key, whole);
  whole.parts.push([offset, body]);
  whole.len += body.length;
  if (!more) whole.end = offset + body.length;
  if (whole.len !== whole.end) return;
  pieces.delete(key);
  const sorted = whole.parts.sort(([a], [b]) => a - b).map(([, part]) => part);
  deliver(protocol, from, Buffer.concat(sorted));
}

function deliver(protocol, from, body) {
  if (protocol === Protocol.udp) {
    const [fromPort, port] = [body.readUInt16BE(0), body.readUInt16BE(2)];
    seen.datagrams.push({ from, fromPort, port, data: body.subarray(8, body.readUInt16BE(4)) });
  } else if (protocol === Protocol.tcp) seen.resets += (body[13] & 4) >> 2;
  else if (protocol === Protocol.icmp6 && body[0] === 136) seen.neighbours.push(body.toString('hex', 26, 32));
  else seen.errors.push(`${body[0]}/${body[1]}`);
}

function until(isDone) {
  seen = { datagrams: [], errors: [], resets: 0, neighbours: [] };
  const end = performance.now() + PATIENCE_MS;
  return async () => {
    while (!isDone() && performance.now() < end) await sleep(TICK_MS);
  };
}

const commands = {
  async udp({ udp: to, port, len = 0, from = 40_000, hex }) {
    const data = hex === undefined ? Buffer.alloc(len) : Buffer.from(hex, 'hex');
    for (let i = 0; hex === undefined && i < len; i++) data[i] = (i * 7 + (i >> 8) + from) & 0xff;
    const target = bytesOf(to);
    const isIt = (each) =>
      each.from === target.toString('hex') && each.fromPort === port && each.port === from;
    const wait = until(() => seen.datagrams.some(isIt) || seen.errors.length > 0);
    sendIp(target, Protocol.udp, udp(target.length === 4 ? own4 : own6, target, from, port, data));
    await wait();
    const answer = seen.datagrams.find(isIt)?.data ?? null;
    return {
      isSame: answer?.equals(data) ?? false,
      answer: answer === null || hex === undefined ? null : answer.toString('hex'),
      others: seen.datagrams.length - (answer === null ? 0 : 1),
      errors: [...new Set(seen.errors)],
    };
  },

  async tcp({ tcp: to, port }) {
    const target = bytesOf(to);
    const from = target.length === 4 ? own4 : own6;
    const segment = Buffer.from('9c40000000000001000000005002ffff00000000', 'hex');
    segment.writeUInt16BE(port, 2);
    segment.writeUInt16BE(checksum(pseudo(from, target, Protocol.tcp, segment.length), segment), 16);
    const wait = until(() => seen.resets > 0);
    sendIp(target, Protocol.tcp, segment);
    await wait();
    return { reset: seen.resets === 1 };
  },

  async ask({ ask }) {
    const target = bytesOf(ask);
    const wait = until(() => seen.neighbours.length > 0);
    if (target.length === 4) {
      send(BROADCAST, Type.arp, Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...own, ...own4, 0, 0, 0, 0, 0, 0, ...target]));
    } else {
      const to = Buffer.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13)]);
      const message = Buffer.from([135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...own]);
      message.writeUInt16BE(checksum(pseudo(own6, to, Protocol.icmp6, message.length), message), 2);
      send(Buffer.from([0x33, 0x33, ...to.subarray(12)]), Type.ipv6, ip6(to, Protocol.icmp6, message, 255));
    }
    await wait();
    return { mac: seen.neighbours[0] ?? null };
  },

  async flood({ flood: to, port, from, count }) {
    const target = bytesOf(to);
    const wait = until(() => seen.datagrams.length >= count);
    for (let i = 0; i < count; i++) {
      sendIp(target, Protocol.udp, udp(target.length === 4 ? own4 : own6, target, from + i, port, Buffer.from('x')));
      if (i % 16 === 15) await sleep(TICK_MS);
    }
    await wait();
    return { answers: seen.datagrams.length };
  },
};

// The router may not listen yet.
const hello = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...own, ...own4, 0, 0, 0, 0, 0, 0, ...own4]);
while (!send(BROADCAST, Type.arp, hello)) await sleep(50);
setInterval(receive, TICK_MS);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const name = Object.keys(commands).find((each) => each in request);
  const answer = await commands[name](request);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
closeSync(file);
process.exit(0);
