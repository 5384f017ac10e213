import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPrefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import { RouteCollisionError } from '../../../dataplane/route/route-collision-error.ts';
import { type Route, RouteCheck, RouteTable } from '../../../dataplane/route/route-table.ts';
import type { IpWords } from '../../../dataplane/wire/ip-text.ts';
import { allocatedPerCall } from '../wire/allocation.ts';
import { addressOf, covers, prefixOf, putAddress } from './arbitraries.ts';

interface Owner {
  readonly name: string;
}
const A: Owner = { name: 'a' };
const B: Owner = { name: 'b' };
const C: Owner = { name: 'c' };

const DST_AT = 3;
const SRC_AT = 21;
const view = new DataView(new ArrayBuffer(64));

/** '10.0.0.0/8 from 0.0.0.0/0' */
function route(text: string): Route {
  const [dst = '', src = ''] = text.split(' from ');
  return { dst: parsePrefix(dst), src: parsePrefix(src) };
}

function tableOf(...routes: [string, Owner][]): RouteTable<Owner> {
  const table = new RouteTable<Owner>();
  for (const [text, owner] of routes) table.add(route(text).dst, route(text).src, owner);
  return table;
}

function texts(routes: readonly Route[]): string[] {
  return routes.map(({ dst, src }) => `${formatPrefix(dst)} from ${formatPrefix(src)}`).sort();
}

function lookup(table: RouteTable<Owner>, dst: string, src: string): string | null {
  const [to, from] = [parsePrefix(dst), parsePrefix(src)];
  putAddress(view, DST_AT, to.family, to.words);
  putAddress(view, SRC_AT, from.family, from.words);
  return table.lookup(view, to.family, DST_AT, SRC_AT)?.name ?? null;
}

function check(table: RouteTable<Owner>, innerSrc: string, innerDst: string, owner: Owner): RouteCheck {
  const [from, to] = [parsePrefix(innerSrc), parsePrefix(innerDst)];
  putAddress(view, DST_AT, from.family, from.words);
  putAddress(view, SRC_AT, to.family, to.words);
  return table.check(view, from.family, DST_AT, SRC_AT, owner);
}

const TABLE = tableOf(
  ['0.0.0.0/0 from 0.0.0.0/0', A],
  ['10.0.0.0/8 from 192.168.0.0/16', B],
  ['10.0.0.0/8 from 192.168.1.0/24', C],
  ['10.1.0.0/16 from 172.16.0.0/12', C],
  ['fd00::/8 from ::/0', B],
  ['fd77::2/128 from fd77::/64', C],
);

describe('RouteTable.lookup()', () => {
  test.each([
    ['10.1.0.1', '172.16.0.1', 'c', 'longest destination'],
    ['10.1.0.1', '192.168.9.1', 'b', 'backtracks when no source of the longest destination fits'],
    ['10.1.0.1', '192.168.1.1', 'c', 'longest source of the destination it went back to'],
    ['10.1.0.1', '1.1.1.1', 'a', 'backtracks to the default route'],
    ['10.2.0.1', '172.16.0.1', 'a', 'a source of another destination does not count'],
    ['8.8.8.8', '192.168.1.1', 'a', 'default route'],
    ['fd77::2', 'fd77::9', 'c', 'IPv6'],
    ['fd77::2', 'fd78::9', 'b', 'IPv6 backtracks'],
    ['2001:db8::1', 'fd77::9', null, 'IPv6 has no default route'],
  ])('to %s from %s gives %s: %s', (dst, src, owner, _reason) => {
    expect(lookup(TABLE, dst, src)).toBe(owner);
  });

  test('and check() allocate nothing', () => {
    putAddress(view, DST_AT, 6, parsePrefix('fd77::2').words);
    putAddress(view, SRC_AT, 6, parsePrefix('fe00::9').words);
    let found = 0;
    const allocated = allocatedPerCall(() => {
      if (TABLE.lookup(view, 6, DST_AT, SRC_AT) === B) found++;
      if (TABLE.check(view, 6, DST_AT, SRC_AT, C) === RouteCheck.destinationNotAllowed) found++;
    });
    expect(allocated).toBeLessThan(1);
    expect(found).toBeGreaterThan(1);
  });

  test('keeps families apart', () => {
    const table = tableOf(['0.0.0.0/0 from 0.0.0.0/0', A]);
    expect(lookup(table, '::', '::')).toBeNull();
  });
});

