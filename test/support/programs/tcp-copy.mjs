// Sends pseudo-random bytes over one TCP connection; both ends print their number and SHA-256.
// Usage: node tcp-copy.mjs serve ADDRESS PORT      prints "ready" first
//        node tcp-copy.mjs send ADDRESS PORT BYTES
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const [, , mode, address, port, bytes] = process.argv;
const CHUNK_LEN = 128 * 1024;
const hash = createHash('sha256');
let count = 0;

function report(startedAtMs) {
  const seconds = (performance.now() - startedAtMs) / 1000;
  process.stdout.write(`${JSON.stringify({ bytes: count, sha256: hash.digest('hex'), seconds })}\n`);
}

if (mode === 'serve') {
  const server = createServer((socket) => {
    const startedAtMs = performance.now();
    socket.on('data', (chunk) => {
      hash.update(chunk);
      count += chunk.length;
    });
    const finish = () => {
      report(startedAtMs);
      process.exit(0);
    };
    socket.on('end', finish).on('error', finish);
  });
  server.listen(Number(port), address, () => process.stdout.write('ready\n'));
} else {
  // A key stream has no repetition that would hide a misplaced segment.
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_LEN);
  const socket = connect(Number(port), address);
  await once(socket, 'connect');
  const startedAtMs = performance.now();
  while (count < Number(bytes)) {
    const chunk = stream.update(zeros.subarray(0, Math.min(CHUNK_LEN, Number(bytes) - count)));
    hash.update(chunk);
    count += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'close');
  report(startedAtMs);
  process.exit(0);
}
