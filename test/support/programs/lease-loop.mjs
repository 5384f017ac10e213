// Reserves and releases addresses of a directory of leases until it is killed.
// Usage: node lease-loop.mjs DIST DIR BOOT CONTAINER. Prints "+" when it holds one, "LOST …" when it no longer does.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , dist, dir, bootId, containerId] = process.argv;
const { LeaseStore } = await import(pathToFileURL(join(dist, 'cni/ipam/lease-store.js')).href);
const store = new LeaseStore(dir, bootId);
const owner = { containerId, ifname: 'eth0', netns: '' };
// Few, so that processes meet; more than processes, of which those that are gone keep one each.
const addresses = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'];

for (;;) {
  store.sweep();
  for (const lease of store.list()) {
    if (lease.containerId === containerId || lease.containerId === 'gone') store.release(lease);
  }
  const lease = store.reserve(addresses, owner);
  if (lease === null) continue;
  writeSync(1, '+\n');
  for (let look = 0; look < 20; look++) {
    const found = store.find(lease.address);
    if (found?.token !== lease.token) writeSync(1, `LOST ${JSON.stringify({ lease, found })}\n`);
  }
  store.setLast(0, lease.address);
  // A container that all others take for collectable, so that they release its lease at once.
  store.reserve(addresses, { containerId: 'gone', ifname: 'eth0', netns: '' });
}
