/** The engine against a plain reference, through random configurations, installs and packets. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressOf } from '../../../dataplane/io/libc.ts';
import { opensslAead } from '../../../dataplane/io/openssl-aead.ts';
import { Reference, type ReferenceSa } from './engine-reference.ts';
import { craftFrame } from './frames.ts';
import { Host, NOW, peerSpec, saSpec } from './host.ts';
import { ipPacket } from './packets.ts';

const vni = fc.constantFrom(1, 1, 1, 2);
const slot = fc.constantFrom(1, 2, 3);
const spi = fc.constantFrom(1, 2, 0x8000_0001);
const address = fc.constantFrom('10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '192.0.2.1');
const prefix = fc.constantFrom('0.0.0.0/0', '10.0.0.0/30', '10.0.0.0/31', '10.0.0.2/31', '10.0.0.1/32');
const route = fc.record({ dst: prefix, src: prefix });
const routes = fc.uniqueArray(route, { maxLength: 3, selector: ({ dst, src }) => `${dst} ${src}` });
const lifetimeMs = fc.constantFrom(1_000, 60_000, 60_000);

const change = fc.oneof(
  fc.record({ kind: fc.constant('addNetwork' as const), vni }),
  fc.record({ kind: fc.constant('setPeer' as const), slot, vni, routes }),
  fc.record({ kind: fc.constant('replaceRoutes' as const), slot, routes }),
  fc.record({ kind: fc.constantFrom('addRoute' as const, 'removeRoute' as const), slot, route }),
  fc.record({ kind: fc.constant('installRx' as const), slot, vni, spi, lifetimeMs }),
  fc.record({ kind: fc.constant('installTx' as const), slot, vni, spi, lifetimeMs }),
  fc.record({ kind: fc.constant('retireRx' as const), spi, graceMs: fc.constantFrom(0, 2_000) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 3_000) }),
  fc.record({ kind: fc.constant('sweep' as const) }),
);
const removal = fc.oneof(
  fc.record({ kind: fc.constant('removeNetwork' as const), vni }),
  fc.record({ kind: fc.constant('removePeer' as const), slot }),
  fc.record({ kind: fc.constant('removeRx' as const), spi }),
  fc.record({ kind: fc.constant('removeTx' as const), slot }),
);
const packet = fc.oneof(
  fc.record({ kind: fc.constant('encap' as const), vni, src: address, dst: address }),
  fc.record({ kind: fc.constant('decap' as const), vni, spi, src: address, dst: address }),
);
const step = fc.oneof(
  { arbitrary: change, weight: 6 },
  { arbitrary: removal, weight: 1 },
  { arbitrary: packet, weight: 12 },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;
type Removal = typeof removal extends fc.Arbitrary<infer T> ? T : never;
type Packet = typeof packet extends fc.Arbitrary<infer T> ? T : never;

/** Both together; every step is done to both and must come out the same. */
class Pair {
  readonly host = new Host({ aead: (memory) => opensslAead(memory, addressOf(memory.bytes)) });
  readonly reference = new Reference();
  delivered = 0;
  #nowMs = NOW;
  #serial = 0;

  apply(next: Change | Removal | Packet): void {
    if (next.kind === 'encap') this.#encap(next);
    else if (next.kind === 'decap') this.#decap(next);
    else if (next.kind === 'wait') this.#nowMs += next.ms;
    else this.#change(next);
  }

