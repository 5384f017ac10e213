/** The forwarding database: learning, ageing, caps, moves, static entries. */
import { describe, expect, test } from 'vitest';
import { Fdb, type FdbOptions, Learn, NO_PORT } from '../../../dataplane/l2/fdb.ts';
import { macOf, putMac, stationMac } from './frames.ts';

const view = new DataView(new ArrayBuffer(16));
const AT = 3;
const A = stationMac(1);
const B = stationMac(2);

function fdbWith(options: Partial<FdbOptions> = {}): Fdb {
  const fdb = new Fdb({ seed: 42, ...options });
  for (let port = 0; port < 3; port++) fdb.addPort(port, 4, true);
  fdb.addPort(9, 4, false);
  return fdb;
}

function learn(fdb: Fdb, mac: string, port: number, nowMs = 0): Learn {
  putMac(view, AT, mac);
  return fdb.learn(view, AT, port, nowMs);
}

function lookup(fdb: Fdb, mac: string, nowMs = 0): number {
  putMac(view, AT, mac);
  return fdb.lookup(view, AT, nowMs);
}

describe('Fdb.learn()', () => {
  test('learns a station, then knows it', () => {
    const fdb = fdbWith();
    expect(lookup(fdb, A)).toBe(NO_PORT);
    expect(learn(fdb, A, 1)).toBe(Learn.learned);
    expect(learn(fdb, A, 1)).toBe(Learn.known);
    expect([lookup(fdb, A), lookup(fdb, B)]).toEqual([1, NO_PORT]);
    expect(fdb.counters()).toMatchObject({ size: 1, learned: 1, moved: 0 });
  });

  test.each(['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01'])(
    'refuses %s as a source',
    (mac) => {
      const fdb = fdbWith();
      expect(learn(fdb, mac, 1)).toBe(Learn.invalidSource);
      expect(fdb.counters().size).toBe(0);
    },
  );

  test.each(['00:00:00:00:00:01', '00:01:00:00:00:00', 'fe:00:00:00:00:00'])('takes %s', (mac) => {
    expect(learn(fdbWith(), mac, 1)).toBe(Learn.learned);
  });

  test('refuses a station beyond the port’s cap and counts it', () => {
    const fdb = fdbWith();
    for (let n = 0; n < 4; n++) expect(learn(fdb, stationMac(n), 0)).toBe(Learn.learned);
    expect(learn(fdb, stationMac(4), 0)).toBe(Learn.portCap);
    expect(lookup(fdb, stationMac(4))).toBe(NO_PORT);
    expect(learn(fdb, stationMac(4), 1)).toBe(Learn.learned);
    expect(fdb.counters()).toMatchObject({ size: 5, refusedPortCap: 1 });
  });

  test('refuses a station that would move beyond the port’s cap', () => {
    const fdb = fdbWith();
    for (let n = 0; n < 4; n++) learn(fdb, stationMac(n), 0);
    learn(fdb, stationMac(4), 1);
    expect(learn(fdb, stationMac(4), 0)).toBe(Learn.portCap);
    expect(lookup(fdb, stationMac(4))).toBe(1);
    // Where one moved away there is room again.
    expect(learn(fdb, stationMac(0), 1)).toBe(Learn.moved);
    expect(learn(fdb, stationMac(4), 0)).toBe(Learn.moved);
  });

  test('refuses a station beyond the table’s cap and counts it', () => {
    const fdb = fdbWith({ maxEntries: 3 });
    for (let n = 0; n < 3; n++) learn(fdb, stationMac(n), n);
    expect(learn(fdb, stationMac(3), 0)).toBe(Learn.tableCap);
    expect(fdb.counters()).toMatchObject({ size: 3, refusedTableCap: 1 });
    expect(learn(fdb, stationMac(0), 1)).toBe(Learn.moved);
  });

  test('learns nothing from a port that does not learn', () => {
    const fdb = fdbWith();
    expect(learn(fdb, A, 9)).toBe(Learn.notLearning);
    learn(fdb, A, 1);
    expect(learn(fdb, A, 9)).toBe(Learn.notLearning);
    expect(lookup(fdb, A)).toBe(1);
    expect(learn(fdb, A, 9, 400_000)).toBe(Learn.notLearning);
    expect(lookup(fdb, A, 400_000)).toBe(NO_PORT);
  });

  test('learns nothing from a port that is not there', () => {
    expect(learn(fdbWith(), A, 7)).toBe(Learn.notLearning);
    expect(learn(fdbWith(), A, 1_000)).toBe(Learn.notLearning);
  });
});

