/** NeighbourTable against a list that is searched from end to end, on random scripts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NeighbourCounter } from '../../../dataplane/l2/neighbour-counters.ts';
import { Claim, NeighbourTable } from '../../../dataplane/l2/neighbour-table.ts';
import { type IpAddress, parseIp } from '../../../dataplane/wire/ip-text.ts';

const IP_AT = 1;
const MAC_AT = 20;
const view = new DataView(new ArrayBuffer(32));
const MAX_ENTRIES = 8;
const MAX_OF_PORT = [2, 3, 20];
const AGEING_MS = 100;

interface Entry {
  readonly ip: string;
  readonly vlan: number;
  mac: number;
  port: number;
  isStatic: boolean;
  router: 'unknown' | 'yes' | 'no';
  seenMs: number;
}

interface Claimed {
  readonly ip: string;
  readonly vlan: number;
  readonly mac: number;
  readonly port: number;
  readonly overrides: boolean;
  readonly router: Entry['router'];
}

/** What the table is documented to do, in plain words. */
class Model {
  entries: Entry[] = [];
  learned = 0;
  moved = 0;
  capped = 0;
  refusedByStatic = 0;
  aged = 0;

  learn(claim: Claimed, nowMs: number): void {
    const same = (entry: Entry) => entry.ip === claim.ip && entry.vlan === claim.vlan;
    const entry = this.entries.find((each) => same(each) && isFresh(each, nowMs));
    if (entry === undefined) {
      this.entries = this.entries.filter((each) => !same(each));
      const all = this.entries.filter((each) => !each.isStatic);
      if (all.length >= MAX_ENTRIES || !this.#hasRoom(claim.port)) {
        this.capped++;
        return;
      }
      const { ip, vlan, mac, port, router } = claim;
      this.entries.push({ ip, vlan, mac, port, router, isStatic: false, seenMs: nowMs });
      this.learned++;
      return;
    }
    const isSame = entry.mac === claim.mac && entry.port === claim.port;
    if (entry.isStatic) {
      if (!isSame) this.refusedByStatic++;
      return;
    }
    if (entry.mac !== claim.mac && !claim.overrides) return;
    if (entry.port !== claim.port && !this.#hasRoom(claim.port)) {
      this.capped++;
      this.entries = this.entries.filter((each) => each !== entry);
      return;
    }
    if (!isSame) this.moved++;
    if (entry.mac !== claim.mac || claim.router !== 'unknown') entry.router = claim.router;
    entry.mac = claim.mac;
    entry.port = claim.port;
    entry.seenMs = nowMs;
  }

  setStatic(ip: string, vlan: number, mac: number, port: number): void {
    this.remove(ip, vlan);
    this.entries.push({ ip, vlan, mac, port, isStatic: true, router: 'no', seenMs: 0 });
  }

  remove(ip: string, vlan: number): void {
    this.entries = this.entries.filter((entry) => entry.ip !== ip || entry.vlan !== vlan);
  }

  flush(port: number): void {
    this.entries = this.entries.filter((entry) => entry.port !== port || entry.isStatic);
  }

  sweep(nowMs: number): void {
    const fresh = this.entries.filter((entry) => isFresh(entry, nowMs));
    this.aged += this.entries.length - fresh.length;
    this.entries = fresh;
  }

  #hasRoom(port: number): boolean {
    const own = this.entries.filter((entry) => entry.port === port && !entry.isStatic);
    return own.length < (MAX_OF_PORT[port] ?? 0);
  }
}

function isFresh(entry: Entry, nowMs: number): boolean {
  return entry.isStatic || nowMs - entry.seenMs <= AGEING_MS;
}

function ipOf(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === null) throw new Error(`${text} is no address`);
  return ip;
}

function put(text: string): 4 | 6 {
  const ip = ipOf(text);
  ip.words.forEach((word, i) => {
    view.setUint32(IP_AT + i * 4, word);
  });
  return ip.family;
}

const ROUTER_CLAIMS = { unknown: 0, no: Claim.saysRouter, yes: Claim.saysRouter | Claim.isRouter };

