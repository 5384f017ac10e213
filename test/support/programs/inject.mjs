// Sends what comes on standard input, each piece behind its length (32 bits, little endian).
// Usage: node inject.mjs raw INTERFACE PPS            whole Ethernet frames
//        node inject.mjs udp SOURCE PORT DESTINATION PORT PPS   UDP payloads; source port 0 is any
// PPS 0 is as fast as it goes. Prints the number sent.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

const [, , mode, ...rest] = process.argv;

function rawSender(device) {
  const libc = koffi.load('libc.so.6');
  const fd = libc.func('int socket(int, int, int)')(17, 3, 0);
  const sendto = libc.func('int64_t sendto(int, void *, int64_t, int, void *, int)');
  const address = Buffer.alloc(20); // struct sockaddr_ll
  address.writeUInt16LE(17, 0);
  address.writeInt32LE(Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')), 4);
  return async (frame) => {
    if (Number(sendto(fd, frame, frame.length, 0, address, address.length)) < 0) {
      throw new Error(`send frame of ${frame.length} bytes: errno ${koffi.errno()}`);
    }
  };
}

async function udpSender(source, sourcePort, destination, port) {
  const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {}); // ICMP errors about what was sent
  await new Promise((resolve) => socket.bind(Number(sourcePort), source, resolve));
  return (payload) =>
    new Promise((resolve, reject) => {
      socket.send(payload, Number(port), destination, (error) => {
        if (error && error.code !== 'ECONNREFUSED') reject(error);
        else resolve();
      });
    });
}

const send = mode === 'raw' ? rawSender(rest[0]) : await udpSender(...rest);
const pps = Number(rest.at(-1));
const input = readFileSync(0);
const startedAtMs = performance.now();
let sent = 0;
for (let at = 0; at + 4 <= input.length; ) {
  const len = input.readUInt32LE(at);
  await send(input.subarray(at + 4, at + 4 + len));
  sent++;
  at += 4 + len;
  const aheadMs = pps === 0 ? 0 : (sent * 1000) / pps - (performance.now() - startedAtMs);
  if (aheadMs > 1) await sleep(aheadMs);
}
process.stdout.write(`${sent}\n`);
process.exit(0);