describe('Fdb ageing', () => {
  test('an entry older than the ageing time is as if absent before any sweep', () => {
    const fdb = fdbWith();
    learn(fdb, A, 1, 1_000);
    expect(lookup(fdb, A, 301_000)).toBe(1);
    expect(lookup(fdb, A, 301_000.5)).toBe(NO_PORT);
    expect(fdb.entries(301_001)).toEqual([]);
    expect(fdb.counters()).toMatchObject({ size: 1, aged: 0 });
  });

  test('a frame of the station makes it young again', () => {
    const fdb = fdbWith({ ageingMs: 100 });
    learn(fdb, A, 1, 0);
    learn(fdb, A, 1, 90);
    expect(lookup(fdb, A, 190)).toBe(1);
    expect(lookup(fdb, A, 191)).toBe(NO_PORT);
  });

  test('a station that has aged is learned elsewhere without counting as moved', () => {
    const fdb = fdbWith({ ageingMs: 100, maxMoves: 1 });
    learn(fdb, A, 0, 0);
    learn(fdb, A, 1, 50);
    expect(learn(fdb, A, 2, 151)).toBe(Learn.learned);
    expect(lookup(fdb, A, 151)).toBe(2);
    expect(fdb.counters()).toMatchObject({ size: 1, learned: 2, moved: 1, aged: 1 });
    // The moves from before do not count either.
    expect(learn(fdb, A, 1, 152)).toBe(Learn.moved);
  });

  test('sweep() removes what has aged and makes room', () => {
    const fdb = fdbWith({ ageingMs: 100 });
    for (let n = 0; n < 4; n++) learn(fdb, stationMac(n), 0, n * 50);
    expect(learn(fdb, stationMac(4), 0, 160)).toBe(Learn.portCap);
    expect(fdb.sweep(160)).toBe(2);
    expect(learn(fdb, stationMac(4), 0, 160)).toBe(Learn.learned);
    expect(fdb.counters()).toMatchObject({ size: 3, aged: 2 });
  });

  test('a static entry never ages', () => {
    const fdb = fdbWith({ ageingMs: 100 });
    fdb.addStatic(macOf(A), 1);
    expect(fdb.sweep(1e12)).toBe(0);
    expect(lookup(fdb, A, 1e12)).toBe(1);
  });
});

describe('Fdb move limit', () => {
  test('pins a station that moves too often until the window has passed', () => {
    const fdb = fdbWith();
    learn(fdb, A, 0, 0);
    for (let n = 1; n <= 5; n++) expect(learn(fdb, A, n % 2, n * 100)).toBe(Learn.moved);
    expect(learn(fdb, A, 0, 600)).toBe(Learn.moveLimit);
    expect(learn(fdb, A, 1, 600)).toBe(Learn.known);
    // The window is that of the first move.
    expect(learn(fdb, A, 0, 10_099)).toBe(Learn.moveLimit);
    expect(lookup(fdb, A, 10_099)).toBe(1);
    expect(learn(fdb, A, 0, 10_100)).toBe(Learn.moved);
    expect(fdb.counters()).toMatchObject({ moved: 6, refusedMoves: 2 });
  });

  test('frames from elsewhere do not keep a pinned station young', () => {
    const fdb = fdbWith({ ageingMs: 500, maxMoves: 1 });
    learn(fdb, A, 0, 0);
    learn(fdb, A, 1, 10);
    expect(learn(fdb, A, 0, 400)).toBe(Learn.moveLimit);
    expect(lookup(fdb, A, 511)).toBe(NO_PORT);
  });

  test('each station has its own', () => {
    const fdb = fdbWith({ maxMoves: 1 });
    for (const mac of [A, B]) {
      learn(fdb, mac, 0);
      expect(learn(fdb, mac, 1)).toBe(Learn.moved);
      expect(learn(fdb, mac, 0)).toBe(Learn.moveLimit);
    }
  });

  test('slow moves are never limited', () => {
    const fdb = fdbWith();
    learn(fdb, A, 0, 0);
    for (let n = 1; n <= 50; n++) expect(learn(fdb, A, n % 3, n * 2_000)).toBe(Learn.moved);
  });
});

describe('Fdb.addStatic()', () => {
  test('binds a station: its frames from elsewhere are to be dropped', () => {
    const fdb = fdbWith();
    fdb.addStatic(macOf(A), 1);
    expect(learn(fdb, A, 0)).toBe(Learn.staticViolation);
    expect(learn(fdb, A, 9)).toBe(Learn.staticViolation);
    expect(learn(fdb, A, 1)).toBe(Learn.known);
    expect(lookup(fdb, A)).toBe(1);
    expect(fdb.counters()).toMatchObject({ size: 1, learned: 0, staticViolations: 2 });
  });

  test('takes the place of a learned entry, whose port gets room', () => {
    const fdb = fdbWith();
    for (let n = 0; n < 4; n++) learn(fdb, stationMac(n), 0);
    fdb.addStatic(macOf(stationMac(0)), 0);
    expect(learn(fdb, stationMac(4), 0)).toBe(Learn.learned);
    fdb.addStatic(macOf(stationMac(0)), 2);
    expect(lookup(fdb, stationMac(0))).toBe(2);
    expect(fdb.counters().size).toBe(5);
  });

  test('evicts the learned entry that was silent for longest from a full table, never a static one', () => {
    const fdb = fdbWith({ maxEntries: 3 });
    fdb.addStatic(macOf(stationMac(1)), 1);
    learn(fdb, stationMac(2), 1, 20);
    learn(fdb, stationMac(3), 1, 10);
    fdb.addStatic(macOf(stationMac(4)), 1);
    expect([1, 2, 3, 4].map((n) => lookup(fdb, stationMac(n), 20))).toEqual([1, 1, NO_PORT, 1]);
    fdb.addStatic(macOf(stationMac(5)), 1);
    expect(() => fdb.addStatic(macOf(stationMac(6)), 1)).toThrow(new RangeError('All 3 entries are static'));
    fdb.addStatic(macOf(stationMac(5)), 2);
    expect(lookup(fdb, stationMac(5))).toBe(2);
  });

  test.each(['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'])('refuses %s', (mac) => {
    const message = `${mac} is not the address of a station`;
    expect(() => fdbWith().addStatic(macOf(mac), 1)).toThrow(new RangeError(message));
  });

  test('refuses a port that is not there', () => {
    expect(() => fdbWith().addStatic(macOf(A), 5)).toThrow(
      new RangeError('There is no port 5 for 02:00:00:00:00:01'),
    );
  });
});

