// Multicast DNS (RFC 6762) on one interface, over IPv4 and IPv6.
// Usage: node mdns.mjs answer DEVICE OWN-ADDRESS NAME   answers for NAME until standard input ends
//        node mdns.mjs ask DEVICE OWN-ADDRESS NAME      asks until both families brought an answer
// OWN-ADDRESS is IPv4, and what NAME has. Prints "ready", or at the end one line of JSON: the address
// that each family's answer told, null for none.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , mode, device, own, name] = process.argv;
const PORT = 5353;
const GROUPS = { udp4: '224.0.0.251', udp6: 'ff02::fb' };
const TYPE_A = 1;
const CLASS_IN = 1;
const CACHE_FLUSH = 0x8000;
const TTL_SECONDS = 120;
const ROUNDS = 20;
const ROUND_MS = 250;

const labels = Buffer.concat([
  ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
  Buffer.alloc(1),
]);

function message(flags, questions, answers, body) {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(questions, 4);
  header.writeUInt16BE(answers, 6);
  return Buffer.concat([header, labels, body]);
}

function query() {
  const body = Buffer.alloc(4);
  body.writeUInt16BE(TYPE_A, 0);
  body.writeUInt16BE(CLASS_IN, 2);
  return message(0, 1, 0, body);
}

function response() {
  const body = Buffer.alloc(14);
  body.writeUInt16BE(TYPE_A, 0);
  body.writeUInt16BE(CLASS_IN | CACHE_FLUSH, 2);
  body.writeUInt32BE(TTL_SECONDS, 4);
  body.writeUInt16BE(4, 8);
  Buffer.from(own.split('.').map(Number)).copy(body, 10);
  return message(0x8400, 0, 1, body);
}

const isOfName = (bytes) => bytes.subarray(12, 12 + labels.length).equals(labels);
const isQuery = (bytes) => (bytes.readUInt16BE(2) & 0x8000) === 0;
const told = (bytes) => [...bytes.subarray(12 + labels.length + 10).subarray(0, 4)].join('.');

async function openGroup(family) {
  const socket = createSocket({ type: family, reuseAddr: true });
  socket.bind(PORT);
  await once(socket, 'listening');
  const source = family === 'udp4' ? own : `::%${device}`;
  socket.setMulticastInterface(source);
  socket.addMembership(GROUPS[family], source);
  socket.setMulticastTTL(255);
  socket.setMulticastLoopback(false);
  return socket;
}

const sockets = { udp4: await openGroup('udp4'), udp6: await openGroup('udp6') };
const entries = Object.entries(sockets);
if (mode === 'answer') {
  for (const [family, socket] of entries) {
    socket.on('message', (bytes) => {
      if (isQuery(bytes) && isOfName(bytes)) socket.send(response(), PORT, GROUPS[family]);
    });
  }
  process.stdout.write('ready\n');
  process.stdin.on('end', () => process.exit(0)).resume();
} else {
  const answers = { udp4: null, udp6: null };
  for (const [family, socket] of entries) {
    socket.on('message', (bytes) => {
      if (!isQuery(bytes) && isOfName(bytes)) answers[family] = told(bytes);
    });
  }
  const isDone = () => Object.values(answers).every((answer) => answer !== null);
  for (let round = 0; round < ROUNDS && !isDone(); round++) {
    for (const [family, socket] of entries) socket.send(query(), PORT, GROUPS[family]);
    await sleep(ROUND_MS);
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
  process.exit(0);
}