  #change(next: Exclude<Change | Removal, { kind: 'wait' }>): void {
    const sa = 'lifetimeMs' in next ? this.#freshSa(next) : undefined;
    const allowed = this.#changeReference(next, sa);
    const act = () => this.#changeEngine(next, sa);
    if (allowed) act();
    else expect(act).toThrow();
  }

  #freshSa(next: { slot: number; spi: number; lifetimeMs: number }): ReferenceSa {
    const key = (++this.#serial).toString(16).padStart(32, '0');
    return { slot: next.slot, spi: next.spi, key, expiresAtMs: this.#nowMs + next.lifetimeMs };
  }

  #changeReference(next: Exclude<Change | Removal, { kind: 'wait' }>, sa: ReferenceSa | undefined): boolean {
    const { reference } = this;
    switch (next.kind) {
      case 'setPeer':
        return reference.setPeer(this.#spec(next));
      case 'replaceRoutes':
        return reference.replaceRoutes(next.slot, next.routes);
      case 'addRoute':
      case 'removeRoute':
        return reference[next.kind](next.slot, next.route);
      case 'installRx':
        return sa !== undefined && reference.installRx(sa, next.vni, this.#nowMs);
      case 'installTx':
        return sa !== undefined && reference.installTx(sa, next.vni);
      case 'retireRx':
        return reference.retireRx(next.spi, this.#nowMs + next.graceMs);
      case 'sweep':
        return reference.sweep(this.#nowMs);
      case 'removeRx':
        return reference.removeRx(next.spi);
      case 'addNetwork':
      case 'removeNetwork':
        return reference[next.kind](next.vni);
      default:
        return reference[next.kind](next.slot);
    }
  }

  #changeEngine(next: Exclude<Change | Removal, { kind: 'wait' }>, sa: ReferenceSa | undefined): unknown {
    const { engine } = this.host;
    switch (next.kind) {
      case 'setPeer':
        return engine.setPeer(this.#spec(next));
      case 'replaceRoutes':
        return engine.replaceRoutes(next.slot, next.routes);
      case 'addRoute':
      case 'removeRoute':
        return engine[next.kind](next.slot, next.route);
      case 'installRx':
      case 'installTx': {
        const { kind: install, ...terms } = next;
        return engine[install](saSpec({ ...terms, key: sa?.key ?? '' }), this.#nowMs);
      }
      case 'retireRx':
        return engine.retireRx(next.spi, next.graceMs, this.#nowMs);
      case 'sweep':
        return engine.sweep(this.#nowMs);
      case 'removeRx':
        return engine.removeRx(next.spi);
      case 'addNetwork':
      case 'removeNetwork':
        return engine[next.kind](next.vni);
      default:
        return engine[next.kind](next.slot);
    }
  }

  #spec(next: { slot: number; vni: number; routes: { dst: string; src: string }[] }) {
    return peerSpec({ slot: next.slot, vni: next.vni, routes: next.routes });
  }

  #encap(next: { vni: number; src: string; dst: string }): void {
    const expected = this.reference.encap(next.vni, next.src, next.dst, this.#nowMs);
    const frame = this.host.encap(ipPacket(next), this.#nowMs, next.vni);
    if (typeof expected === 'number' || typeof frame === 'number') {
      expect(frame).toBe(expected);
      return;
    }
    expect(new DataView(frame.buffer).getUint32(12)).toBe(expected.spi);
    expect(this.host.engine.lastPeer?.slot).toBe(expected.slot);
    this.delivered++;
  }

  #decap(next: { vni: number; spi: number; src: string; dst: string }): void {
    const expected = this.reference.decap(next.vni, next.spi, next.src, next.dst, this.#nowMs);
    const key = this.reference.rx.find((sa) => sa.spi === next.spi)?.key ?? '00'.repeat(16);
    const inner = ipPacket(next);
    // A counter of its own for every frame: replay is not what this is about.
    const counter = BigInt(++this.#serial);
    const opened = this.host.decap(
      craftFrame(inner, { vni: next.vni, spi: next.spi, counter, key }),
      this.#nowMs,
    );
    if (expected === 0) this.delivered++;
    expect(opened).toEqual(expected === 0 ? inner : expected);
  }
}

const START: readonly Change[] = [
  { kind: 'addNetwork', vni: 1 },
  { kind: 'setPeer', slot: 1, vni: 1, routes: [{ dst: '0.0.0.0/0', src: '0.0.0.0/0' }] },
  { kind: 'installRx', slot: 1, vni: 1, spi: 1, lifetimeMs: 60_000 },
  { kind: 'installTx', slot: 1, vni: 1, spi: 1, lifetimeMs: 60_000 },
];

test('Engine agrees with the reference', () => {
  let delivered = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), (steps) => {
      const pair = new Pair();
      for (const next of START) pair.apply(next);
      for (const next of steps) pair.apply(next);
      pair.host.expectAccounted();
      delivered += pair.delivered;
    }),
    { numRuns: 150 },
  );
  // A model that never lets a packet through would prove nothing.
  expect(delivered).toBeGreaterThan(500);
});
