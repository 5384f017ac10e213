/** The memory in front of a route table: what it finds, and that it never answers from before a change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OwnerCache } from '../../../dataplane/route/owner-cache.ts';
import { type Prefix, parsePrefix } from '../../../dataplane/route/prefix.ts';
import { RouteCollisionError } from '../../../dataplane/route/route-collision-error.ts';
import { type Route, RouteCheck, RouteTable } from '../../../dataplane/route/route-table.ts';
import type { IpWords } from '../../../dataplane/wire/ip-text.ts';
import { addressOf, covers, prefixOf, putAddress } from './arbitraries.ts';

interface Owner {
  readonly name: string;
}

const A: Owner = { name: 'a' };
const B: Owner = { name: 'b' };
const OWNERS = [A, B, { name: 'c' }] as const;
const At = { dst: 0, src: 16 } as const;
const view = new DataView(new ArrayBuffer(32));

function put(family: 4 | 6, dst: IpWords, src: IpWords): void {
  putAddress(view, At.dst, family, dst);
  putAddress(view, At.src, family, src);
}

describe.each([4, 6] as const)('OwnerCache of IPv%i', (family) => {
  const words = family === 4 ? 1 : 4;
  const pairOf = (n: number) => {
    const dst: IpWords = family === 4 ? [n, 0, 0, 0] : [0xfd770000, 0, 0, n];
    const src: IpWords = family === 4 ? [0x0a4d0001, 0, 0, 0] : [0xfd770000, 0, 0, 1];
    return [dst, src] as const;
  };
  const find = (cache: OwnerCache<Owner>, n: number) => {
    put(family, ...pairOf(n));
    return cache.find(view, At.dst, At.src);
  };
  const remember = (cache: OwnerCache<Owner>, n: number, owner: Owner) => {
    put(family, ...pairOf(n));
    cache.remember(view, At.dst, At.src, owner);
  };

  test('find() knows nothing at first, not even the pair of zeros', () => {
    const cache = new OwnerCache<Owner>(family);
    put(family, [0, 0, 0, 0], [0, 0, 0, 0]);
    expect(cache.find(view, At.dst, At.src)).toBeNull();
    cache.clear();
    expect(cache.find(view, At.dst, At.src)).toBeNull();
  });

  test('find() gives what was remembered last of a pair', () => {
    const cache = new OwnerCache<Owner>(family);
    remember(cache, 1, A);
    expect(find(cache, 1)).toBe(A);
    remember(cache, 1, B);
    expect(find(cache, 1)).toBe(B);
    expect(find(cache, 2)).toBeNull();
  });

  test('find() reads the pair wherever it lies', () => {
    const cache = new OwnerCache<Owner>(family);
    remember(cache, 2, A);
    const elsewhere = new DataView(new ArrayBuffer(64));
    putAddress(elsewhere, 41, family, pairOf(2)[0]);
    putAddress(elsewhere, 3, family, pairOf(2)[1]);
    expect(cache.find(elsewhere, 41, 3)).toBe(A);
    expect(cache.find(elsewhere, 3, 41)).toBeNull();
  });

  test('find() takes no pair for one that differs in any bit', () => {
    const cache = new OwnerCache<Owner>(family);
    for (let at = 0; at < words * 32; at++) {
      for (const base of [At.dst, At.src]) {
        // Remembered each time: the changed pair may have pushed it out.
        remember(cache, 1, A);
        const byteAt = base + (at >> 3);
        view.setUint8(byteAt, view.getUint8(byteAt) ^ (0x80 >> (at & 7)));
        expect([base, at, cache.find(view, At.dst, At.src)]).toEqual([base, at, null]);
      }
    }
  });

  test('clear() forgets every pair, as often as it is called', () => {
    const cache = new OwnerCache<Owner>(family);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 1_000; n++) remember(cache, n, A);
      cache.clear();
      for (let n = 0; n < 1_000; n++) expect(find(cache, n)).toBeNull();
    }
  });

  test('pairs push each other out, and no pair gets another one’s owner', () => {
    const cache = new OwnerCache<Owner>(family);
    const owners = Array.from({ length: 2_000 }, (_, n) => ({ name: String(n) }));
    owners.forEach((owner, n) => {
      remember(cache, n, owner);
    });
    const found = owners.filter((owner, n) => {
      const known = find(cache, n);
      if (known !== null) expect(known).toBe(owner);
      return known !== null;
    });
    // One for each place; neighbouring addresses use nearly all of them.
    expect(found.length).toBeGreaterThan(200);
    expect(found.length).toBeLessThanOrEqual(256);
  });
});

test('OwnerCache of IPv4 looks at one word of each address', () => {
  const cache = new OwnerCache<Owner>(4);
  put(6, [1, 2, 3, 4], [5, 6, 7, 8]);
  cache.remember(view, At.dst, At.src, A);
  put(6, [1, 9, 9, 9], [5, 9, 9, 9]);
  expect(cache.find(view, At.dst, At.src)).toBe(A);
});

/** A route table, and beside it a list that is searched from end to end. */
class Model {
  readonly table = new RouteTable<Owner>();
  #routes: (Route & { readonly owner: Owner })[] = [];

