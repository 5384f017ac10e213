// A station of a Layer 2 network on a Unix datagram socket, one frame a datagram, as a virtual machine is.
// Usage: node unix-station.mjs PATH REMOTE MAC echo                           returns frames sent to MAC
//        node unix-station.mjs PATH REMOTE MAC ask DESTINATION COUNT          sends COUNT numbers, expects them back
//        node unix-station.mjs PATH REMOTE MAC spray DESTINATION COUNT SOURCES  sends from SOURCES other addresses
// Prints "ready" once MAC was announced. Echo ends with standard input, the others by themselves, each
// with one line of JSON.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

const [, , path, remote, mac, mode, destination, count, sources] = process.argv;
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, void *, int)');
const sendto = libc.func('int64_t sendto(int, void *, int64_t, int, void *, int)');
const recv = libc.func('int64_t recv(int, void *, int64_t, int)');
const poll = libc.func('int poll(void *, int, int)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
/** EINTR, EAGAIN, ENOBUFS */
const PASSING = [4, 11, 105];
/** Local experimental EtherType 1. */
const ETHERTYPE = 0x88b5;
const MIN_LEN = 60;
const MAX_LEN = 1_300;
const ANSWER_MS = 2_000;
/** Frames between looks at what comes in. */
const BATCH = 64;

function sockaddr(text) {
  const bytes = Buffer.alloc(110); // struct sockaddr_un
  bytes.writeUInt16LE(AF_UNIX, 0);
  bytes.write(text, 2);
  return bytes;
}

const macBytes = (text) => Buffer.from(text.replaceAll(':', ''), 'hex');
const own = macBytes(mac);
const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
rmSync(path, { force: true });
const local = sockaddr(path);
if (bind(fd, local, local.length) < 0) throw new Error(`bind ${path}: errno ${koffi.errno()}`);
const peer = sockaddr(remote);
const incoming = Buffer.alloc(65_600);
const pollfd = Buffer.alloc(8);
pollfd.writeInt32LE(fd, 0);
pollfd.writeInt16LE(1, 4);

/** Waits while the other end's queue is full. */
async function send(frame, len = frame.length) {
  while (Number(sendto(fd, frame, len, 0, peer, peer.length)) < 0) {
    const reason = koffi.errno();
    if (!PASSING.includes(reason)) throw new Error(`send to ${remote}: errno ${reason}`);
    await nextTurn();
  }
}

/** Length of the next frame sent to our own address, 0 for none. */
function receive() {
  for (;;) {
    const len = Number(recv(fd, incoming, incoming.length, MSG_DONTWAIT));
    if (len < 0) return 0;
    if (len >= MIN_LEN && incoming.subarray(0, 6).equals(own)) return len;
  }
}

function frameTo(target, source, number, len) {
  const frame = Buffer.alloc(len, number & 0xff);
  target.copy(frame, 0);
  source.copy(frame, 6);
  frame.writeUInt16BE(ETHERTYPE, 12);
  frame.writeUInt32BE(number, 14);
  return frame;
}

/** A broadcast that teaches the others where we are. */
async function announce() {
  await send(frameTo(Buffer.alloc(6, 0xff), own, 0, MIN_LEN));
  process.stdout.write('ready\n');
}

/** Returns what comes, until standard input ends. */
async function echo() {
  let open = true;
  let echoed = 0;
  process.stdin
    .on('end', () => {
      open = false;
    })
    .resume();
  while (open) {
    poll(pollfd, 1, 5);
    for (let len = receive(); len > 0; len = receive()) {
      incoming.copy(incoming, 0, 6, 12);
      own.copy(incoming, 6);
      await send(incoming, len);
      echoed++;
    }
    await nextTurn();
  }
  return { echoed };
}

/** Frames of all lengths, one after the other; those that come back intact count. */
async function ask() {
  let received = 0;
  for (let number = 0; number < Number(count); number++) {
    const frame = frameTo(macBytes(destination), own, number, MIN_LEN + ((number * 37) % (MAX_LEN - MIN_LEN)));
    await send(frame);
    const endAtMs = performance.now() + ANSWER_MS;
    while (performance.now() < endAtMs) {
      poll(pollfd, 1, 5);
      const len = receive();
      if (len !== frame.length || !incoming.subarray(12, len).equals(frame.subarray(12))) continue;
      received++;
      break;
    }
  }
  return { sent: Number(count), received };
}

/** Frames from as many unicast addresses as there are frames, each of a locally administered kind. */
async function spray() {
  const frame = frameTo(macBytes(destination), own, 0, MIN_LEN);
  const prefix = randomBytes(1)[0];
  const startedAtMs = performance.now();
  for (let number = 0; number < Number(count); number++) {
    frame.writeUInt16BE(0x0600 | prefix, 6);
    frame.writeUInt32BE(number % Number(sources), 8);
    await send(frame);
    if (number % BATCH === 0) receive();
  }
  return { sent: Number(count), seconds: (performance.now() - startedAtMs) / 1_000 };
}

while (true) {
  try {
    await announce();
    break;
  } catch {
    // Nobody has that path yet.
    await sleep(50);
  }
}
const run = { echo, ask, spray }[mode];
process.stdout.write(`${JSON.stringify(await run())}\n`);
process.exit(0);
