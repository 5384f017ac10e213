// Pings until the first answer, an echo every 20 ms, and prints when it came (Unix time in ms).
// Usage: node first-ping.mjs DIST ADDRESS TIMEOUT-MS
import { setTimeout as sleep } from 'node:timers/promises';

const [, , dist, address, timeoutMs] = process.argv;
const { IcmpEcho } = await import(`${dist}/dataplane/io/icmp-echo.js`);
process.stdout.write('ready\n');
const endAtMs = performance.now() + Number(timeoutMs);
let echo = null;
while (performance.now() < endAtMs) {
  try {
    echo ??= new IcmpEcho(address);
    if ((await echo.ping({ timeoutMs: 20 })) !== null) {
      process.stdout.write(`${Date.now()}\n`);
      process.exit(0);
    }
  } catch {
    // No route yet.
    await sleep(20);
  }
}
process.stdout.write('none\n');
process.exit(1);