describe('RouteTable.check()', () => {
  test.each([
    ['10.1.0.1', '172.16.0.1', C, RouteCheck.ok],
    ['10.1.0.1', '192.168.9.1', B, RouteCheck.ok],
    ['10.1.0.1', '172.16.0.1', A, RouteCheck.sourceNotAllowed],
    ['10.1.0.1', '172.16.0.1', B, RouteCheck.sourceNotAllowed],
    ['10.1.0.1', '1.1.1.1', C, RouteCheck.destinationNotAllowed],
    ['10.2.0.1', '1.1.1.1', B, RouteCheck.destinationNotAllowed],
    ['10.2.0.1', '192.168.1.1', B, RouteCheck.destinationNotAllowed],
    ['8.8.8.8', '1.1.1.1', B, RouteCheck.sourceNotAllowed],
    ['fd77::2', 'fd77::1', C, RouteCheck.ok],
    ['fd77::2', 'fd77::1', B, RouteCheck.sourceNotAllowed],
    ['fd77::2', 'fd78::1', C, RouteCheck.destinationNotAllowed],
    ['2001:db8::1', 'fd77::1', B, RouteCheck.sourceNotAllowed],
  ])('from %s to %s of $name: %d', (src, dst, owner, expected) => {
    expect(check(TABLE, src, dst, owner)).toBe(expected);
  });
});

test('RouteTable.check() counts what an owner has left for a prefix', () => {
  const table = tableOf(['10.0.0.0/8 from 10.0.0.0/8', A], ['10.0.0.0/8 from 11.0.0.0/8', A]);
  const { dst, src } = route('10.0.0.0/8 from 11.0.0.0/8');
  table.remove(dst, src, A);
  expect(check(table, '10.0.0.1', '11.0.0.1', A)).toBe(RouteCheck.destinationNotAllowed);
  table.remove(dst, parsePrefix('10.0.0.0/8'), A);
  expect(check(table, '10.0.0.1', '11.0.0.1', A)).toBe(RouteCheck.sourceNotAllowed);
});

describe('RouteTable.add()', () => {
  test('refuses a route that another owner has, names it, and changes nothing', () => {
    const table = tableOf(['10.0.0.0/8 from 0.0.0.0/0', A]);
    const { dst, src } = route('10.0.0.0/8 from 0.0.0.0/0');
    const attempt = () => table.add(dst, src, B);
    expect(attempt).toThrow(RouteCollisionError);
    expect(attempt).toThrow('Cannot add route to 10.0.0.0/8 from 0.0.0.0/0: another peer has the same one');
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_ICX_ROUTE_COLLISION', dst, src }));
    expect(lookup(table, '10.0.0.1', '1.1.1.1')).toBe('a');
    expect(table.routesOf(B)).toEqual([]);
  });

  test('refuses a pair of different families', () => {
    const table = new RouteTable<Owner>();
    const attempt = () => table.add(parsePrefix('10.0.0.0/8'), parsePrefix('::/0'), A);
    expect(attempt).toThrow(
      new RangeError('Cannot use route 10.0.0.0/8 from ::/0: one is IPv4, the other IPv6'),
    );
  });

  test('says whether the table changed', () => {
    const table = new RouteTable<Owner>();
    const { dst, src } = route('10.0.0.0/8 from 0.0.0.0/0');
    expect(table.add(dst, src, A)).toBe(true);
    expect(table.add(dst, src, A)).toBe(false);
    expect(texts(table.routesOf(A))).toEqual(['10.0.0.0/8 from 0.0.0.0/0']);
  });
});

describe('RouteTable.remove()', () => {
  test('finds no route of two families', () => {
    const table = tableOf(['0.0.0.0/0 from 0.0.0.0/0', A]);
    expect(table.remove(parsePrefix('0.0.0.0/0'), parsePrefix('::/0'), A)).toBe(false);
    expect(texts(table.routesOf(A))).toEqual(['0.0.0.0/0 from 0.0.0.0/0']);
  });

  test("leaves another owner's route", () => {
    const table = tableOf(['10.0.0.0/8 from 0.0.0.0/0', A]);
    const { dst, src } = route('10.0.0.0/8 from 0.0.0.0/0');
    expect(table.remove(dst, src, B)).toBe(false);
    expect(lookup(table, '10.0.0.1', '1.1.1.1')).toBe('a');
    expect(table.remove(dst, src, A)).toBe(true);
    expect(table.remove(dst, src, A)).toBe(false);
    expect(lookup(table, '10.0.0.1', '1.1.1.1')).toBeNull();
  });
});

