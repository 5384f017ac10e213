import { describe, expect, test } from 'vitest';
import { renderFdb, renderNeighbours, renderPorts } from '../../cli/l2-text.ts';
import { FDB, NEIGHBOURS, PORTS } from './fake-l2.ts';

describe('renderFdb()', () => {
  test('has a table for each network', () => {
    expect(renderFdb(FDB, false)).toBe(`network: lan0 (vni 7, ageing 5 minutes)
  mac                port    kind  state    age
  02:42:ac:11:00:02  vm1     port  learned  12 seconds
  02:42:ac:11:00:03  host-b  peer  static

network: lan1 (vni 8, ageing 2 minutes)
  (no stations)
`);
  });

  test('colours only when asked to', () => {
    expect(renderFdb(FDB, false)).not.toContain('\u001b');
    expect(renderFdb(FDB, true)).toContain('\u001b[32mlan0\u001b[39m');
  });
});

describe('renderPorts()', () => {
  test('has a table for each network', () => {
    expect(renderPorts(PORTS, false)).toBe(`network: lan0 (vni 7)
  port  type  state  mtu   stations  rx             tx             rx dropped  tx dropped  leads to
  lan0  tap   up     1392  0/4096    0 (0 B)        0 (0 B)        0           0           lan0
  vm1   unix  down   1500  3/16      10 (2.00 KiB)  20 (3.00 GiB)  1           2           /run/vm1.sock

network: lan1 (vni 8)
  (no ports)
`);
  });
});

describe('renderNeighbours()', () => {
  test('has a table for each network', () => {
    expect(renderNeighbours(NEIGHBOURS, false)).toBe(`network: lan0 (vni 7)
  ip         mac                port    kind  state    age
  10.77.0.2  02:42:ac:11:00:02  vm1     port  learned  1 minute, 3 seconds
  fd77::3    02:42:ac:11:00:03  host-b  peer  static

network: lan1 (vni 8)
  (no neighbours)
`);
  });
});

test('names of others move no cursor', () => {
  const evil = 'a\u001b[2J\n';
  const fdb = { networks: FDB.networks.map((one) => ({ ...one, network: evil })) };
  const entries = NEIGHBOURS.networks.map((one) => ({
    ...one,
    neighbours: one.neighbours.map((entry) => ({ ...entry, port: evil, ip: evil })),
  }));
  const ports = PORTS.networks.map((one) => ({
    ...one,
    ports: one.ports.map((port) => ({ ...port, name: evil, detail: evil })),
  }));
  const texts = [
    renderFdb(fdb, false),
    renderNeighbours({ networks: entries }, false),
    renderPorts({ networks: ports }, false),
  ];
  for (const text of texts) {
    expect(text).toContain('a�[2J�');
    expect(text).not.toContain('\u001b');
  }
  expect(renderFdb({ networks: FDB.networks.map(stationAt(evil)) }, false)).not.toContain('\u001b');
});

function stationAt(port: string) {
  return (one: (typeof FDB.networks)[number]) => ({
    ...one,
    entries: one.entries.map((entry) => ({ ...entry, port })),
  });
}
