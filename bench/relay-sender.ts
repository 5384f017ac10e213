/**
 * What sends and receives in the relay's bench, as a program:
 *
 *     sink ADDRESS PORT                                  has a socket there, which it does not read
 *     udp ADDRESS PORT LEN MS                            sends from a socket
 *     frames SOCKET MAC FROM TO PORT LEN MS              sends frames of a guest to a Unix socket
 *
 * Senders do nothing else for MS milliseconds, and print for how many seconds they did.
 */
import { rmSync } from 'node:fs';
import { addressOf, bind, connect, sendto, socket } from '../dataplane/io/libc.ts';
import { checksum, sumBytes, sumPseudo4 } from '../dataplane/wire/checksum.ts';
import { AF_INET, SOCKADDR_IN_LEN } from '../dataplane/wire/endpoint.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCKADDR_UN_LEN = 110;
const GUEST_MAC = '020000000009';
const HEADERS_LEN = 42;
const UDP = 17;
const GUEST_PORT = 40_000;
const IDLE_MS = 60_000;
/** Sent between two looks at the clock. */
const BURST = 64;

function main([kind = '', ...args]: readonly string[]): void {
  if (kind === 'sink') sink(args[0] ?? '', Number(args[1]));
  else if (kind === 'udp') sendUdp(args);
  else sendFrames(args);
}

function sink(address: string, port: number): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(fd, addressOf(sockaddrOf(address, port)), SOCKADDR_IN_LEN) < 0)
    throw new Error(`cannot bind ${port}`);
  // What comes fills the buffer; the rest is counted and dropped, and takes no time of anybody's.
  setInterval(() => {}, IDLE_MS);
}

function sockaddrOf(address: string, port: number): Buffer {
  const name = Buffer.alloc(64);
  name.writeUInt16LE(AF_INET);
  name.writeUInt16BE(port, 2);
  name.set(address.split('.').map(Number), 4);
  return name;
}

function sendUdp([address = '', port, len, ms]: readonly string[]): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  const to = sockaddrOf(address, Number(port));
  if (connect(fd, addressOf(to), SOCKADDR_IN_LEN) < 0) throw new Error(`cannot connect to ${address}`);
  send(fd, Buffer.alloc(Number(len), 7), Number(ms));
}

function sendFrames([path = '', mac = '', from = '', to = '', port, len, ms]: readonly string[]): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  // The port takes nothing from a socket without a name.
  const own = `${path}.guest`;
  rmSync(own, { force: true });
  if (bind(fd, addressOf(sockaddrUnOf(own)), SOCKADDR_UN_LEN) < 0) throw new Error(`cannot bind ${own}`);
  if (connect(fd, addressOf(sockaddrUnOf(path)), SOCKADDR_UN_LEN) < 0)
    throw new Error(`cannot connect to ${path}`);
  send(fd, frameOf(mac, from, to, Number(port), Number(len)), Number(ms));
}

function sockaddrUnOf(path: string): Buffer {
  const name = Buffer.alloc(SOCKADDR_UN_LEN);
  name.writeUInt16LE(AF_UNIX);
  name.write(path, 2);
  return name;
}

function frameOf(mac: string, from: string, to: string, port: number, len: number): Buffer {
  const frame = Buffer.alloc(HEADERS_LEN + len, 7);
  frame.write(`${mac}${GUEST_MAC}08004500000000000000401100000000000000000000`, 'hex');
  frame.writeUInt16BE(frame.length - 14, 16);
  frame.set([...from.split('.'), ...to.split('.')].map(Number), 26);
  frame.writeUInt16BE(GUEST_PORT, 34);
  frame.writeUInt16BE(port, 36);
  frame.writeUInt16BE(8 + len, 38);
  frame.writeUInt16BE(0, 40);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  view.setUint16(24, checksum(sumBytes(view, 14, 20)));
  view.setUint16(40, checksum(sumPseudo4(view, 14, UDP, 8 + len) + sumBytes(view, 34, 8 + len)));
  return frame;
}

/** A full socket holds up the sender. */
function send(fd: number, bytes: Buffer, ms: number): void {
  const at = addressOf(bytes);
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < ms) {
    for (let i = 0; i < BURST; i++) sendto(fd, at, bytes.length, 0, 0, 0);
  }
  process.stdout.write(`${(performance.now() - startedAtMs) / 1_000}`);
}

main(process.argv.slice(2));