function learn(table: NeighbourTable, claim: Claimed, nowMs: number): void {
  const family = put(claim.ip);
  view.setUint16(MAC_AT, 0x0200);
  view.setUint32(MAC_AT + 2, claim.mac);
  const claims = (claim.overrides ? Claim.overrides : 0) | ROUTER_CLAIMS[claim.router];
  table.learn(view, family, IP_AT, claim.vlan, MAC_AT, claim.port, claims, nowMs);
}

function expectAgreed(table: NeighbourTable, model: Model, nowMs: number): void {
  expect(table.size).toBe(model.entries.length);
  const fresh = model.entries.filter((entry) => isFresh(entry, nowMs));
  const seen = [...table.entries(nowMs)].map((e) => `${e.ip} ${e.vlan} ${e.port} ${e.isStatic} ${e.ageMs}`);
  const expected = fresh.map((e) => {
    return `${e.ip} ${e.vlan} ${e.port} ${e.isStatic} ${e.isStatic ? 0 : nowMs - e.seenMs}`;
  });
  expect(seen.sort()).toEqual(expected.sort());
  for (const entry of model.entries) {
    const found = table.find(view, put(entry.ip), IP_AT, entry.vlan, nowMs);
    expect(found >= 0).toBe(isFresh(entry, nowMs));
    if (found < 0) continue;
    expect([table.macHigh(found), table.macLow(found) >>> 0]).toEqual([0x0200, entry.mac]);
    const router = table.isRouter(found) ? 'yes' : 'no';
    expect(table.saysRouter(found) ? router : 'unknown').toBe(entry.router);
  }
  const { learned, moved, refusedByCap, refusedByStatic, malformed, aged, suppressedArp } = NeighbourCounter;
  const order = [learned, moved, refusedByCap, refusedByStatic, aged, malformed, suppressedArp];
  const counted = order.map((counter) => table.counters[counter]);
  expect(counted).toEqual([
    model.learned,
    model.moved,
    model.capped,
    model.refusedByStatic,
    model.aged,
    0,
    0,
  ]);
}

const ip = fc.constantFrom(
  ...Array.from({ length: 9 }, (_, n) => `10.77.0.${n + 1}`),
  ...Array.from({ length: 9 }, (_, n) => `fd77::${n + 1}`),
);
const vlan = fc.constantFrom(0, 0, 0, 100);
const mac = fc.constantFrom(1, 2, 0xffff_fffe);
const port = fc.constantFrom(0, 1, 2, 2);
const claimed: fc.Arbitrary<Claimed> = fc.record({
  ip,
  vlan,
  mac,
  port,
  overrides: fc.boolean(),
  router: fc.constantFrom<Entry['router']>('unknown', 'yes', 'no'),
});
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('learn' as const), claim: claimed }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('static' as const), claim: claimed }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), ip, vlan }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), port }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
);

describe('NeighbourTable', () => {
  test('does what the list does', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 120, size: 'max' }), (seed, steps) => {
        const table = new NeighbourTable({ seed, maxEntries: MAX_ENTRIES, ageingMs: AGEING_MS });
        MAX_OF_PORT.forEach((cap, id) => {
          table.addPort(id, id === 2, cap);
        });
        const model = new Model();
        let nowMs = 1e9;
        for (const each of steps) {
          if (each.kind === 'wait') {
            nowMs += each.ms;
          } else if (each.kind === 'learn') {
            learn(table, each.claim, nowMs);
            model.learn(each.claim, nowMs);
          } else if (each.kind === 'static') {
            const { claim } = each;
            const at = { port: claim.port, vlan: claim.vlan };
            table.setStatic({ ip: ipOf(claim.ip), mac: { high: 0x0200, low: claim.mac | 0 }, ...at });
            model.setStatic(claim.ip, claim.vlan, claim.mac, claim.port);
          } else if (each.kind === 'remove') {
            table.remove(ipOf(each.ip), each.vlan);
            model.remove(each.ip, each.vlan);
          } else if (each.kind === 'flush') {
            table.flushPort(each.port);
            model.flush(each.port);
          } else {
            table.sweep(nowMs);
            model.sweep(nowMs);
          }
        }
        expectAgreed(table, model, nowMs);
      }),
      { numRuns: 500, seed: 20_260_202 },
    );
  });
});
