/**
 * The engine allocates nothing per packet.
 *
 * The cipher here copies: OpenSSL's pointers are boxed by V8 on their way out, 16 bytes each,
 * which its own tests look at, and which would hide what the engine does.
 */
import { expect, test } from 'vitest';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import type { PacketMemory } from '../../../dataplane/sa/aead.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { copyingCipher } from '../../support/copying-cipher.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { KEY_A, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const CALLS = 200_000;
/** As the worker's clock is: no small integer, and one number for the whole batch. */
const NOW_MS = NOW + 0.5;
const At = { source: 64, packet: 4_096, frame: 16_384, opened: 32_768 } as const;

const arena: PacketMemory = memoryOf(new Uint8Array(65_536));

function memoryOf(bytes: Uint8Array): PacketMemory {
  return { bytes, view: new DataView(bytes.buffer) };
}

function engine(): Engine {
  const made = new Engine({
    memory: arena,
    aead: copyingCipher(arena),
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

test.each([
  ['IPv4', ipPacket({ src: '10.77.0.1', dst: '10.77.0.2', payload: new Uint8Array(64) })],
  ['IPv6', ipPacket({ src: 'fd77::1', dst: 'fd77::2', payload: new Uint8Array(64) })],
])('Engine.encap() and Engine.decap() of %s allocate less than a byte a packet', (_family, packet) => {
  const { tx, rx } = pair(true);
  arena.bytes.set(packet, At.packet);
  let calls = 0;
  let delivered = 0;
  const perPacket = allocatedPerCall(CALLS, () => {
    calls++;
    const len = tx.encap(At.packet, packet.length, At.frame, NOW_MS);
    if (rx.decap(At.frame, len, At.source, At.opened, NOW_MS) === packet.length) delivered++;
  });
  // How often depends on when the compiler is done.
  expect(delivered).toBe(calls);
  expect(perPacket).toBeLessThan(1);
});

test('drops allocate less than a byte a packet', () => {
  const { tx, rx } = pair(false);
  const packet = ipPacket({ src: '10.77.0.1', dst: '10.77.0.3' });
  arena.bytes.set(packet, At.packet);
  arena.bytes.fill(0xff, At.frame, At.frame + 100);
  let calls = 0;
  let dropped = 0;
  const perPacket = allocatedPerCall(CALLS, () => {
    calls++;
    if (tx.encap(At.packet, packet.length, At.frame, NOW) < 0) dropped++;
    if (rx.decap(At.frame, 100, At.source, At.opened, NOW) < 0) dropped++;
  });
  expect(dropped).toBe(calls * 2);
  expect(perPacket).toBeLessThan(1);
});
