/** What does it cost to find the SA of a received packet, by how many there are? */
import { SpiMap } from '../dataplane/sa/spi-map.ts';
import { bench } from './harness.ts';

const LOOKUPS = 4_096;
const SIZES = [1, 100, 10_000] as const;

interface Table {
  get(spi: number): { readonly spi: number } | undefined;
  set(spi: number, value: { readonly spi: number }): unknown;
}

/** SPIs as an allocator gives them: consecutive, the half of them with the responder's bit. */
function fill(table: Table, size: number): Int32Array {
  const spis = Int32Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 1 + i : 0x4000_0001 + i));
  for (const spi of spis) table.set(spi, { spi });
  return Int32Array.from({ length: LOOKUPS }, (_, i) => spis[Math.imul(i, 7_919) % size] ?? 1);
}

function lookUp(table: Table, size: number) {
  const wanted = fill(table, size);
  let found = 0;
  const run = () => {
    found = 0;
    for (let i = 0; i < LOOKUPS; i++) {
      const spi = wanted[i] ?? 0;
      if (table.get(spi)?.spi === spi) found++;
    }
  };
  run();
  if (found !== LOOKUPS || table.get(0x2000_0000) !== undefined)
    throw new Error(`${found} of ${LOOKUPS} found`);
  return { packets: LOOKUPS, run };
}

bench(
  import.meta.url,
  'finding an SA by SPI, all in turn',
  [
    ...SIZES.map((size) => ({
      name: `Map, ${size.toLocaleString('en-US')} SAs`,
      prepare: () => lookUp(new Map(), size),
    })),
    ...SIZES.map((size) => ({
      name: `SpiMap, ${size.toLocaleString('en-US')} SAs`,
      base: `Map, ${size.toLocaleString('en-US')} SAs`,
      prepare: () => lookUp(new SpiMap(), size),
    })),
  ],
  { unit: 'ns a lookup' },
);
