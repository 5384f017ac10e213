/** The WebAssembly code does, byte for byte, what its TypeScript twin does; neither leaves its buffers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrival, packetsOf, superPacket } from '../../support/offload-arbitraries.ts';
import { OffloadRig, PLACES_LEN, type Written } from '../../support/offload-rig.ts';
import { cut, VIRTIO_LEN } from '../../support/super-packets.ts';
import { isIntact, payloadOf, upperOf } from '../../support/transport-packets.ts';

const plain = new OffloadRig('TypeScript');
const wasm = new OffloadRig('WebAssembly');

const packetArea = (rig: OffloadRig) => rig.bytes.subarray(rig.packetAt - 1_024, rig.packetAt + 70_000);

/** As toEqual, which takes its time over bytes. */
function expectSame(a: readonly Uint8Array[] | null, b: readonly Uint8Array[] | null): void {
  const isSame =
    a?.length === b?.length &&
    (a ?? []).every((one, i) => Buffer.compare(one, b?.[i] ?? new Uint8Array()) === 0);
  if (!isSame) expect(a).toEqual(b);
}

test('segmenters agree on whole and broken super-packets', () => {
  let cuts = 0;
  fc.assert(
    fc.property(superPacket, (read) => {
      const segments = plain.cut(read);
      expectSame(wasm.cut(read), segments);
      expectSame([packetArea(wasm)], [packetArea(plain)]);
      expect(plain.isCutTidy(read)).toBe(true);
      if (segments !== null && segments.length > 1) cuts++;
    }),
    { numRuns: 3_000 },
  );
  // Else the sample would say nothing.
  expect(cuts).toBeGreaterThan(500);
});

test('segmenters agree on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 300 }), fc.nat({ max: 5 }), (read, type) => {
      read[1] = type;
      read[10] = ((read[10] ?? 0) & 0x0f) | (type % 2 === 0 ? 0x40 : 0x60);
      expectSame(wasm.cut(read), plain.cut(read));
      expect(plain.isCutTidy(read) && wasm.isCutTidy(read)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

const arrivals = fc.array(arrival, { minLength: 20, maxLength: 60 });

test('coalescers agree, and what they join comes apart as it came', () => {
  let joined = 0;
  fc.assert(
    fc.property(arrivals, (list) => {
      const packets = packetsOf(list);
      const run = (rig: OffloadRig): Written[] => [
        ...packets.flatMap((packet, i) => {
          if (list[i]?.isSpoiled) rig.spoil(packet.length);
          return rig.add(packet);
        }),
        ...rig.flush(),
      ];
      const written = run(plain);
      const twin = run(wasm);
      expectSame(
        twin.map(({ bytes }) => bytes),
        written.map(({ bytes }) => bytes),
      );
      expect(twin.map(withoutBytes)).toEqual(written.map(withoutBytes));
      joined += written.filter((one) => one.packets > 1).length;
      expectSameFlows(packets, written);
      expect(written.reduce((sum, one) => sum + one.packets, 0)).toBe(packets.length);
    }),
    { numRuns: 500 },
  );
  expect(joined).toBeGreaterThan(300);
  expectUntouched(plain);
  expectUntouched(wasm);
});

function withoutBytes({ packets, sumOfLens, context }: Written) {
  return { packets, sumOfLens, context };
}

/** In each flow, the same packets in the same order, whatever the order of flows. */
function expectSameFlows(packets: readonly Uint8Array[], written: readonly Written[]): void {
  const given = written.flatMap(({ bytes }) => cut(bytes));
  const flows = (list: readonly Uint8Array[]) => {
    const byFlow = new Map<string, string[]>();
    for (const packet of list) {
      const key = flowOf(packet);
      byFlow.set(key, [...(byFlow.get(key) ?? []), contentOf(packet)]);
    }
    return byFlow;
  };
  expect(flows(given)).toEqual(flows(packets));
}

function flowOf(packet: Uint8Array): string {
  const { at, isV6 } = upperOf(packet);
  return `${packet.slice(isV6 ? 8 : 12, isV6 ? 40 : 20).join('.')} ${packet.slice(at, at + 4).join('.')}`;
}

/** All of a packet but the id of an atomic IPv4 datagram, which may change (RFC 6864). */
function contentOf(packet: Uint8Array): string {
  if (!isIntact(packet)) return `broken ${Buffer.from(packet).toString('hex')}`;
  const copy = packet.slice();
  const isAtomic = (copy[0] ?? 0) >> 4 === 4 && ((copy[6] ?? 0) & 0x40) !== 0;
  if (isAtomic) {
    copy.fill(0, 4, 6);
    copy.fill(0, 10, 12);
  }
  return `${payloadOf(copy).length} ${Buffer.from(copy).toString('hex')}`;
}

/** Nothing but the places was written to: poison lies before and behind them. */
function expectUntouched(rig: OffloadRig): void {
  expect(rig.isPoison(rig.placesAt - 65_536, rig.placesAt)).toBe(true);
  expect(rig.isPoison(rig.placesAt + PLACES_LEN, rig.bytes.length)).toBe(true);
}

test('super-packets of the kernel’s sizes come out of segmenter and coalescer as they went in', () => {
  fc.assert(
    fc.property(superPacket, (read) => {
      const segments = wasm.cut(read);
      if (segments === null || segments.length < 2 || !segments.every(isIntact)) return;
      const written = wasm.join(segments);
      const out = written.flatMap(({ bytes }) => cut(bytes));
      expect(out.map(contentOf)).toEqual(segments.map(contentOf));
      expect(written[0]?.bytes.length).toBeGreaterThan(VIRTIO_LEN);
    }),
    { numRuns: 500 },
  );
});
