import { describe, expect, test } from 'vitest';
import { NeighbourPorts } from '../../../dataplane/l2/neighbour-ports.ts';

describe('NeighbourPorts', () => {
  test('knows only what was added', () => {
    const ports = new NeighbourPorts();
    ports.add(3, { isRemote: true, maxNeighbours: 1 });
    ports.add(1, { isRemote: false, maxNeighbours: 1 });
    const ids = [0, 1, 2, 3, 4, -1];
    expect(ids.map((id) => ports.has(id))).toEqual([false, true, false, true, false, false]);
    expect(ids.map((id) => ports.isRemote(id))).toEqual([false, false, false, true, false, false]);
    expect(ids.map((id) => ports.hasRoom(id))).toEqual([false, true, false, true, false, false]);
  });

  test('hasRoom() until as many were counted as a port may teach', () => {
    const ports = new NeighbourPorts();
    ports.add(0, { isRemote: false, maxNeighbours: 2 });
    ports.count(0, 1);
    expect([ports.learned(0), ports.hasRoom(0)]).toEqual([1, true]);
    ports.count(0, 1);
    expect([ports.learned(0), ports.hasRoom(0)]).toEqual([2, false]);
    ports.count(0, -1);
    expect([ports.learned(0), ports.hasRoom(0)]).toEqual([1, true]);
  });

  test('add() again changes a port and keeps its count, and growing keeps all', () => {
    const ports = new NeighbourPorts();
    ports.add(0, { isRemote: true, maxNeighbours: 2 });
    ports.count(0, 1);
    ports.add(0, { isRemote: false, maxNeighbours: 1 });
    expect([ports.isRemote(0), ports.learned(0), ports.hasRoom(0)]).toEqual([false, 1, false]);
    ports.add(1, { isRemote: true, maxNeighbours: 9 });
    ports.add(65_535, { isRemote: false, maxNeighbours: 0 });
    expect([ports.isRemote(1), ports.hasRoom(1), ports.learned(0), ports.has(0)]).toEqual([
      true,
      true,
      1,
      true,
    ]);
  });

  test('remove() forgets a port, and one that is not there', () => {
    const ports = new NeighbourPorts();
    ports.add(2, { isRemote: true, maxNeighbours: 2 });
    ports.remove(2);
    ports.remove(1);
    ports.remove(9);
    expect([ports.has(2), ports.isRemote(2), ports.hasRoom(2), ports.has(1)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test.each([
    [-1, 1],
    [65_536, 1],
    [0.5, 1],
    [0, -1],
    [0, 0.5],
    [0, 2 ** 31],
  ])('add() refuses port %d with a cap of %d', (port, maxNeighbours) => {
    expect(() => new NeighbourPorts().add(port, { isRemote: false, maxNeighbours })).toThrow(RangeError);
  });
});
