/** An engine that may take frames for like the last one, and one that never can, say the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Endpoint } from '../../../dataplane/contract.ts';
import { ROW_LEN } from '../../../dataplane/path/counter-layout.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { craftFrame } from './frames.ts';
import { Host, KEY_A, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const SLOTS = [1, 2, 3] as const;
const SPIS = [1, 2, 3] as const;
const SOURCES: readonly Endpoint[] = [
  PEER_ENDPOINT,
  { address: '192.0.2.2', port: 40_000 },
  { address: '198.51.100.66', port: 6_081 },
  { address: '2001:db8::66', port: 6_081 },
];
const INNERS: readonly (readonly [number, Uint8Array])[] = [
  [0x0800, ipPacket({ src: '10.77.0.1', dst: '10.77.0.99' })],
  [0x0800, ipPacket({ src: '10.77.0.2', dst: '10.77.0.99' })],
  [0x86dd, ipPacket({ src: 'fd77::1', dst: 'fd77::99' })],
  [0, new Uint8Array(0)],
];
const GRACE = 100;

/** Peers 1 and 2 share a network, peer 3 is alone in another. */
const vniOf = (slot: number) => (slot === 3 ? VNI + 1 : VNI);

interface FrameStep {
  readonly spi: number;
  readonly vni: number;
  readonly key: string;
  readonly inner: number;
  readonly source: number;
  /** How far the counter moves; not at all is a replay. */
  readonly advance: number;
  /** A bit of the header that was changed on the way, or -1. */
  readonly flipped: number;
  /** Bytes cut off. */
  readonly cut: number;
}

type Change =
  | { readonly kind: 'setPeer'; readonly slot: number; readonly validate: boolean; readonly endpoint: number }
  | { readonly kind: 'limit'; readonly slot: number; readonly pps: number }
  | { readonly kind: 'removePeer' | 'dropRoutes'; readonly slot: number }
  | { readonly kind: 'addNetwork' | 'removeNetwork'; readonly vni: number }
  | { readonly kind: 'installRx'; readonly slot: number; readonly spi: number; readonly key: string }
  | { readonly kind: 'removeRx' | 'retireRx'; readonly spi: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'sweep' };

const rarely = <T>(usual: T, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });

const frameStep: fc.Arbitrary<FrameStep> = fc.record({
  spi: rarely(1, fc.constantFrom(...SPIS)),
  vni: rarely(VNI, fc.constant(VNI + 1)),
  key: rarely(KEY_A, fc.constant(KEY_B)),
  inner: rarely(0, fc.nat(INNERS.length - 1)),
  source: rarely(0, fc.nat(SOURCES.length - 1)),
  advance: rarely(1, fc.constant(0)),
  flipped: rarely(-1, fc.nat(32 * 8 - 1)),
  cut: rarely(0, fc.nat(90)),
});

const slot = fc.constantFrom(...SLOTS);
const spi = rarely<number>(1, fc.constantFrom(...SPIS));
const vni = fc.constantFrom(VNI, VNI + 1);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('setPeer' as const),
    slot,
    validate: fc.boolean(),
    endpoint: fc.nat(SOURCES.length - 1),
  }),
  fc.record({ kind: fc.constant('limit' as const), slot, pps: fc.constantFrom(0, 1, 1_000) }),
  fc.record({ kind: fc.constantFrom('removePeer' as const, 'dropRoutes' as const), slot }),
  fc.record({ kind: fc.constantFrom('addNetwork' as const, 'removeNetwork' as const), vni }),
  fc.record({ kind: fc.constant('installRx' as const), slot, spi, key: fc.constantFrom(KEY_A, KEY_B) }),
  fc.record({ kind: fc.constantFrom('removeRx' as const, 'retireRx' as const), spi }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, GRACE - 1, GRACE, 2_000) }),
  fc.record({ kind: fc.constant('sweep' as const) }),
);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.array(frameStep, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: change },
);

function settings(slot: number, validateSource = false, endpoint = 0) {
  const routes = [
    { dst: `10.77.0.${slot}/32`, src: '0.0.0.0/0' },
    { dst: `fd77::${slot}/128`, src: '::/0' },
  ];
  return { slot, vni: vniOf(slot), routes, validateSource, endpoint: SOURCES[endpoint] ?? null };
}

/** One of the two, with all that can be seen of it. */
class Side {
  readonly host = new Host();
  readonly #isInterrupted: boolean;
  #interruptions = 0;

