/**
 * The engine allocates nothing per packet. What its AEAD allocates is measured apart, under the
 * very same calls, and taken off: V8 boxes the pointers that go to OpenSSL.
 */
import { expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { opensslAead } from '../../../dataplane/io/openssl-aead.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { KEY_A, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const CALLS = 50_000;
const At = { source: 64, packet: 4_096, frame: 16_384, opened: 32_768 } as const;

const arena = new Arena(65_536);

function engine(): Engine {
  const made = new Engine({
    memory: arena,
    aead: opensslAead(arena, arena.base),
    counters: new CounterBlock(CounterBlock.allocate(4), 4),
    flowHashKey: new Uint8Array(16),
    controlPort: 6082,
  });
  made.addNetwork(VNI);
  return made;
}

const OUT_ROUTES = [
  { dst: '10.77.0.2/32', src: '0.0.0.0/0' },
  { dst: 'fd77::2/128', src: '::/0' },
];
const IN_ROUTES = [
  { dst: '10.77.0.1/32', src: '0.0.0.0/0' },
  { dst: 'fd77::1/128', src: '::/0' },
];

function pair(validateSource: boolean): { tx: Engine; rx: Engine } {
  const tx = engine();
  const rx = engine();
  // SPI and counter beyond 2^31: numbers that V8 would box if they were stored carelessly.
  tx.setPeer(peerSpec({ routes: OUT_ROUTES }));
  tx.installTx(saSpec({ spi: 0xc000_0001, key: KEY_A }), NOW);
  rx.setPeer(peerSpec({ routes: IN_ROUTES, validateSource, rxRateLimitPps: 1e9 }));
  rx.installRx(saSpec({ spi: 0xc000_0001, key: KEY_A }), NOW);
  rx.installRx(saSpec({ spi: 5, key: KEY_B }), NOW);
  return { tx, rx };
}

writeEndpoint(arena.view, At.source, parseEndpoint(PEER_ENDPOINT));

/** Bytes that sealing and opening a packet of `len` bytes allocates without an engine. */
function aeadAllocation(len: number): number {
  const aead = opensslAead(arena, arena.base);
  const key = new Uint8Array(16);
  const seal = aead.sealKey(0, key, 7);
  const open = aead.openKey(0, key, 7);
  const nonceAt = At.frame + 20;
  const bodyAt = At.frame + 32;
  arena.view.setUint32(nonceAt, 7);
  let counter = 0;
  return allocatedPerCall(CALLS, () => {
    arena.view.setUint32(nonceAt + 4, 0);
    arena.view.setUint32(nonceAt + 8, ++counter);
    const sealed = seal.seal(nonceAt, At.frame, 32, At.packet, len, bodyAt);
    if (!sealed || !open.open(nonceAt, At.frame, 32, bodyAt, len, At.opened)) throw new Error('AEAD failed');
  });
}

test.each([
  ['IPv4', ipPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload: new Uint8Array(64) })],
  ['IPv6', ipPacket({ src: 'fd77::1', dst: 'fd77::2', payload: new Uint8Array(64) })],
])('Engine.encap() and Engine.decap() of %s allocate less than a byte a packet', (_family, packet) => {
  const { tx, rx } = pair(true);
  arena.bytes.set(packet, At.packet);
  let delivered = 0;
  const perPacket = allocatedPerCall(CALLS, () => {
    const len = tx.encap(At.packet, packet.length, At.frame, NOW + 0.5);
    if (rx.decap(At.frame, len, At.source, At.opened, NOW + 0.5) === packet.length) delivered++;
  });
  expect(delivered).toBe(CALLS * 6);
  expect(perPacket - aeadAllocation(packet.length)).toBeLessThan(1);
});

test('drops allocate less than a byte a packet', () => {
  const { tx, rx } = pair(false);
  const packet = ipPacket({ src: '10.77.0.1', dst: '10.77.0.3' });
  arena.bytes.set(packet, At.packet);
  arena.bytes.fill(0xff, At.frame, At.frame + 100);
  let dropped = 0;
  const perPacket = allocatedPerCall(CALLS, () => {
    if (tx.encap(At.packet, packet.length, At.frame, NOW) < 0) dropped++;
    if (rx.decap(At.frame, 100, At.source, At.opened, NOW) < 0) dropped++;
  });
  expect(dropped).toBe(CALLS * 6 * 2);
  expect(perPacket).toBeLessThan(1);
});