describe('RouteTable.replaceOwned()', () => {
  const OLD = ['10.1.0.0/16 from 0.0.0.0/0', '10.2.0.0/16 from 0.0.0.0/0'];
  const table = () => tableOf([OLD[0] ?? '', A], [OLD[1] ?? '', A], ['10.3.0.0/16 from 0.0.0.0/0', B]);

  test('adds, keeps and removes', () => {
    const changed = table();
    changed.replaceOwned(A, ['10.2.0.0/16 from 0.0.0.0/0', 'fd77::/64 from ::/0'].map(route));
    expect(texts(changed.routesOf(A))).toEqual(['10.2.0.0/16 from 0.0.0.0/0', 'fd77::/64 from ::/0']);
    expect(lookup(changed, '10.1.0.1', '1.1.1.1')).toBeNull();
    expect(lookup(changed, '10.2.0.1', '1.1.1.1')).toBe('a');
    expect(lookup(changed, 'fd77::1', '::1')).toBe('a');
    expect(lookup(changed, '10.3.0.1', '1.1.1.1')).toBe('b');
  });

  test.each([
    ['a collision', ['10.9.0.0/16 from 0.0.0.0/0', '10.3.0.0/16 from 0.0.0.0/0'], RouteCollisionError],
    ['a pair twice', ['10.9.0.0/16 from 0.0.0.0/0', '10.9.0.0/16 from 0.0.0.0/0'], RangeError],
    ['mixed families', ['10.9.0.0/16 from 0.0.0.0/0', '10.9.0.0/16 from ::/0'], RangeError],
  ])('changes nothing on %s in the last place', (_, routes, error) => {
    const unchanged = table();
    expect(() => unchanged.replaceOwned(A, routes.map(route))).toThrow(error);
    expect(texts(unchanged.routesOf(A))).toEqual(OLD);
    expect(lookup(unchanged, '10.1.0.1', '1.1.1.1')).toBe('a');
    expect(lookup(unchanged, '10.9.0.1', '1.1.1.1')).toBeNull();
    expect(lookup(unchanged, '10.3.0.1', '1.1.1.1')).toBe('b');
  });

  test('does not touch routes that stay: they keep their place', () => {
    const changed = table();
    const other = '10.9.0.0/16 from 0.0.0.0/0';
    changed.replaceOwned(A, [other, ...OLD].map(route));
    expect(changed.routesOf(A).map((kept) => texts([kept])[0])).toEqual([...OLD, other]);
    changed.replaceOwned(A, [other, OLD[1] ?? ''].map(route));
    expect(changed.routesOf(A).map((kept) => texts([kept])[0])).toEqual([OLD[1], other]);
  });

  test('changes nothing when the routes themselves throw', () => {
    const unchanged = table();
    const routes = function* () {
      yield route('10.9.0.0/16 from 0.0.0.0/0');
      throw new Error('no more');
    };
    expect(() => unchanged.replaceOwned(A, routes())).toThrow('no more');
    expect(texts(unchanged.routesOf(A))).toEqual(OLD);
    expect(lookup(unchanged, '10.9.0.1', '1.1.1.1')).toBeNull();
  });

  test('with no routes forgets the owner, and others may take them', () => {
    const emptied = table();
    emptied.replaceOwned(A, []);
    expect(emptied.routesOf(A)).toEqual([]);
    emptied.replaceOwned(B, OLD.map(route));
    expect(lookup(emptied, '10.1.0.1', '1.1.1.1')).toBe('b');
  });
});

/** Routes in a list; every question is answered by looking at all of them. */
class ListTable {
  routes: (Route & { owner: Owner })[] = [];

  lookup(dst: IpWords, src: IpWords, family: 4 | 6): Owner | null {
    return (
      this.routes
        .filter((r) => r.dst.family === family && covers(r.dst, dst) && covers(r.src, src))
        .sort((a, b) => b.dst.length - a.dst.length || b.src.length - a.src.length)[0]?.owner ?? null
    );
  }