describe('Fdb removal', () => {
  test('flush() removes learned entries, of all ports or one', () => {
    const fdb = fdbWith();
    fdb.addStatic(macOf(stationMac(9)), 0);
    for (let n = 0; n < 6; n++) learn(fdb, stationMac(n), n % 2);
    expect(fdb.flush(1)).toBe(3);
    expect([0, 1, 2, 3, 9].map((n) => lookup(fdb, stationMac(n)))).toEqual([0, NO_PORT, 0, NO_PORT, 0]);
    expect(fdb.flush()).toBe(3);
    expect(fdb.entries(0)).toEqual([{ mac: stationMac(9), port: 0, isStatic: true, ageMs: null }]);
    expect(fdb.flush()).toBe(0);
  });

  test('remove() removes one entry of either kind', () => {
    const fdb = fdbWith();
    learn(fdb, A, 0);
    fdb.addStatic(macOf(B), 1);
    expect([fdb.remove(macOf(A)), fdb.remove(macOf(A)), fdb.remove(macOf(B))]).toEqual([true, false, true]);
    expect(fdb.counters().size).toBe(0);
    expect(learn(fdb, B, 0)).toBe(Learn.learned);
  });

  test('removePort() removes static entries too, and the port starts anew', () => {
    const fdb = fdbWith();
    for (let n = 0; n < 4; n++) learn(fdb, stationMac(n), 0);
    fdb.addStatic(macOf(stationMac(8)), 0);
    fdb.addStatic(macOf(stationMac(9)), 1);
    expect(fdb.removePort(0)).toBe(5);
    expect(learn(fdb, A, 0)).toBe(Learn.notLearning);
    fdb.addPort(0, 1, true);
    expect(learn(fdb, A, 0)).toBe(Learn.learned);
    expect(learn(fdb, B, 0)).toBe(Learn.portCap);
    expect(lookup(fdb, stationMac(9))).toBe(1);
  });
});

describe('Fdb.entries()', () => {
  test('shows address, port, kind and age', () => {
    const fdb = fdbWith();
    learn(fdb, A, 2, 1_000);
    fdb.addStatic(macOf(B), 1);
    const entries = fdb.entries(1_250).sort((a, b) => a.mac.localeCompare(b.mac));
    expect(entries).toEqual([
      { mac: A, port: 2, isStatic: false, ageMs: 250 },
      { mac: B, port: 1, isStatic: true, ageMs: null },
    ]);
  });
});

describe('Fdb set-up', () => {
  test.each([0, 1.5, 1_000_001, Number.NaN])('refuses %d entries', (maxEntries) => {
    expect(() => new Fdb({ seed: 1, maxEntries })).toThrow(RangeError);
  });

  test.each([0, -1, Number.NaN])('refuses a limit of %d moves', (maxMoves) => {
    expect(() => new Fdb({ seed: 1, maxMoves })).toThrow(RangeError);
  });

  test.each([-1, 0.5, 65_536])('addPort() refuses the id %d', (port) => {
    expect(() => fdbWith().addPort(port, 1, true)).toThrow(
      new RangeError(`Port id is ${port}, expected 0 to 65535`),
    );
  });

  test('addPort() refuses an id that is in use', () => {
    expect(() => fdbWith().addPort(1, 1, true)).toThrow(new RangeError('Port 1 is there already'));
  });

  test.each([-1, 0.5, 2 ** 31])('addPort() refuses %d stations', (stations) => {
    expect(() => fdbWith().addPort(4, stations, true)).toThrow(RangeError);
  });

  test('addPort() takes ids that lie far apart', () => {
    const fdb = fdbWith();
    fdb.addPort(65_535, 1, true);
    expect(learn(fdb, A, 65_535)).toBe(Learn.learned);
    expect(learn(fdb, B, 65_535)).toBe(Learn.portCap);
    expect(learn(fdb, B, 1)).toBe(Learn.learned);
  });
});
