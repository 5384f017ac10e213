/** What a relay does when the host has no more to give, and how it is set up. */
import koffi from 'koffi';
import { afterEach, describe, expect, test } from 'vitest';
import { descriptorLimit } from '../../../dataplane/io/descriptor-limit.ts';
import { DenyList } from '../../../dataplane/relay/deny-list.ts';
import { sessionLimits } from '../../../dataplane/worker/relay-options.ts';
import { RelayTarget } from '../../../dataplane/worker/relay-target.ts';
import { fragment, udpPacket } from '../relay/packets.ts';
import { GUEST_4, RelayRig } from './relay-rig.ts';

const OPTIONS = { denyList: new DenyList(), addresses: { v4: null, v6: null }, resolver: null };
const SPARE = 256;

const RLIMIT_NOFILE = 7;
const libc = koffi.load('libc.so.6');
const getrlimit = libc.func('getrlimit', 'int', ['int', 'void *']);
const setrlimit = libc.func('setrlimit', 'int', ['int', 'void *']);

/** Not by a program: without descriptors none can be started, to raise it again. */
function setSoftLimit(limit: number): void {
  const limits = Buffer.alloc(16);
  expect(getrlimit(RLIMIT_NOFILE, limits)).toBe(0);
  limits.writeBigUInt64LE(BigInt(limit), 0);
  expect(setrlimit(RLIMIT_NOFILE, limits)).toBe(0);
}

const rigs: RelayRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
});

function datagram(fromPort: number, to = '127.0.0.1'): Buffer {
  return udpPacket({ from: GUEST_4, fromPort, to, toPort: 9, data: Buffer.alloc(1) });
}

describe('sessionLimits()', () => {
  test('leaves the process some descriptors, and other relays their part', () => {
    const most = descriptorLimit() - SPARE;
    const wanted = { ...OPTIONS, sessions: { maxSessions: 2 ** 29 } };
    expect(sessionLimits(wanted).maxSessions).toBe(most);
    expect(sessionLimits({ ...wanted, shares: 3 }).maxSessions).toBe(Math.floor(most / 3));
    expect(sessionLimits({ ...wanted, shares: 2 ** 30 }).maxSessions).toBe(1);
    expect(sessionLimits({ ...OPTIONS, sessions: { maxSessions: 5 } })).toEqual({
      maxSessions: 5,
      maxPerGuest: 1_024,
      idleMs: 60_000,
      busyMs: 1_000,
    });
  });
});

describe('RelaySource', () => {
  test('counts what gets no descriptor, and goes on when there are some again', () => {
    const rig = new RelayRig();
    rigs.push(rig);
    const before = descriptorLimit();
    // Of descriptors below it, what is free.
    setSoftLimit(100);
    try {
      for (let port = 1; port <= 200; port++) rig.accept(datagram(port));
    } finally {
      setSoftLimit(before);
    }
    const { opened, dropped } = rig.relay.counters();
    expect(dropped.noSocket).toBeGreaterThanOrEqual(100);
    expect(opened + dropped.noSocket).toBe(200);
    expect(rig.relay.size).toBe(opened);
    expect(rig.guest.packets).toEqual([]);
    rig.accept(datagram(999));
    expect(rig.relay.size).toBe(opened + 1);
  });

  test('removeGuest() forgets what the guest sent in part', () => {
    const rig = new RelayRig({ reassembly: { maxPerGuest: 1 } });
    rigs.push(rig);
    const piece = (id: number) => fragment(datagram(1), Buffer.alloc(16), 0, true, id);
    rig.accept(piece(1));
    rig.accept(piece(2));
    expect(rig.relay.counters().dropped.reassemblyFull).toBe(1);
    rig.relay.removeGuest(1);
    rig.accept(piece(2));
    expect(rig.relay.counters().dropped.reassemblyFull).toBe(1);
    rig.nowMs += 30_000;
    rig.relay.sweep(rig.nowMs);
    expect(rig.relay.counters().dropped.reassemblyTimeout).toBe(1);
  });

  test('refuses fragments of what is not UDP', () => {
    const rig = new RelayRig();
    rigs.push(rig);
    const tcp = datagram(1);
    tcp[9] = 6;
    rig.accept(fragment(tcp, Buffer.alloc(16), 0, true, 1));
    rig.accept(fragment(tcp, Buffer.alloc(16), 16, true, 1));
    expect(rig.relay.counters().dropped.protocol).toBe(2);
    // Of a later one nobody is told.
    expect(rig.guest.packets.map((packet) => [...packet.subarray(20, 22)])).toEqual([[3, 2]]);
  });

  test('throws for addresses that are none', () => {
    expect(() => new RelayRig({ addresses: { v4: 'fd77::1', v6: null } })).toThrow(RangeError);
    expect(() => new RelayRig({ addresses: { v4: null, v6: '10.0.0.1' } })).toThrow(RangeError);
    expect(() => new RelayRig({ resolver: { address: 'x', port: 53 } })).toThrow(RangeError);
  });
});

test.each([
  { address: 'localhost', port: 53 },
  { address: '127.0.0.1', port: 0 },
  { address: '127.0.0.1', port: 65_536 },
  { address: '127.0.0.1', port: 5.5 },
])('RelayTarget refuses %o', (endpoint) => {
  expect(() => new RelayTarget(endpoint)).toThrow(/resolver/);
});