  constructor(isInterrupted: boolean) {
    this.#isInterrupted = isInterrupted;
    const { engine } = this.host;
    for (const each of [VNI, VNI + 1]) engine.addNetwork(each);
    for (const each of SLOTS) {
      engine.setPeer(peerSpec(settings(each)));
      engine.installRx(this.#sa(each, each, KEY_A), NOW);
    }
  }

  #sa(slot: number, spi: number, key: string) {
    return saSpec({ slot, spi, vni: vniOf(slot), key, lifetimeMs: 10_000 });
  }

  apply(change: Change, nowMs: number): void {
    const { engine } = this.host;
    switch (change.kind) {
      case 'setPeer':
        engine.setPeer(peerSpec(settings(change.slot, change.validate, change.endpoint)));
        break;
      case 'limit':
        engine.setPeer(peerSpec({ ...settings(change.slot), rxRateLimitPps: change.pps }));
        break;
      case 'removePeer':
        engine.removePeer(change.slot);
        break;
      case 'dropRoutes':
        engine.replaceRoutes(change.slot, []);
        break;
      case 'addNetwork':
        engine.addNetwork(change.vni);
        break;
      case 'removeNetwork':
        engine.removeNetwork(change.vni);
        break;
      case 'installRx':
        engine.installRx(this.#sa(change.slot, change.spi, change.key), nowMs);
        break;
      case 'removeRx':
        engine.removeRx(change.spi);
        break;
      case 'retireRx':
        engine.retireRx(change.spi, GRACE, nowMs);
        break;
      case 'sweep':
        engine.sweep(nowMs);
        break;
      case 'wait':
    }
  }

  /** Result and peer of a frame. */
  open(frame: Uint8Array, nowMs: number, source: Endpoint): readonly [Uint8Array | number, number | null] {
    if (this.#isInterrupted) {
      this.host.decap(new Uint8Array(0), nowMs);
      this.#interruptions++;
    }
    return [this.host.decap(frame, nowMs, source), this.host.engine.lastPeer?.slot ?? null];
  }

  /** Counters, but for the interruptions, endpoints and SAs. */
  state(): unknown {
    const { engine, counters, learned } = this.host;
    const rows = SLOTS.map((each) => {
      const row = new Float64Array(ROW_LEN);
      counters.readRow(each, row);
      return [...row];
    });
    const malformed = this.host.dropped(DropCode.rxMalformed) - this.#interruptions;
    const peers = SLOTS.map((each) => [engine.peer(each)?.endpointWords, engine.rxProgress(each)]);
    return { rows, malformed, peers, learned };
  }
}

function outcome(act: () => void): string {
  try {
    act();
    return 'done';
  } catch (error) {
    return String(error);
  }
}

function frameOf(fields: FrameStep, counter: number): Uint8Array {
  const [type = 0, inner = new Uint8Array(0)] = INNERS[fields.inner] ?? [];
  const { spi, vni, key, flipped, cut } = fields;
  const frame = craftFrame(inner, { spi, vni, key, type, counter: BigInt(counter) });
  if (flipped >= 0) frame[flipped >> 3] = (frame[flipped >> 3] ?? 0) ^ (0x80 >> (flipped & 7));
  return frame.slice(0, Math.max(0, frame.length - cut));
}

test('Engine.decap() with the memory of the last frame does what it does without', () => {
  let delivered = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const sides = [new Side(false), new Side(true)] as const;
      let nowMs = NOW;
      let counter = 1;
      for (const each of steps) {
        if (!Array.isArray(each)) {
          if (each.kind === 'wait') nowMs += each.ms;
          const [running, alone] = sides.map((side) => outcome(() => side.apply(each, nowMs)));
          expect(running).toBe(alone);
          continue;
        }
        for (const fields of each) {
          counter += fields.advance;
          const frame = frameOf(fields, counter);
          const source = SOURCES[fields.source] ?? PEER_ENDPOINT;
          const [running, alone] = sides.map((side) => side.open(frame, nowMs, source));
          expect(running).toEqual(alone);
          if (typeof running?.[0] !== 'number') delivered++;
        }
        expect(sides[0].state()).toEqual(sides[1].state());
      }
      sides[0].host.expectAccounted();
    }),
    { numRuns: 300, seed: 20_260_102 },
  );
  expect(delivered).toBeGreaterThan(1_000);
});
