// Reserves and releases addresses of a directory of leases until it is killed.
// Usage: node lease-loop.mjs DIST DIR BOOT CONTAINER. Prints "+" when it holds one, "LOST …" when it no longer does.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , dist, dir, bootId, containerId] = process.argv;
const { LeaseStore } = await import(pathToFileURL(join(dist, 'cni/ipam/lease-store.js')).href);
const store = new LeaseStore(dir, bootId);
const owner = { containerId, ifname: 'eth0', netns: '' };
// Fewer than processes hold at times, so that they meet.
const addresses = ['10.0.0.2', '10.0.0.3', '10.0.0.4'];

for (;;) {
  store.sweep();
  for (const lease of store.list()) if (lease.containerId === containerId) store.release(lease);
  const lease = store.reserve(addresses, owner);
  if (lease === null) continue;
  writeSync(1, '+\n');
  for (let look = 0; look < 5; look++) {
    const found = store.find(lease.address);
    if (found?.token !== lease.token) writeSync(1, `LOST ${JSON.stringify({ lease, found })}\n`);
  }
  store.setLast(0, lease.address);
}