  /** Adds the route if nobody else has it. */
  add(route: Route, owner: Owner): void {
    const holder = this.#holder(route);
    if (holder !== undefined && holder !== owner) {
      expect(() => this.table.add(route.dst, route.src, owner)).toThrow(RouteCollisionError);
      return;
    }
    expect(this.table.add(route.dst, route.src, owner)).toBe(holder === undefined);
    if (holder === undefined) this.#routes.push({ ...route, owner });
  }

  remove(route: Route, owner: Owner): void {
    const isThere = this.#holder(route) === owner;
    expect(this.table.remove(route.dst, route.src, owner)).toBe(isThere);
    if (isThere) this.#routes = this.#routes.filter((own) => !same(own, route));
  }

  /** Makes those of `routes` that nobody else has the owner's only ones. */
  replaceOwned(owner: Owner, routes: readonly Route[]): void {
    const own = routes.filter((route, i) => {
      const holder = this.#holder(route);
      const isFirst = routes.findIndex((other) => same(other, route)) === i;
      return isFirst && (holder === undefined || holder === owner);
    });
    this.table.replaceOwned(owner, own);
    this.#routes = this.#routes.filter((route) => route.owner !== owner);
    this.#routes.push(...own.map((route) => ({ ...route, owner })));
  }

  /** Looks a pair up both ways round, in table and list. */
  expectAgreed(family: 4 | 6, dst: IpWords, src: IpWords): void {
    put(family, dst, src);
    expect(this.table.lookup(view, family, At.dst, At.src)).toBe(this.#ownerOf(family, dst, src));
    for (const owner of OWNERS) {
      expect(this.table.check(view, family, At.dst, At.src, owner)).toBe(
        this.#judge(family, dst, src, owner),
      );
    }
  }

  #holder(route: Route): Owner | undefined {
    return this.#routes.find((own) => same(own, route))?.owner;
  }

  /** Routes whose destination covers the address, the longest first, then the longest source. */
  #towards(family: 4 | 6, dst: IpWords) {
    return this.#routes
      .filter((route) => route.dst.family === family && covers(route.dst, dst))
      .sort((a, b) => b.dst.length - a.dst.length || b.src.length - a.src.length);
  }

  #ownerOf(family: 4 | 6, dst: IpWords, src: IpWords): Owner | null {
    return this.#towards(family, dst).find((route) => covers(route.src, src))?.owner ?? null;
  }

  #judge(family: 4 | 6, innerSrc: IpWords, innerDst: IpWords, owner: Owner): RouteCheck {
    if (this.#ownerOf(family, innerSrc, innerDst) === owner) return RouteCheck.ok;
    const towards = this.#towards(family, innerSrc);
    const longest = towards.filter((route) => route.dst.length === towards[0]?.dst.length);
    return longest.some((route) => route.owner === owner)
      ? RouteCheck.destinationNotAllowed
      : RouteCheck.sourceNotAllowed;
  }
}

