import { describe, expect, test } from 'vitest';
import type { PeerSpec } from '../../../dataplane/contract.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { type AeadProvider, MAX_COUNTER, type PacketMemory } from '../../../dataplane/sa/aead.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { hexBytes } from '../../support/aead-providers.ts';
import { counterOption, craftFrame, type FrameFields, spiOption } from './frames.ts';
import { Host, type HostOptions, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const INNER = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' });
const INNER6 = ipPacket({ src: 'fd77::2', dst: 'fd77::1' });
const STRANGER = { address: '198.51.100.66', port: 6081 };
const HOUR = 3_600_000;
const SKIPPED_OPTION = '0001070100000000';
const CRITICAL_OPTION = '0001870100000000';

function host(peer: Partial<PeerSpec> = {}, options?: HostOptions): Host {
  const made = new Host(options);
  made.engine.addNetwork(VNI);
  made.engine.setPeer(peerSpec(peer));
  made.engine.installRx(saSpec(), NOW);
  return made;
}

interface Case {
  readonly name: string;
  readonly code: DropCode;
  readonly inner?: Uint8Array;
  readonly fields?: FrameFields;
  readonly change?: (frame: Uint8Array) => Uint8Array;
  readonly peer?: Partial<PeerSpec>;
  readonly prepare?: (by: Host) => void;
  readonly fromStranger?: boolean;
  readonly afterMs?: number;
  /** Slot that the drop is counted for. */
  readonly slot: number;
}

const LAX_PEER = peerSpec({ slot: 2, routes: [{ dst: '10.77.0.3/32', src: '0.0.0.0/0' }] });
const SOME_ROUTES = { routes: [{ dst: '10.77.0.2/32', src: '10.77.0.0/24' }] };

const CASES: readonly Case[] = [
  { name: 'an empty datagram', code: DropCode.rxMalformed, change: () => new Uint8Array(0), slot: 0 },
  { name: 'half a base header', code: DropCode.rxMalformed, change: (f) => f.slice(0, 7), slot: 0 },
  { name: 'no room for a tag', code: DropCode.rxMalformed, change: (f) => f.slice(0, 47), slot: 0 },
  { name: 'version 1', code: DropCode.rxMalformed, fields: { version: 1 }, slot: 0 },
  { name: 'a control packet', code: DropCode.rxMalformed, fields: { flags: 0xc0 }, slot: 0 },
  {
    name: 'options beyond the datagram',
    code: DropCode.rxMalformed,
    change: (f) => f.fill(0x3f, 0, 1),
    slot: 0,
  },
  {
    name: 'an option beyond the options',
    code: DropCode.rxMalformed,
    change: (f) => f.fill(31, 11, 12),
    slot: 0,
  },
  {
    name: 'the counter twice',
    code: DropCode.rxMalformed,
    fields: { before: counterOption(1, 2n) },
    slot: 0,
  },
  { name: 'an unknown VNI', code: DropCode.rxUnknownVni, fields: { vni: 8 }, slot: 0 },
  { name: 'VNI 0', code: DropCode.rxUnknownVni, fields: { vni: 0 }, slot: 0 },
  {
    name: 'a stranger where all peers validate their source',
    code: DropCode.rxBadPeer,
    fields: { options: '' },
    peer: { validateSource: true },
    fromStranger: true,
    slot: 0,
  },
  {
    name: 'a stranger with the SPI of a peer that validates its source',
    code: DropCode.rxBadPeer,
    peer: { validateSource: true },
    prepare: (by) => by.engine.setPeer(LAX_PEER),
    fromStranger: true,
    slot: 1,
  },
  {
    name: 'anyone, when sources are validated without an endpoint',
    code: DropCode.rxBadPeer,
    peer: { validateSource: true, endpoint: null },
    slot: 0,
  },
  { name: 'no options', code: DropCode.rxMissingOption, fields: { options: '' }, slot: 0 },
  { name: 'no SPI', code: DropCode.rxMissingOption, fields: { options: counterOption(1, 1n) }, slot: 0 },
  { name: 'no counter', code: DropCode.rxMissingOption, fields: { options: spiOption(1) }, slot: 0 },
  {
    name: 'an SPI of two words',
    code: DropCode.rxMissingOption,
    fields: { options: `ff0081020000000100000001${counterOption(1, 1n)}` },
    slot: 0,
  },
  {
    name: 'a counter of two words',
    code: DropCode.rxMissingOption,
    fields: { options: `${spiOption(1)}ff0082020000000100000001` },
    slot: 0,
  },
  {
    name: 'an unknown critical option',
    code: DropCode.rxUnknownOption,
    fields: { before: CRITICAL_OPTION },
    slot: 0,
  },
  { name: 'an unknown SPI', code: DropCode.rxUnknownSpi, fields: { spi: 2 }, slot: 0 },
  { name: 'an SPI with a bit above 31', code: DropCode.rxUnknownSpi, fields: { spi: 0x8000_0001 }, slot: 0 },
  {
    name: 'the SPI of another network',
    code: DropCode.rxUnknownSpi,
    fields: { vni: 9 },
    prepare: (by) => by.engine.addNetwork(9),
    slot: 0,
  },
  { name: 'a removed SA', code: DropCode.rxUnknownSpi, prepare: (by) => by.engine.removeRx(1), slot: 0 },
  { name: 'an SA at its hard lifetime', code: DropCode.rxExpiredSa, afterMs: HOUR, slot: 1 },
  { name: 'a nonce of another SPI', code: DropCode.rxSpiMismatch, fields: { nonceSpi: 2 }, slot: 1 },
  {
    name: 'more packets than the limit',
    code: DropCode.rxRateLimited,
    peer: { rxRateLimitPps: 1 },
    prepare: (by) => expect(by.decap(craftFrame(INNER, { counter: 5n }))).toEqual(INNER),
    slot: 1,
  },
  { name: 'another key', code: DropCode.rxAuthFailed, fields: { key: KEY_B }, slot: 1 },
  {
    name: 'a protocol type changed on the way',
    code: DropCode.rxAuthFailed,
    change: (f) => f.fill(0x86, 2, 3),
    slot: 1,
  },
  {
    name: 'a frame seen before',
    code: DropCode.rxReplay,
    prepare: (by) => expect(by.decap(craftFrame(INNER))).toEqual(INNER),
    slot: 1,
  },
  { name: 'counter 0', code: DropCode.rxReplay, fields: { counter: 0n }, slot: 1 },
  { name: 'counter 2^53', code: DropCode.rxReplay, fields: { counter: 1n << 53n }, slot: 1 },
  { name: 'counter 2^64 - 1', code: DropCode.rxReplay, fields: { counter: (1n << 64n) - 1n }, slot: 1 },
  {
    name: 'a counter behind the window',
    code: DropCode.rxReplay,
    prepare: (by) => expect(by.decap(craftFrame(INNER, { counter: 10_000n }))).toEqual(INNER),
    slot: 1,
  },
  { name: 'an empty inner packet', code: DropCode.rxInnerMalformed, inner: new Uint8Array(0), slot: 1 },
  { name: 'a cut inner packet', code: DropCode.rxInnerMalformed, inner: INNER.slice(0, -1), slot: 1 },
  { name: 'IPv6 announced as IPv4', code: DropCode.rxInnerMalformed, inner: INNER6, slot: 1 },
  { name: 'IPv4 announced as IPv6', code: DropCode.rxInnerMalformed, fields: { type: 0x86dd }, slot: 1 },
  { name: 'an Ethernet frame', code: DropCode.rxInnerMalformed, fields: { type: 0x6558 }, slot: 1 },
  {
    name: 'an inner source of nobody',
    code: DropCode.rxInnerSource,
    inner: ipPacket({ src: '10.77.0.9', dst: '10.77.0.1' }),
    slot: 1,
  },
  {
    name: 'an inner source of another peer',
    code: DropCode.rxInnerSource,
    inner: ipPacket({ src: '10.77.0.3', dst: '10.77.0.1' }),
    prepare: (by) => by.engine.setPeer(LAX_PEER),
    slot: 1,
  },
  {
    name: 'an inner destination out of bounds',
    code: DropCode.rxInnerDestination,
    inner: ipPacket({ src: '10.77.0.2', dst: '10.78.0.1' }),
    peer: SOME_ROUTES,
    slot: 1,
  },
];

describe('Engine.decap() drops', () => {
  test.each(CASES)('$name', (given) => {
    const { code, inner = INNER, fields, change = (f) => f, peer, prepare, afterMs = 0, slot } = given;
    const by = host(peer);
    prepare?.(by);
    const learned = by.learned.length;
    const lastRx = CounterBlock.sum([by.counters], 1).lastRxAtMs;
    const frame = change(craftFrame(inner, fields));
    const source = given.fromStranger ? STRANGER : PEER_ENDPOINT;
    expect(by.decap(frame, NOW + afterMs, source)).toBe(code);
    expect(by.dropped(code, slot)).toBe(1);
    expect(by.engine.lastPeer?.slot ?? 0).toBe(slot);
    by.expectAccounted();
    if (code >= DropCode.rxInnerMalformed) return;
    expect(by.learned.length).toBe(learned);
    expect(CounterBlock.sum([by.counters], 1).lastRxAtMs).toBe(lastRx);
  });
});

describe('Engine.decap()', () => {
  test.each([
    ['IPv4', INNER, 0x0800],
    ['IPv6', INNER6, 0x86dd],
  ])('delivers %s', (_name, inner, type) => {
    const by = host();
    expect(by.decap(craftFrame(inner, { type }))).toEqual(inner);
    const totals = CounterBlock.sum([by.counters], 1);
    expect(totals).toMatchObject({ rxReceived: 1, rxPackets: 1, rxBytes: inner.length, lastRxAtMs: NOW });
    by.expectAccounted();
  });

  test("a frame of an unknown SPI after one of a peer: the drop is nobody's", () => {
    const by = host();
    by.decap(craftFrame(INNER));
    expect(by.decap(craftFrame(INNER, { spi: 2 }))).toBe(DropCode.rxUnknownSpi);
    expect(by.engine.lastPeer).toBe(null);
    expect(by.dropped(DropCode.rxUnknownSpi, 0)).toBe(1);
  });

  test('walks all options: others in front are skipped, authenticated, and not taken for ciphertext', () => {
    const by = host();
    const frame = craftFrame(INNER, { before: SKIPPED_OPTION.repeat(3), counter: 1n });
    expect(by.decap(frame)).toEqual(INNER);
    const changed = craftFrame(INNER, { before: SKIPPED_OPTION, counter: 2n });
    changed[12] = 1;
    expect(by.decap(changed)).toBe(DropCode.rxAuthFailed);
  });

  test('takes the options in either order', () => {
    const by = host();
    expect(by.decap(craftFrame(INNER, { options: counterOption(1, 1n) + spiOption(1) }))).toEqual(INNER);
  });

  test('ends the packet where its own header says, whatever padding follows', () => {
    const by = host();
    expect(by.decap(craftFrame(hexBytes(`${Buffer.from(INNER).toString('hex')}ffff`)))).toEqual(INNER);
  });

  test(`takes the largest counter, 2^53 - 1 (${MAX_COUNTER})`, () => {
    expect(host().decap(craftFrame(INNER, { counter: BigInt(MAX_COUNTER) }))).toEqual(INNER);
  });

  test('a forged counter moves no window: the genuine packet after it passes', () => {
    const by = host();
    const forged = craftFrame(INNER, { counter: 1_000_000n, key: KEY_B });
    expect(by.decap(forged)).toBe(DropCode.rxAuthFailed);
    expect(by.decap(craftFrame(INNER, { counter: 1n }))).toEqual(INNER);
  });

  test('a peer that validates its source may use any port, for every lane has its own', () => {
    const by = host({ validateSource: true });
    expect(by.decap(craftFrame(INNER), NOW, { ...PEER_ENDPOINT, port: 50_000 })).toEqual(INNER);
    expect(by.learned).toEqual([]);
    expect(by.engine.peer(1)?.endpointWords[4]).toBe((6081 << 16) >>> 0);
  });

  test('the rate limit stands before the AEAD', () => {
    let opens = 0;
    const counting = (memory: PacketMemory): AeadProvider => {
      const real = nobleAead(memory);
      return {
        ...real,
        openKey: (...key) => {
          const made = real.openKey(...key);
          return {
            open: (...at) => {
              opens++;
              return made.open(...at);
            },
            destroy: () => made.destroy(),
          };
        },
      };
    };
    const by = host({ rxRateLimitPps: 5 }, { aead: counting });
    const forged = craftFrame(INNER, { key: KEY_B });
    for (let i = 0; i < 100; i++) by.decap(forged);
    expect(opens).toBe(5);
    expect([by.dropped(DropCode.rxAuthFailed), by.dropped(DropCode.rxRateLimited)]).toEqual([5, 95]);
    expect(by.decap(craftFrame(INNER), NOW + 1_000)).toEqual(INNER);
    by.expectAccounted();
  });
});

describe('endpoint learning', () => {
  const MOVED = { address: '198.51.100.7', port: 40_000 };
  const MOVED_WORDS = [0, 0, 0xffff, 0xc6336407, (40_000 << 16) >>> 0];

  function endpoint(by: Host): number[] {
    return [...(by.engine.peer(1)?.endpointWords ?? [])];
  }

  test('an authenticated frame on lane 0 teaches address and port, once', () => {
    const by = host();
    by.decap(craftFrame(INNER, { counter: 1n }), NOW, MOVED);
    by.decap(craftFrame(INNER, { counter: 2n }), NOW, MOVED);
    expect(endpoint(by)).toEqual(MOVED_WORDS);
    expect(by.learned).toEqual([1]);
  });

  test('a frame from the known endpoint reports nothing', () => {
    const by = host();
    by.decap(craftFrame(INNER));
    expect(by.learned).toEqual([]);
  });

  test('an authenticated frame whose inner packet is refused teaches too', () => {
    const by = host();
    const inner = ipPacket({ src: '10.77.0.9', dst: '10.77.0.1' });
    expect(by.decap(craftFrame(inner), NOW, MOVED)).toBe(DropCode.rxInnerSource);
    expect(endpoint(by)).toEqual(MOVED_WORDS);
  });

  test('other lanes teach nothing', () => {
    const by = host({ endpoint: null });
    by.engine.installRx(saSpec({ spi: 2, lane: 1, key: KEY_B }), NOW);
    expect(by.decap(craftFrame(INNER, { spi: 2, key: KEY_B }), NOW, MOVED)).toEqual(INNER);
    expect(by.engine.peer(1)?.hasEndpoint).toBe(false);
    expect(by.learned).toEqual([]);
  });

  test('a frame that was overtaken teaches nothing', () => {
    const by = host();
    by.decap(craftFrame(INNER, { counter: 2n }), NOW, MOVED);
    expect(by.decap(craftFrame(INNER, { counter: 1n }))).toEqual(INNER);
    expect(endpoint(by)).toEqual(MOVED_WORDS);
    expect(by.learned).toEqual([1]);
  });

  test('forged and replayed frames teach nothing', () => {
    const by = host();
    const frame = craftFrame(INNER);
    by.decap(frame);
    expect(by.decap(frame, NOW, MOVED)).toBe(DropCode.rxReplay);
    expect(by.decap(craftFrame(INNER, { counter: 2n, key: KEY_B }), NOW, MOVED)).toBe(DropCode.rxAuthFailed);
    expect(by.learned).toEqual([]);
  });
});

describe('Engine.countRefused()', () => {
  test('moves packets from delivered to dropped', () => {
    const by = host();
    for (const counter of [1n, 2n, 3n]) by.decap(craftFrame(INNER, { counter }));
    by.engine.countRefused(1, 2, 2 * INNER.length);
    expect(by.dropped(DropCode.rxPortWrite, 1)).toBe(2);
    const totals = CounterBlock.sum([by.counters], 1);
    expect(totals).toMatchObject({ rxReceived: 3, rxPackets: 1, rxBytes: INNER.length });
    by.expectAccounted();
  });
});
