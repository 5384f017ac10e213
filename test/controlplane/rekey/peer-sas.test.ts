import { describe, expect, test } from 'vitest';
import { PeerSas } from '../../../controlplane/rekey/peer-sas.ts';
import { Role, SpiAllocator } from '../../../controlplane/rekey/spi.ts';
import { type SaSpec, Suite } from '../../../dataplane/contract.ts';
import { SimClock, settle } from '../simulation/sim-clock.ts';
import { SimDataPlane } from '../simulation/sim-data-plane.ts';

const MASTER_KEYS = { mk0: new Uint8Array(32).fill(1), mk1: new Uint8Array(32).fill(2) };
const REQUEST = { role: Role.initiator, masterKeyIndex: 0 } as const;

function sas(suite: Suite = Suite.aes128Gcm, queues = 1) {
  const clock = new SimClock();
  const plane = new SimDataPlane(clock, queues);
  plane.delayMs = 0;
  const spis = new SpiAllocator();
  const options = { slot: 4, vni: 7, suite, lifetimeMs: 3_600_000, dataPlane: plane, spis, clock };
  return { clock, plane, spis, sas: new PeerSas(options) };
}

describe('PeerSas', () => {
  test.each([
    [Suite.aes128Gcm, 16],
    [Suite.aes256Gcm, 32],
  ])('installs what the data plane needs to know, suite %i', async (suite, keyBytes) => {
    const { plane, sas: subject } = sas(suite);
    const seen: SaSpec[] = [];
    plane.installRx = async (specs) => {
      seen.push(...specs.map((spec) => ({ ...spec, key: spec.key.slice() })));
    };
    await subject.installRx(MASTER_KEYS, [11, 12]);
    expect(seen).toMatchObject([
      { slot: 4, vni: 7, lane: 0, spi: 11, suite, lifetimeMs: 3_600_000 },
      { slot: 4, vni: 7, lane: 1, spi: 12, suite, lifetimeMs: 3_600_000 },
    ]);
    expect(seen.map(({ key }) => key.length)).toEqual([keyBytes, keyBytes]);
    expect(seen[0]?.key).not.toEqual(seen[1]?.key);
  });

  test.each([
    ['an install', () => Promise.resolve()],
    ['an install that failed', () => Promise.reject(new Error('no'))],
  ])('overwrites keys after %s', async (_, outcome) => {
    const { plane, sas: subject } = sas();
    const keys: Uint8Array[] = [];
    plane.installRx = (specs) => {
      keys.push(...specs.map(({ key }) => key));
      return outcome();
    };
    await subject.installRx(MASTER_KEYS, [11]).catch(() => {});
    expect(keys).toEqual([new Uint8Array(16)]);
  });

  test('does not mind keys that moved to another thread', async () => {
    const { plane, sas: subject } = sas();
    plane.installRx = async (specs) => {
      for (const { key } of specs) structuredClone(key, { transfer: [key.buffer as ArrayBuffer] });
    };
    await expect(subject.installRx(MASTER_KEYS, [11])).resolves.toBeUndefined();
  });

  test('gives SPIs back when no SA has them any more, not before', async () => {
    const { clock, spis, sas: subject } = sas();
    const released: number[] = [];
    spis.release = (spi) => released.push(spi);
    for (const spi of [11, 12]) {
      subject.announce([spi]);
      subject.retireOlder([spi]);
    }
    await clock.advance(30_000);
    expect(released).toEqual([]);
    await clock.advance(1_000);
    expect(released).toEqual([11]);
  });

  test('allocate() spreads SPIs over all queues', () => {
    const { sas: subject } = sas(Suite.aes128Gcm, 3);
    expect(subject.lanes).toBe(3);
    expect(subject.allocate(REQUEST, 4).map((spi) => (spi & 0x3fffffff) % 3)).toEqual([0, 1, 2, 0]);
  });

  test('allocate() steers every SPI to the only queue that serves the network', () => {
    const { plane, sas: subject } = sas(Suite.aes128Gcm, 3);
    plane.queueOf.set(7, 2);
    expect(subject.lanes).toBe(1);
    for (let generation = 0; generation < 5; generation++) {
      const spis = subject.allocate(REQUEST, 4);
      expect(spis.map((spi) => (spi & 0x3fffffff) % 3)).toEqual([2, 2, 2, 2]);
      expect(new Set(spis).size).toBe(4);
    }
  });

  test('remove() forgets SAs in their grace too', async () => {
    const { clock, plane, spis, sas: subject } = sas();
    const own = subject.allocate(REQUEST, 2);
    for (const spi of own) {
      await during(clock, subject.installRx(MASTER_KEYS, [spi]));
      subject.announce([spi]);
      subject.retireOlder([spi]);
    }
    expect(plane.rx.size).toBe(2);
    const released: number[] = [];
    spis.release = (spi) => released.push(spi);
    await during(clock, subject.remove());
    expect(plane.rx.size).toBe(0);
    expect(released.sort()).toEqual([...own].sort());
    expect(clock.pending).toBe(0);
  });

  test('bounds what a peer that rekeys without a pause makes it keep', async () => {
    const { clock, plane, sas: subject } = sas();
    const kept: number[] = [];
    for (let spi = 1; spi <= 200; spi++) {
      await during(clock, subject.installRx(MASTER_KEYS, [spi]));
      subject.announce([spi]);
      subject.retireOlder([spi]);
      await clock.advance(10);
      kept.push(plane.rx.size);
    }
    expect(Math.max(...kept)).toBeLessThanOrEqual(20);
    expect(plane.rx.has(200) && plane.rx.has(190)).toBe(true);
    expect(clock.pending).toBeLessThanOrEqual(20);
  });
});

async function during(clock: SimClock, work: Promise<unknown>): Promise<void> {
  await clock.advance(10);
  await settle();
  await clock.advance(10);
  await work;
}
