/** Compares what is in the kernel, as `nft -j list table` prints it, with what should be there. */
import { isObject } from './fields.ts';
import { type NatState, type NftObject, natObjects } from './netfilter.ts';

/**
 * @param listing Parsed output; null when there is no such table.
 * @returns one sentence for each difference, in the order of the table; none when all is well.
 */
export function natDifferences(state: NatState, listing: unknown): string[] {
  if (listing === null) return [`there is no table inet ${state.table}`];
  const found = readListing(listing, state.table);
  const wanted = natObjects(state).filter((object) => !('table' in object));
  const foundTexts = countTexts(found.map(comparable));
  const differences: string[] = [];
  for (const object of wanted) {
    if (!take(foundTexts, comparable(object))) differences.push(`${nameOf(object)} is missing or changed`);
  }
  for (const object of found) {
    if (take(foundTexts, comparable(object))) differences.push(`${nameOf(object)} is not ours`);
  }
  if (differences.length === 0 && orderOf(wanted) !== orderOf(found))
    differences.push('rules are in another order');
  return differences;
}

/** Chains, sets and rules of the table. */
function readListing(listing: unknown, table: string): NftObject[] {
  const objects = isObject(listing) && Array.isArray(listing.nftables) ? listing.nftables : [];
  return objects.filter((object: unknown): object is NftObject => {
    const [body] = isObject(object) ? Object.values(object) : [];
    return isObject(body) && body.family === 'inet' && body.table === table;
  });
}

/** How often each text is there: two containers' rules may be the same. */
function countTexts(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

function take(counts: Map<string, number>, text: string): boolean {
  const count = counts.get(text) ?? 0;
  if (count > 0) counts.set(text, count - 1);
  return count > 0;
}

/** An object's text without what the kernel adds and without accidents of order. */
function comparable(object: NftObject): string {
  return JSON.stringify(normal(object));
}

function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (!isObject(value)) return value;
  const keys = Object.keys(value)
    .filter((key) => key !== 'handle')
    .sort();
  return Object.fromEntries(keys.map((key) => [key, normalMember(key, value[key])]));
}

function normalMember(key: string, value: unknown): unknown {
  const found = normal(value);
  // Versions of nft differ in whether a list of one is a list.
  if (key === 'flags') return Array.isArray(found) ? found : [found];
  if (key !== 'elem' || !Array.isArray(found)) return found;
  return found.map((element) => JSON.stringify(element)).sort();
}

/** Rules count one after another; chains and sets do not. */
function orderOf(objects: readonly NftObject[]): string {
  const rules = objects.filter((object) => 'rule' in object);
  const chains = [...new Set(rules.map(({ rule }) => String(rule?.chain)))].sort();
  return chains
    .flatMap((chain) => rules.filter(({ rule }) => rule?.chain === chain).map(comparable))
    .join('\n');
}

function nameOf(object: NftObject): string {
  const [kind = '', body = {}] = Object.entries(object)[0] ?? [];
  if (kind !== 'rule') return `${kind} ${body.name}`;
  return `the rule ${body.comment === undefined ? '' : `"${body.comment}" `}of chain ${body.chain}`;
}
