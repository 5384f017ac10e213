/** Who gets which frame, over sockets, against a plain switch; and every one is accounted for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMac } from '../../../dataplane/wire/mac-text.ts';
import { concat } from '../../support/frames-of.ts';
import { ReferenceSwitch } from '../l2/reference-switch.ts';
import { VNI } from '../path/host.ts';
import { connect, makePipe, type Outer, SWITCH, SwitchHost, settle } from './switch-rig.ts';

/** Ports of host `a`: two TAPs, two machines, and three peers, of which the last has no keys. */
const LOCALS = 4;
const PEERS = 3;
const STATIONS = 6;
const LIMITS = { maxStations: 5, maxStationsPerPort: 3 };
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

const stationText = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
const macBytes = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex');

const port = fc.nat(LOCALS + PEERS - 2);
const local = fc.nat(LOCALS - 1);
const station = fc.integer({ min: 1, max: STATIONS }).map(stationText);
const address = fc.oneof(
  { weight: 12, arbitrary: station },
  { weight: 2, arbitrary: fc.constant(BROADCAST) },
  { weight: 1, arbitrary: fc.constantFrom('00:00:00:00:00:00', '01:00:5e:00:00:fb') },
);
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('frames' as const),
      port,
      from: address,
      to: address,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('toggleLocal' as const), local }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('togglePeer' as const), peer: fc.nat(PEERS - 2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bind' as const), mac: station, port }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), local }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One switch with everything around it; the other hosts only carry what they are given. */
class Stage {
  readonly #a = new SwitchHost({ networks: [{ vni: VNI, own: { ...SWITCH, ...LIMITS, suppress: false } }] });
  readonly #others = Array.from({ length: PEERS - 1 }, () => new SwitchHost());
  readonly #slow = new ReferenceSwitch({
    maxEntries: LIMITS.maxStations,
    ageingMs: 300_000,
    maxMoves: 5,
    moveWindowMs: 10_000,
  });
  /** By place: local ports here, TAPs there. */
  readonly #outers: (Outer | undefined)[] = [];
  readonly #far: Outer[] = [];
  #serial = 0;

  constructor() {
    for (const [i, other] of this.#others.entries()) {
      const tap = other.addTap();
      this.#far.push(tap);
      makePipe(other, 1, tap.id);
      connect(this.#a, other, [i + 1, 1]);
      this.#slow.addPort(this.#idOf(LOCALS + i), this.#fields(true));
    }
    // Asked for ever, heard never.
    this.#a.addPeer({ slot: PEERS, endpoint: null });
    this.#slow.addPort(PEERS, this.#fields(true));
    for (let i = 0; i < LOCALS; i++) this.#toggleLocal(i);
  }

  run(each: Step): void {
    if (each.kind === 'toggleLocal') this.#toggleLocal(each.local);
    else if (each.kind === 'togglePeer') this.#togglePeer(each.peer);
    else if (each.kind === 'bind') this.#bind(each.mac, each.port);
    else if (each.kind === 'flush') {
      const id = this.#idOf(each.local);
      this.#a.apply({ kind: 'flushStations', vni: VNI, port: id });
      this.#slow.flush(id);
    } else this.#frames(each);
  }

  expectAccounted(): void {
    for (const host of [this.#a, ...this.#others]) expect(host.isAccounted()).toBe(true);
  }

  close(): void {
    for (const host of [this.#a, ...this.#others]) host.close();
  }

  /** The switch's number: locals have ids from 17, peers their slots. */
  #idOf(place: number): number {
    return place < LOCALS ? 17 + place : place - LOCALS + 1;
  }

  #fields(isRemote: boolean) {
    return { isRemote, maxStations: LIMITS.maxStationsPerPort, learns: true };
  }

  #toggleLocal(place: number): void {
    const id = this.#idOf(place);
    const outer = this.#outers[place];
    if (outer !== undefined) {
      this.#a.apply({ kind: 'removePort', vni: VNI, id });
      this.#slow.removePort(id);
      this.#outers[place] = undefined;
      return;
    }
    this.#outers[place] = place % 2 === 0 ? this.#a.addTap(VNI, id) : this.#a.addUnix(VNI, id);
    this.#slow.addPort(id, this.#fields(false));
  }

  /** Its SAs go with a peer: it comes again with others. */
  #togglePeer(index: number): void {
    const slot = index + 1;
    const other = this.#others[index];
    if (other === undefined) return;
    if (this.#slow.has(slot)) {
      this.#a.apply({ kind: 'removePeer', slot });
      this.#slow.removePort(slot);
      return;
    }
    other.apply({ kind: 'removePeer', slot: 1 });
    connect(this.#a, other, [slot, 1]);
    this.#slow.addPort(slot, this.#fields(true));
  }

  #bind(text: string, place: number): void {
    const id = this.#idOf(place);
    const mac = parseMac(text);
    if (mac === null || !this.#slow.has(id)) return;
    try {
      this.#slow.addStatic(text, id);
    } catch {
      expect(() => this.#a.apply({ kind: 'addStation', vni: VNI, mac, port: id })).toThrow(RangeError);
      return;
    }
    this.#a.apply({ kind: 'addStation', vni: VNI, mac, port: id });
  }

  #frames({ port: place, from, to, count }: Step & { kind: 'frames' }): void {
    const id = this.#idOf(place);
    if (!this.#slow.has(id)) return;
    for (let i = 0; i < count; i++) {
      const serial = Buffer.alloc(46);
      serial.writeUInt32BE(++this.#serial);
      const whole = concat(macBytes(to), macBytes(from), Uint8Array.of(0x88, 0xb5), serial);
      const outcome = this.#slow.forward(to, from, id, this.#serial);
      const expected = typeof outcome === 'string' ? [] : outcome;
      this.#send(place, whole);
      settle(this.#a, ...this.#others, this.#a);
      expect(this.#arrived(whole)).toEqual([...expected].filter((target) => target !== PEERS).sort());
    }
  }

  #send(place: number, whole: Uint8Array): void {
    if (place < LOCALS) this.#outers[place]?.send(whole);
    else this.#far[place - LOCALS]?.send(whole);
    for (const other of this.#others) other.settle();
  }

  /** Numbers of the ports at whose far ends the frame came out, once each, and nothing else. */
  #arrived(whole: Uint8Array): number[] {
    const places = [...this.#outers, ...this.#far];
    return places
      .flatMap((outer, place) => {
        const came = outer?.drain() ?? [];
        for (const each of came) expect(Buffer.compare(each, whole)).toBe(0);
        expect(came.length).toBeLessThan(2);
        return came.length === 0 ? [] : [this.#idOf(place)];
      })
      .sort();
  }
}

test('SwitchedLink gives every frame to whom a plain switch gives it, and loses count of none', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
      const stage = new Stage();
      try {
        for (const each of steps) stage.run(each);
        stage.expectAccounted();
      } finally {
        stage.close();
      }
    }),
    { numRuns: 40, seed: 20_260_418 },
  );
});
