/** What an attacker can send: changed, cut and random datagrams. Nothing throws, nothing passes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf } from '../../../dataplane/io/libc.ts';
import { opensslAead } from '../../../dataplane/io/openssl-aead.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { craftFrame } from './frames.ts';
import { connectedHosts, Host, type HostOptions, NOW, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket, udpPayload } from './packets.ts';

/** Forgeries by the thousand want the fast provider; the contract of both is one. */
const FAST: HostOptions = { aead: (memory) => opensslAead(memory, addressOf(memory.bytes)) };
const INNER = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' });
const RANDOM_DATAGRAMS = 20_000;

function receiver(): Host {
  const by = new Host(FAST);
  by.engine.addNetwork(VNI);
  by.engine.setPeer(peerSpec());
  by.engine.installRx(saSpec(), NOW);
  return by;
}

/** A small generator with a fixed seed, so that a failure comes back. @see xorshift32, Marsaglia 2003 */
function randomBytes(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
}

describe('Engine.decap()', () => {
  test('a frame with any one bit flipped is dropped, and the genuine one passes afterwards', () => {
    const by = receiver();
    const frame = craftFrame(INNER);
    let ignored = 0;
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice();
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      const result = by.decap(flipped);
      if (typeof result !== 'number') ignored++;
    }
    expect(ignored).toBe(0);
    expect(by.decap(frame)).toEqual(INNER);
    by.expectAccounted();
  });

  test('a frame cut anywhere is dropped', () => {
    const by = receiver();
    const frame = craftFrame(INNER);
    for (let len = 0; len < frame.length; len++) expect(by.decap(frame.slice(0, len))).toBeTypeOf('number');
    expect(by.decap(frame)).toEqual(INNER);
    by.expectAccounted();
  });

  test('a frame with anything behind it is dropped', () => {
    const by = receiver();
    const frame = craftFrame(INNER);
    for (let extra = 1; extra < 64; extra++) {
      expect(by.decap(Uint8Array.of(...frame, ...new Uint8Array(extra)))).toBe(DropCode.rxAuthFailed);
    }
    by.expectAccounted();
  });

  test(`${RANDOM_DATAGRAMS} random datagrams: no throw, no delivery`, () => {
    const by = receiver();
    const next = randomBytes(0x1234_5678);
    for (let i = 0; i < RANDOM_DATAGRAMS; i++) {
      const datagram = Uint8Array.from({ length: next() % 120 }, next);
      // Half of them get past the first stages: right version, VNI and sometimes options.
      if ((i & 1) === 0 && datagram.length > 8) datagram.set([next() & 0x0f, 0x40, 8, 0, 0, 0, VNI, 0]);
      if ((i & 3) === 0 && datagram.length > 32) datagram.set(craftFrame(INNER).subarray(0, 32));
      expect(by.decap(datagram)).toBeTypeOf('number');
    }
    expect(by.dropped(DropCode.rxAuthFailed)).toBeGreaterThan(1_000);
    expect(by.dropped(DropCode.rxMissingOption)).toBeGreaterThan(100);
    expect(by.decap(craftFrame(INNER))).toEqual(INNER);
    by.expectAccounted();
  });

  test('an authenticated peer may send any inner bytes: no throw, only its own sources pass', () => {
    const { a, b } = connectedHosts(FAST);
    let counter = 0n;
    const type = fc.constantFrom(0x0800, 0x86dd, 0x6558, 0x0806);
    const start = fc.constantFrom(0x45, 0x4f, 0x40, 0x60, 0x6f, 0x00);
    fc.assert(
      fc.property(type, start, fc.uint8Array({ maxLength: 90 }), (protocol, first, inner) => {
        if (inner.length > 0) inner[0] = first;
        counter++;
        expect(b.decap(craftFrame(inner, { type: protocol, counter }))).toBeTypeOf('number');
      }),
      { numRuns: 2_000 },
    );
    expect(b.dropped(DropCode.rxInnerMalformed)).toBeGreaterThan(500);
    b.expectAccounted();
    a.expectAccounted();
  });

  test('a captured frame sent back to its sender is dropped', () => {
    const { a } = connectedHosts(FAST);
    const frame = a.encap(ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' }));
    expect(a.decap(frame as Uint8Array)).toBe(DropCode.rxUnknownSpi);
  });
});

describe('Engine.encap()', () => {
  test('any bytes from the port: no throw, and a frame only for whole packets', () => {
    const { a } = connectedHosts(FAST);
    const whole = ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(whole.length), (bytes, kept) => {
        const packet = Uint8Array.of(...whole.subarray(0, kept), ...bytes);
        const complete = kept === whole.length;
        expect(a.encap(packet) instanceof Uint8Array).toBe(complete || startsWithPacket(packet, whole));
      }),
      { numRuns: 1_000 },
    );
    a.expectAccounted();
  });

  test('ports are not read from what lies behind a cut transport header', () => {
    const { a } = connectedHosts(FAST);
    const payload = udpPayload(6082, 6082).slice(0, 6);
    expect(a.encap(ipPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload }))).toBeInstanceOf(Uint8Array);
  });
});

/** Whether random bytes happened to complete the packet that was cut. */
function startsWithPacket(bytes: Uint8Array, whole: Uint8Array): boolean {
  return bytes.length >= whole.length && whole.subarray(0, 20).every((byte, i) => bytes[i] === byte);
}
