// What guests of a relay find outside, at two addresses of each IP version.
// Usage: node relay-outside.mjs ADDRESS4 ADDRESS6 OTHER4 OTHER6
//   port 7000  returns what it gets
//   port 7001  returns it from the other address of the host, and from another port of the same
//   port 53    returns a question with the bit that makes it an answer
// Prints "ready". Ends with standard input.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const ECHO = 7_000;
const SPOOFING = 7_001;
const DNS = 53;
const DNS_ANSWER = 0x80;
const BUFFER_LEN = 4 << 20;

async function open(address, port) {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket({ type, recvBufferSize: BUFFER_LEN, sendBufferSize: BUFFER_LEN });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

const [, , ...addresses] = process.argv;
for (const [index, address] of addresses.slice(0, 2).entries()) {
  const echo = await open(address, ECHO);
  echo.on('message', (data, { port, address: to }) => echo.send(data, port, to));
  const dns = await open(address, DNS);
  dns.on('message', (data, { port, address: to }) => {
    data[2] |= DNS_ANSWER;
    dns.send(data, port, to);
  });
  const others = [await open(addresses[index + 2], SPOOFING), await open(address, 0)];
  const spoofed = await open(address, SPOOFING);
  spoofed.on('message', (data, { port, address: to }) => {
    for (const other of others) other.send(data, port, to);
  });
}
process.stdout.write('ready\n');
process.stdin.resume().on('end', () => process.exit(0));
