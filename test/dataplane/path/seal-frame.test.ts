import { describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { Network } from '../../../dataplane/path/network.ts';
import { Peer } from '../../../dataplane/path/peer.ts';
import { SEALED_OVERHEAD, sealFrame } from '../../../dataplane/path/seal-frame.ts';
import { TxSa } from '../../../dataplane/sa/tx-sa.ts';
import { hexBytes, providerCases, toHex } from '../../support/aead-providers.ts';
import { FRAME_VECTORS } from '../../support/aead-vectors.ts';
import { Host, NOW, PEER_ENDPOINT, peerSpec } from './host.ts';

const FRAME_AT = 1_024;
const ELSEWHERE_AT = 8_192;

type Vector = (typeof FRAME_VECTORS)[number];

function vniOf(vector: Vector): number {
  return Number.parseInt(vector.payload.slice(8, 14), 16);
}

function typeOf(vector: Vector): number {
  return Number.parseInt(vector.payload.slice(4, 8), 16);
}

describe.each(providerCases())('sealFrame() with $label', ({ memory, provider }) => {
  function peerFor(vector: Vector): Peer {
    const { spi, suite, counter } = vector;
    const peer = new Peer(1, new Network(vniOf(vector)));
    const key = provider.sealKey(suite, hexBytes(vector.key), spi, counter);
    const expiresAtMs = NOW + 1;
    peer.tx = new TxSa({ memory, spi, lane: 0, suite, key, expiresAtMs, firstCounter: counter });
    return peer;
  }

  describe.each([
    ['in place', FRAME_AT + 32],
    ['from elsewhere', ELSEWHERE_AT],
  ])('%s', (_name, packetAt) => {
    test.each(FRAME_VECTORS)('$name: byte for byte', (vector) => {
      const inner = hexBytes(vector.inner);
      memory.bytes.fill(0xa5, FRAME_AT, FRAME_AT + 512);
      memory.bytes.set(inner, packetAt);
      const peer = peerFor(vector);
      const len = sealFrame(memory.view, peer, typeOf(vector), packetAt, inner.length, FRAME_AT, NOW);
      expect(toHex(memory.bytes, FRAME_AT, len)).toBe(vector.payload);
      expect(len).toBe(inner.length + SEALED_OVERHEAD);
      expect(memory.bytes[FRAME_AT + len]).toBe(0xa5);
      peer.tx?.destroy();
    });
  });

  test('seals nothing without, after or beyond the SA', () => {
    const [vector] = FRAME_VECTORS;
    if (vector === undefined) throw new TypeError('no vector');
    const seal = (peer: Peer, nowMs: number) =>
      sealFrame(memory.view, peer, 0x0800, ELSEWHERE_AT, 20, FRAME_AT, nowMs);
    expect(seal(new Peer(1, new Network(1)), NOW)).toBe(-DropCode.txNoSa);
    const peer = peerFor(vector);
    expect(seal(peer, NOW + 1)).toBe(-DropCode.txExpiredSa);
    peer.tx?.destroy();
    expect(seal(peer, NOW)).toBe(-DropCode.txBudget);
  });
});

describe('Engine.decap() of published frames', () => {
  const L3 = FRAME_VECTORS.filter((vector) => vector.name !== 'Ethernet');

  test.each(L3)('$name', (vector) => {
    const vni = vniOf(vector);
    const by = new Host();
    by.engine.addNetwork(vni);
    const routes = [
      { dst: '10.77.0.1/32', src: '10.77.0.2/32' },
      { dst: 'fd77::1/128', src: 'fd77::2/128' },
    ];
    by.engine.setPeer(peerSpec({ vni, routes, endpoint: PEER_ENDPOINT }));
    const { spi, suite } = vector;
    const key = hexBytes(vector.key);
    by.engine.installRx({ slot: 1, vni, lane: 0, spi, suite, key, lifetimeMs: 1_000 }, NOW);
    const opened = by.decap(hexBytes(vector.payload));
    expect(opened instanceof Uint8Array && toHex(opened)).toBe(vector.inner);
  });
});

describe('Engine.encap() of published frames', () => {
  test('IPv4: the first frame of an SA is the published one', () => {
    const [vector] = FRAME_VECTORS;
    if (vector === undefined) throw new TypeError('no vector');
    const by = new Host();
    by.engine.addNetwork(vniOf(vector));
    by.engine.setPeer(peerSpec({ vni: vniOf(vector) }));
    const { spi, suite } = vector;
    const key = hexBytes(vector.key);
    by.engine.installTx({ slot: 1, vni: vniOf(vector), lane: 0, spi, suite, key, lifetimeMs: 1_000 }, NOW);
    const frame = by.encap(hexBytes(vector.inner));
    expect(frame instanceof Uint8Array && toHex(frame)).toBe(vector.payload);
  });
});
