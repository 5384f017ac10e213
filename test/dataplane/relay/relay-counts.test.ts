/** Counters by name: none shares its place with another. */
import { expect, test } from 'vitest';
import { RelayCount, RelayCounts, RelayDrop } from '../../../dataplane/relay/relay-counts.ts';

test('RelayCounts.read() gives each counter under its name', () => {
  const counts = new RelayCounts();
  const drops = Object.entries(RelayDrop);
  const others = Object.entries(RelayCount);
  for (const [, place] of drops) for (let i = 0; i <= place; i++) counts.drop(place);
  for (const [, place] of others) counts.add(place, place + 1);
  const { dropped, ...rest } = counts.read();
  expect(dropped).toEqual(Object.fromEntries(drops.map(([name, place]) => [name, place + 1])));
  expect(rest).toEqual(Object.fromEntries(others.map(([name, place]) => [name, place + 1])));
});
