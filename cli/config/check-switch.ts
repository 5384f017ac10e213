/** Checks what a network knows beforehand: its switch's stations, and its neighbours. */
import { L2_TABLES } from './network-schema.ts';
import { type PlacedNetwork, reportNoPeer } from './networks.ts';
import type { ConfigReader } from './section.ts';
import { suggest } from './suggest.ts';
import { withoutLength } from './text-values.ts';
import type { TomlPath } from './toml-document.ts';
import type { StationConfig } from './types.ts';

/** Where a MAC address was said to be: as an operator reads it, by its address. */
type Places = Map<string, string>;

export function checkSwitch(reader: ConfigReader, network: PlacedNetwork): void {
  if (network.mode === 'l3') {
    refuseTables(reader, network);
    return;
  }
  const places: Places = new Map();
  checkStations(reader, network, places);
  checkNeighbours(reader, network, places);
}

/** An l3 network sees no frames. */
function refuseTables(reader: ConfigReader, { inside }: PlacedNetwork): void {
  for (const table of L2_TABLES) {
    if (reader.valueAt([...inside, table]) === undefined) continue;
    reader.report([...inside, table], `an l3 network has no ${table}`, 'remove it, or set mode = "l2"');
  }
}

function checkStations(reader: ConfigReader, network: PlacedNetwork, places: Places): void {
  const { switch: settings } = network.config;
  if (settings === null) return;
  const { stations, maxStations } = settings;
  for (const [index, station] of stations.entries()) {
    const path = [...network.inside, 'station', index];
    checkPlace(reader, network, path, station);
    if (station.mac !== '' && places.has(station.mac)) {
      reader.report([...path, 'mac'], `station ${station.mac} stands here twice`, 'remove one');
    }
    places.set(station.mac, station.peer === null ? `port ${station.port}` : `peer ${station.peer}`);
  }
  if (stations.length <= maxStations) return;
  reader.report(
    [...network.inside, 'switch', 'max_stations'],
    `${stations.length} stations are more than max_stations = ${maxStations}`,
    'raise it',
  );
}

/** Exactly one place, which there is. */
function checkPlace(
  reader: ConfigReader,
  network: PlacedNetwork,
  path: TomlPath,
  { port, peer }: StationConfig,
): void {
  const given = ['port', 'peer'].filter((key) => reader.valueAt([...path, key]) !== undefined);
  if (given.length !== 1) {
    const message =
      given.length === 0 ? 'a station needs a port or a peer' : 'a station is in one place only';
    reader.report(path, message, 'name either a port or a peer');
  }
  if (peer !== null) checkMember(reader, network, [...path, 'peer'], peer);
  const names = network.ports.map(({ name }) => name);
  if (port === null || names.includes(port)) return;
  const near = suggest(port, names);
  const hint = near === null ? 'name a port of this network' : `did you mean ${near}?`;
  reader.report([...path, 'port'], `there is no port "${port}"`, hint);
}

function checkMember(reader: ConfigReader, network: PlacedNetwork, path: TomlPath, peer: string): void {
  const members = network.members.map(({ config }) => config.name);
  if (members.includes(peer)) return;
  reportNoPeer(reader, path, peer, members, `name a peer of network ${network.config.name}`);
}

function checkNeighbours(reader: ConfigReader, network: PlacedNetwork, places: Places): void {
  const own = new Set(network.config.addresses.map(withoutLength));
  const seen = new Set<string>();
  for (const [index, { ip, mac, peer }] of network.config.neighbours.entries()) {
    const path = [...network.inside, 'neighbour', index];
    if (ip !== '' && seen.has(ip)) {
      reader.report([...path, 'ip'], `neighbour ${ip} stands here twice`, 'remove one');
    }
    if (own.has(ip))
      reader.report([...path, 'ip'], `neighbour ${ip} is an address of this host`, 'remove it');
    seen.add(ip);
    if (peer === null) continue;
    checkMember(reader, network, [...path, 'peer'], peer);
    const place = places.get(mac);
    if (mac !== '' && place !== undefined && place !== `peer ${peer}`) {
      reader.report([...path, 'peer'], `station ${mac} is at ${place}`, 'a station is in one place only');
    }
    places.set(mac, `peer ${peer}`);
  }
}