function same(a: Route, b: Route): boolean {
  return samePrefix(a.dst, b.dst) && samePrefix(a.src, b.src);
}

function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.length === b.length && a.words.every((word, i) => word === b.words[i]);
}

describe('RouteTable with its memory', () => {
  const route = (dst: string, src: string): Route => ({ dst: parsePrefix(dst), src: parsePrefix(src) });
  const DST4: IpWords = [0x0a000001, 0, 0, 0];
  const SRC4: IpWords = [0x0a000002, 0, 0, 0];

  test.each<[string, (model: Model) => void, Owner | null]>([
    ['add() of a longer destination', (m) => m.add(route('10.0.0.1/32', '0.0.0.0/0'), B), B],
    ['add() of a longer source', (m) => m.add(route('10.0.0.0/8', '10.0.0.2/32'), B), B],
    ['add() of a shorter destination', (m) => m.add(route('0.0.0.0/0', '0.0.0.0/0'), B), A],
    ['remove()', (m) => m.remove(route('10.0.0.0/8', '0.0.0.0/0'), A), null],
    ['remove() of another owner’s', (m) => m.remove(route('10.0.0.0/8', '0.0.0.0/0'), B), A],
    ['replaceOwned() with nothing', (m) => m.replaceOwned(A, []), null],
    ['replaceOwned() of another owner', (m) => m.replaceOwned(B, [route('10.0.0.1/32', '10.0.0.0/8')]), B],
  ])('lookup() right after %s', (_, change, expected) => {
    const model = new Model();
    model.add(route('10.0.0.0/8', '0.0.0.0/0'), A);
    for (let i = 0; i < 2; i++) model.expectAgreed(4, DST4, SRC4);
    change(model);
    model.expectAgreed(4, DST4, SRC4);
    expect(model.table.lookup(view, 4, At.dst, At.src)).toBe(expected);
  });

  test('lookup() takes no IPv4 pair for an IPv6 one that begins alike', () => {
    const model = new Model();
    model.add(route('a00::/16', '::/0'), B);
    model.add(route('10.0.0.0/8', '0.0.0.0/0'), A);
    for (let i = 0; i < 2; i++) {
      model.expectAgreed(4, DST4, SRC4);
      model.expectAgreed(6, DST4, SRC4);
    }
  });

  test('lookup() and check() never answer from before a change', () => {
    const owner = fc.constantFrom(...OWNERS);
    const familyOf = fc.constantFrom<4 | 6>(4, 6);
    const routeOf = familyOf.chain((family) => fc.record({ dst: prefixOf(family), src: prefixOf(family) }));
    const pairOf = familyOf.chain((family) =>
      fc.tuple(fc.constant(family), addressOf(family), addressOf(family)),
    );
    const change = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), route: routeOf, owner }),
      // Mostly what was added, else hardly any would be there to be removed.
      fc.record({ kind: fc.constant('remove' as const), which: fc.nat(30), owner }),
      fc.record({
        kind: fc.constant('replace' as const),
        routes: fc.array(routeOf, { maxLength: 4 }),
        owner,
      }),
    );
    const input = fc.record({
      changes: fc.array(change, { maxLength: 25 }),
      pairs: fc.array(pairOf, { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(input, ({ changes, pairs }) => {
        const model = new Model();
        for (const each of changes) {
          for (const pair of pairs) model.expectAgreed(...pair);
          const own = model.table.routesOf(each.owner);
          const removed = each.kind === 'remove' ? own[each.which % Math.max(own.length, 1)] : undefined;
          if (each.kind === 'add') model.add(each.route, each.owner);
          else if (each.kind === 'replace') model.replaceOwned(each.owner, each.routes);
          else if (removed !== undefined) model.remove(removed, each.owner);
        }
        for (const pair of pairs) model.expectAgreed(...pair);
      }),
      { numRuns: 300, seed: 20_260_103 },
    );
  });
});
