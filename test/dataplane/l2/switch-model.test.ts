/** The switch against one that is slow and plain, on random scripts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Switch } from '../../../dataplane/l2/switch.ts';
import { SwitchDrop } from '../../../dataplane/l2/switch-drop.ts';
import { AT, frameOf, macOf, putAddresses, stationMac } from './frames.ts';
import { type Outcome, ReferenceSwitch } from './reference-switch.ts';

const OPTIONS = { maxEntries: 6, ageingMs: 1_000, maxMoves: 2, moveWindowMs: 300 };
const PORTS = [
  { isRemote: false, maxStations: 3, learns: true },
  { isRemote: false, maxStations: 2, learns: true },
  { isRemote: false, maxStations: 4, learns: false },
  { isRemote: true, maxStations: 3, learns: true },
  { isRemote: true, maxStations: 2, learns: true },
] as const;

const port = fc.nat(PORTS.length - 1);
const station = fc.nat(8).map(stationMac);
const address = fc.oneof(
  { weight: 12, arbitrary: station },
  { weight: 1, arbitrary: fc.constantFrom('ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '01:02:03:04:05:06') },
);
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('forward' as const), to: address, from: address, port }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 100, 300, 700, 1_000, 1_001),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('togglePort' as const), port }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), port: fc.option(port) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('static' as const), mac: station, port }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), mac: station }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Pair {
  readonly #fast: Switch;
  readonly #slow = new ReferenceSwitch(OPTIONS);
  readonly #frame = frameOf('00'.repeat(14)).view;
  #nowMs = 5_000;

  constructor(seed: number) {
    this.#fast = new Switch({ ...OPTIONS, seed, snooping: false });
    for (const id of PORTS.keys()) this.#togglePort(id);
  }

  run(each: Step): void {
    if (each.kind === 'wait') this.#nowMs += each.ms;
    else if (each.kind === 'sweep') {
      this.#fast.sweep(this.#nowMs);
      this.#slow.sweep(this.#nowMs);
    } else if (each.kind === 'togglePort') this.#togglePort(each.port);
    else if (each.kind === 'flush') expect(this.#fast.fdb.flush(each.port)).toBe(this.#slow.flush(each.port));
    else if (each.kind === 'remove') {
      expect(this.#fast.fdb.remove(macOf(each.mac))).toBe(this.#slow.remove(each.mac));
    } else if (each.kind === 'static') this.#bind(each.mac, each.port);
    else this.#forwardTwice(each);
  }

  expectAgreed(): void {
    const byMac = (a: { mac: string }, b: { mac: string }) => a.mac.localeCompare(b.mac);
    const expected = this.#slow.entries(this.#nowMs).sort(byMac);
    expect(this.#fast.fdb.entries(this.#nowMs).sort(byMac)).toEqual(expected);
    expect(this.#fast.fdb.counters()).toEqual({ size: this.#slow.size, ...this.#slow.counts });
  }

  /** Once more, since the second frame finds what the first left; later than all before, for one to be the oldest. */
  #forwardTwice(frame: { to: string; from: string; port: number }): void {
    this.#nowMs += 1;
    for (let i = 0; i < 2; i++) expect(this.#forward(frame)).toEqual(this.#reference(frame));
  }

  #forward({ to, from, port: id }: { to: string; from: string; port: number }): Outcome {
    putAddresses(this.#frame, to, from);
    const count = this.#fast.forward(this.#frame, AT, 14, id, this.#nowMs);
    if (count > 0) return [...this.#fast.targets.subarray(0, count)].sort();
    const reason = Object.entries(SwitchDrop).find(([, code]) => code === -count)?.[0];
    return reason as Outcome;
  }

  #reference({ to, from, port: id }: { to: string; from: string; port: number }): Outcome {
    const outcome = this.#slow.forward(to, from, id, this.#nowMs);
    return typeof outcome === 'string' ? outcome : [...outcome].sort();
  }

  #togglePort(id: number): void {
    const fields = PORTS[id] ?? PORTS[0];
    const isThere = this.#slow.has(id);
    expect(this.#fast.removePort(id)).toBe(isThere);
    this.#slow.removePort(id);
    if (isThere) return;
    this.#fast.addPort(id, fields);
    this.#slow.addPort(id, fields);
  }

  #bind(mac: string, id: number): void {
    const outcomes = [
      () => this.#fast.fdb.addStatic(macOf(mac), id),
      () => {
        if (!this.#slow.has(id)) throw new RangeError('no port');
        this.#slow.addStatic(mac, id);
      },
    ].map((act) => {
      try {
        act();
        return 'done';
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(outcomes[0]).toBe(outcomes[1]);
  }
}

test('Switch.forward() agrees with a plain switch whatever happens', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(step, { minLength: 1, maxLength: 200, size: 'max' }),
      (seed, steps) => {
        const pair = new Pair(seed);
        for (const each of steps) {
          pair.run(each);
          pair.expectAgreed();
        }
      },
    ),
    { numRuns: 300, seed: 20_260_417 },
  );
});