  check(innerSrc: IpWords, innerDst: IpWords, family: 4 | 6, owner: Owner): RouteCheck {
    if (this.lookup(innerSrc, innerDst, family) === owner) return RouteCheck.ok;
    const matches = this.routes.filter((r) => r.dst.family === family && covers(r.dst, innerSrc));
    const longest = Math.max(...matches.map((r) => r.dst.length));
    const isOwn = matches.some((r) => r.dst.length === longest && r.owner === owner);
    return isOwn ? RouteCheck.destinationNotAllowed : RouteCheck.sourceNotAllowed;
  }

  has(wanted: Route): Owner | null {
    return this.routes.find((r) => String(texts([r])) === String(texts([wanted])))?.owner ?? null;
  }

  replaceOwned(owner: Owner, routes: readonly Route[]): boolean {
    const taken = routes.some((r) => ![null, owner].includes(this.has(r)));
    if (taken || new Set(texts(routes)).size < routes.length) return false;
    this.routes = this.routes.filter((r) => r.owner !== owner);
    this.routes.push(...routes.map((r) => ({ ...r, owner })));
    return true;
  }
}

describe.each([4, 6] as const)('RouteTable of IPv%d', (family) => {
  // Prefixes from a few, so that routes share destinations and owners collide.
  const pool = fc.sample(prefixOf(family), { numRuns: 8, seed: family });
  const prefix = fc.oneof(fc.constantFrom(...pool), prefixOf(family));
  const anyRoute = fc.record({ dst: prefix, src: prefix });
  // So many sources of so few destinations that their form changes, back and forth.
  const sources = fc.sample(prefixOf(family), { numRuns: 24, seed: family });
  const crowded = fc.record({ dst: fc.constantFrom(...pool.slice(0, 2)), src: fc.constantFrom(...sources) });
  const owner = fc.constantFrom(A, B, C);
  const step = (route: fc.Arbitrary<Route>, maxLength: number) =>
    fc.record({
      op: fc.constantFrom('add', 'add', 'remove', 'replace'),
      owner,
      routes: fc.array(route, { minLength: 1, maxLength }),
      dst: fc.oneof(addressOf(family), fc.constantFrom(...pool.slice(0, 2).map(({ words }) => words))),
      src: fc.oneof(addressOf(family), fc.constantFrom(...sources.map(({ words }) => words))),
    });

  test.each([
    ['any routes', step(anyRoute, 6), 40],
    ['few destinations', step(crowded, 16), 80],
  ] as const)('does what a searched list does with %s', (_name, step, maxLength) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength }), (steps) => {
        const table = new RouteTable<Owner>();
        const list = new ListTable();
        for (const { op, owner, routes, dst, src } of steps) {
          apply(op, table, list, owner, routes);
          putAddress(view, DST_AT, family, dst);
          putAddress(view, SRC_AT, family, src);
          expect(table.lookup(view, family, DST_AT, SRC_AT)).toBe(list.lookup(dst, src, family));
          for (const owner of [A, B, C]) {
            const owned = list.routes.filter((r) => r.owner === owner);
            expect(texts(table.routesOf(owner))).toEqual(texts(owned));
            expect(table.check(view, family, DST_AT, SRC_AT, owner)).toBe(
              list.check(dst, src, family, owner),
            );
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** One step on both tables, which must agree on whether it is refused. */
function apply(op: string, table: RouteTable<Owner>, list: ListTable, owner: Owner, routes: Route[]): void {
  const [first] = routes;
  if (op === 'replace') {
    if (list.replaceOwned(owner, routes)) table.replaceOwned(owner, routes);
    else expect(() => table.replaceOwned(owner, routes)).toThrow();
  } else if (first !== undefined && op === 'add') {
    const holder = list.has(first);
    if (holder !== null && holder !== owner) {
      expect(() => table.add(first.dst, first.src, owner)).toThrow(RouteCollisionError);
    } else {
      expect(table.add(first.dst, first.src, owner)).toBe(holder === null);
      if (holder === null) list.routes.push({ ...first, owner });
    }
  } else if (first !== undefined) {
    expect(table.remove(first.dst, first.src, owner)).toBe(list.has(first) === owner);
    list.routes = list.routes.filter(
      (r) => r.owner !== owner || String(texts([r])) !== String(texts([first])),
    );
  }
}
