/** Applies what the main thread asks to a network's switch, between two batches. */
import { NeighbourCounter } from '../l2/neighbour-counters.ts';
import type { SwitchReading, WorkerAnswer, WorkerCommand } from './messages.ts';
import type { SwitchedLink } from './switched-link.ts';

export type SwitchCommand = Extract<
  WorkerCommand,
  {
    kind:
      | 'addStation'
      | 'removeStation'
      | 'flushStations'
      | 'setNeighbour'
      | 'removeNeighbour'
      | 'readSwitch'
      | 'listStations'
      | 'listNeighbours';
  }
>;

/** @throws {RangeError} for a port that is not there or an address that no station can have. */
export function applyToSwitch(link: SwitchedLink, command: SwitchCommand, nowMs: number): WorkerAnswer {
  const { fdb } = link.switch;
  const { table } = link.neighbours;
  switch (command.kind) {
    case 'addStation':
      fdb.addStatic(command.mac, command.port);
      return null;
    case 'removeStation':
      return fdb.remove(command.mac);
    case 'flushStations':
      return fdb.flush(command.port);
    case 'setNeighbour':
      table.setStatic(command.neighbour);
      return null;
    case 'removeNeighbour':
      table.remove(command.ip);
      return null;
    case 'readSwitch':
      return read(link);
    case 'listStations':
      return fdb.entries(nowMs);
    case 'listNeighbours':
      return [...table.entries(nowMs)];
  }
}

function read(link: SwitchedLink): SwitchReading {
  const { fdb, snooping } = link.switch;
  const { table } = link.neighbours;
  const { counters } = table;
  const locals = link.locals().map(({ id, port }) => ({
    id,
    stations: fdb.stationsBehind(id),
    counts: { ...port.counts },
    isClosed: port.isClosed,
  }));
  const peers = link.peers().map((id) => ({
    id,
    stations: fdb.stationsBehind(id),
    counts: null,
    isClosed: false,
  }));
  return {
    fdb: fdb.counters(),
    switch: link.switch.counters(),
    ports: [...locals, ...peers],
    multicastGroups: snooping?.membership.table.groups ?? 0,
    neighbours: table.size,
    suppressed: {
      arp: counters[NeighbourCounter.suppressedArp] ?? 0,
      nd: counters[NeighbourCounter.suppressedNd] ?? 0,
    },
  };
}
