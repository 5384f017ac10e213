/** What does it cost to find the longest prefix of an address, by how many routes there are? */
import { Lpm } from '../dataplane/route/lpm.ts';
import type { Prefix } from '../dataplane/route/prefix.ts';
import { bench, type Variant } from './harness.ts';

const LOOKUPS = 4_096;
const SIZES = [1, 100, 10_000, 100_000] as const;
const LENGTHS = { 4: [32, 30, 28, 27, 26, 25, 24, 22], 6: [128, 112, 96, 80, 64, 62, 60, 56] } as const;
const FAMILIES = [4, 6] as const;

interface Shape {
  readonly family: 4 | 6;
  readonly size: number;
  /** How many prefix lengths the routes have; the first is that of a host. */
  readonly lengths: number;
  /** How many routes the looked-up addresses belong to. */
  readonly used: number;
}

/** Route `index`: networks of 1,024 IPv4 addresses or a /48 apart. */
function prefixOf({ family, lengths }: Shape, index: number): Prefix {
  const length = LENGTHS[family][index % lengths] ?? 0;
  const words = family === 4 ? ([0x0a00_0000 + index * 1_024, 0, 0, 0] as const) : sixWords(index);
  return { family, words, length };
}

function sixWords(index: number) {
  return [0xfd00_0000 + (index >>> 16), (index & 0xffff) << 16, 0, 0] as const;
}

function lookUp(shape: Shape) {
  const lpm = new Lpm<number>(shape.family);
  for (let i = 0; i < shape.size; i++) lpm.insert(prefixOf(shape, i), i);
  const view = new DataView(new ArrayBuffer(LOOKUPS * 16));
  const wanted = Int32Array.from({ length: LOOKUPS }, (_, i) => (Math.imul(i, 7_919) % shape.used) | 0);
  for (const [i, index] of wanted.entries()) {
    const { words } = prefixOf(shape, index);
    for (const [w, word] of words.entries()) view.setUint32(i * 16 + w * 4, word);
  }
  const bits = shape.family === 4 ? 32 : 128;
  let right = 0;
  const run = () => {
    right = 0;
    for (let i = 0; i < LOOKUPS; i++) if (lpm.lookup(view, i * 16, bits) === wanted[i]) right++;
  };
  run();
  if (right !== LOOKUPS) throw new Error(`${right} of ${LOOKUPS} found`);
  return { packets: LOOKUPS, run };
}

const text = (size: number) => (size === 1 ? '1 route' : `${size.toLocaleString('en-US')} routes`);

function variants(family: 4 | 6): Variant[] {
  const base = `IPv${family}, ${text(1)}`;
  const last = SIZES[SIZES.length - 1] ?? 1;
  const variant = (suffix: string, shape: Omit<Shape, 'family'>): Variant => {
    const name = `IPv${family}, ${text(shape.size)}${suffix}`;
    return { name, ...(name === base ? {} : { base }), prepare: () => lookUp({ family, ...shape }) };
  };
  return [
    ...SIZES.map((size) => variant('', { size, lengths: 1, used: 1 })),
    variant(', 4,096 used in turn', { size: last, lengths: 1, used: LOOKUPS }),
    variant(' of 8 lengths, 4,096 used in turn', { size: last, lengths: 8, used: LOOKUPS }),
  ];
}

bench(import.meta.url, 'longest prefix of an address', FAMILIES.flatMap(variants), { unit: 'ns a lookup' });
