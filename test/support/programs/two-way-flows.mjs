// Numbered datagrams both ways on each of several flows, the same ports at both ends, until
// standard input ends. Prints "ready", at the end one line of JSON: for each flow what came.
// Usage: node two-way-flows.mjs DIST OWN-ADDRESS PEER-ADDRESS FIRST-PORT FLOWS PPS LENGTH STEP-LEN
// Flow number i has datagrams of LENGTH + i STEP-LEN bytes.
import { setImmediate as nextTurn } from 'node:timers/promises';
import koffi from 'koffi';

const [, , dist, own, peer, firstPort, flowCount, pps, length, stepLen] = process.argv;
const { SequenceTally } = await import(`${dist}/cli/demo/probe-udp.js`);
const { parseEndpoint, writeSockaddr } = await import(`${dist}/dataplane/wire/endpoint.js`);
const libc = koffi.load('libc.so.6');
const openSocket = libc.func('int socket(int, int, int)');
const bind = libc.func('int bind(int, void *, int)');
const connect = libc.func('int connect(int, void *, int)');
const setsockopt = libc.func('int setsockopt(int, int, int, void *, int)');
const send = libc.func('int64_t send(int, void *, int64_t, int)');
const recv = libc.func('int64_t recv(int, void *, int64_t, int)');
const poll = libc.func('int poll(void *, int, int)');

const FAMILY = own.includes(':') ? 10 : 2;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const SOL_SOCKET = 1;
const BUFFERS = [32, 33]; // SO_SNDBUFFORCE, SO_RCVBUFFORCE
const DRAIN_MS = 500;
/** Behind by more than this, the rest is skipped, not burst out. */
const MAX_BURST_MS = 20;

function attach(fd, call, address, port) {
  const sockaddr = Buffer.alloc(28);
  const words = parseEndpoint({ address, port });
  const len = writeSockaddr(new DataView(sockaddr.buffer, sockaddr.byteOffset), 0, words, FAMILY);
  if (call(fd, sockaddr, len) < 0) throw new Error(`attach to ${address} port ${port}: errno ${koffi.errno()}`);
}

function openFlow(port) {
  const fd = openSocket(FAMILY, SOCK_DGRAM_NONBLOCK, 0);
  const size = Buffer.alloc(4);
  size.writeInt32LE(16 << 20);
  for (const option of BUFFERS) setsockopt(fd, SOL_SOCKET, option, size, 4);
  attach(fd, bind, own, port);
  attach(fd, connect, peer, port);
  return { fd, sent: 0, tally: new SequenceTally() };
}

const flows = Array.from({ length: Number(flowCount) }, (_, i) => openFlow(Number(firstPort) + i));
const pollfds = Buffer.alloc(8 * flows.length);
flows.forEach(({ fd }, i) => {
  pollfds.writeInt32LE(fd, i * 8);
  pollfds.writeInt16LE(1, i * 8 + 4);
});
const datagrams = flows.map((_, i) => Buffer.alloc(Number(length) + Number(stepLen) * i));
const incoming = Buffer.alloc(65535);
const intervalMs = 1000 / Number(pps);
let stopAtMs = Number.POSITIVE_INFINITY;
let sending = true;
process.stdin
  .on('end', () => {
    sending = false;
    stopAtMs = performance.now() + DRAIN_MS;
  })
  .on('error', () => {})
  .resume();
process.stdout.write('ready\n');

let dueAtMs = performance.now();
while (performance.now() < stopAtMs) {
  const nowMs = performance.now();
  dueAtMs = Math.max(dueAtMs, nowMs - MAX_BURST_MS);
  // Several of one flow in a row, as programs send them: what a hop between queues would reorder.
  const due = Math.max(0, Math.floor((nowMs - dueAtMs) / intervalMs));
  dueAtMs += due * intervalMs;
  for (const [index, flow] of flows.entries()) {
    const datagram = datagrams[index];
    for (let i = 0; sending && i < due; i++) {
      datagram.writeUInt32BE(flow.sent, 0);
      if (Number(send(flow.fd, datagram, datagram.length, 0)) > 0) flow.sent++;
    }
    while (Number(recv(flow.fd, incoming, incoming.length, 0)) >= 4) {
      flow.tally.add(incoming.readUInt32BE(0), nowMs);
    }
  }
  poll(pollfds, flows.length, 1);
  await nextTurn();
}
const results = flows.map(({ sent, tally }) => ({ sent, ...tally.result() }));
process.stdout.write(`${JSON.stringify(results)}\n`);
process.exit(0);
