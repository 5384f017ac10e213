/** Reads the networks of a config: those of `[[network]]`, or the one that `[interface]` describes. */
import {
  DEFAULT_MAX_STATIONS,
  DEFAULT_MAX_STATIONS_PER_PORT,
  NEIGHBOUR_FIELDS,
  NETWORK_FIELDS,
  NETWORK_PEER_FIELDS,
  NETWORK_TABLES,
  STATION_FIELDS,
  SWITCH_FIELDS,
} from './network-schema.ts';
import { type Membership, membership, type PlacedPeer } from './peers.ts';
import { type PlacedPort, readPorts } from './ports.ts';
import { readRelay } from './relay.ts';
import type { ONLY_NETWORK_FIELDS } from './schema.ts';
import type { ConfigReader, SectionValues } from './section.ts';
import { suggest } from './suggest.ts';
import type { TomlPath } from './toml-document.ts';
import type { NetworkConfig, PortConfig, SwitchConfig } from './types.ts';

const DEFAULT_AGEING_MS = 300_000;
/** Of a member that the network tells nothing about. */
const NO_ADDRESSES: Membership = { allowedIps: [], localIps: ['0.0.0.0/0', '::/0'], acceptRoutes: [] };
/** Virtual machines come and go faster than hosts. */
const GUEST_AGEING_MS = 120_000;

/** A network and where it stands in the file. Empty values stand for refused ones. */
export interface PlacedNetwork {
  /** Of the table with its keys. */
  readonly path: TomlPath;
  /** Of what its own tables stand in: the whole file where there is one network only. */
  readonly inside: TomlPath;
  readonly config: NetworkConfig;
  /** null where it was refused. */
  readonly mode: NetworkConfig['mode'] | null;
  /** Each with the path of the table that has its inner addresses. */
  readonly members: readonly PlacedPeer[];
  readonly ports: readonly PlacedPort[];
}

/** The one network of a config without `[[network]]`. */
export function readOnlyNetwork(
  reader: ConfigReader,
  name: string,
  values: SectionValues<typeof ONLY_NETWORK_FIELDS>,
  members: readonly PlacedPeer[],
  file: string,
): PlacedNetwork {
  const place = { path: ['interface'], inside: [], members };
  return readTables(reader, place, { ...values, name, interface: true }, file);
}

export function readNetworks(
  reader: ConfigReader,
  peers: readonly PlacedPeer[],
  file: string,
): PlacedNetwork[] {
  return reader.tables(['network']).map((path) => {
    const values = reader.section(path, NETWORK_FIELDS, ['peer', ...NETWORK_TABLES]);
    return readTables(
      reader,
      { path, inside: path, members: readMembers(reader, path, peers) },
      values,
      file,
    );
  });
}

function readTables(
  reader: ConfigReader,
  place: Pick<PlacedNetwork, 'path' | 'inside' | 'members'>,
  values: SectionValues<typeof NETWORK_FIELDS>,
  file: string,
): PlacedNetwork {
  const { inside } = place;
  const vni = values.vni ?? 0;
  const placed = readPorts(reader, inside, vni, file);
  const ports = placed.map(({ config }) => config).filter((port) => port !== null);
  const settings = readSwitch(reader, inside, ports);
  const config: NetworkConfig = {
    name: values.name ?? '',
    vni,
    mode: values.mode ?? 'l3',
    device: values.interface ?? true,
    addresses: values.address ?? [],
    mtu: values.mtu ?? 'auto',
    routes: values.routes ?? true,
    announce: values.announce ?? [],
    peers: place.members.map((member) => member.config),
    ports,
    switch: values.mode === 'l2' ? settings : null,
    relay: readRelay(reader, inside),
    neighbours: reader.tables([...inside, 'neighbour']).map((path) => {
      const { ip = '', mac = '', peer = null } = reader.section(path, NEIGHBOUR_FIELDS);
      return { ip, mac, peer };
    }),
  };
  return { ...place, config, mode: values.mode ?? null, ports: placed };
}

/** All peers, where the network names none. */
function readMembers(reader: ConfigReader, network: TomlPath, peers: readonly PlacedPeer[]): PlacedPeer[] {
  const tables = reader.tables([...network, 'peer']);
  if (tables.length === 0) {
    return peers.map(({ config }) => ({ path: network, config: { ...config, ...NO_ADDRESSES } }));
  }
  const byName = new Map(peers.map(({ config }) => [config.name, config]));
  return tables.flatMap((path) => {
    const values = reader.section(path, NETWORK_PEER_FIELDS);
    if (values.name === undefined) return [];
    const peer = byName.get(values.name);
    if (peer === undefined) {
      reportNoPeer(reader, [...path, 'name'], values.name, [...byName.keys()], 'it needs a [[peer]] section');
      return [];
    }
    return [{ path, config: { ...peer, ...membership(values) } }];
  });
}

/** Notes that nobody of this name is among `known`. */
export function reportNoPeer(
  reader: ConfigReader,
  path: TomlPath,
  name: string,
  known: readonly string[],
  otherwise: string,
): void {
  const near = suggest(name, known);
  reader.report(
    path,
    `there is no peer "${name}"`,
    near === null || near === '' ? otherwise : `did you mean ${near}?`,
  );
}

function readSwitch(reader: ConfigReader, inside: TomlPath, ports: readonly PortConfig[]): SwitchConfig {
  const values = reader.section([...inside, 'switch'], SWITCH_FIELDS);
  const guests = ports.some(({ type }) => type === 'unix');
  const maxStations = values.max_stations ?? DEFAULT_MAX_STATIONS;
  return {
    ageingMs: values.ageing ?? (guests ? GUEST_AGEING_MS : DEFAULT_AGEING_MS),
    maxStations,
    maxStationsPerPort: Math.min(maxStations, values.max_stations_per_port ?? DEFAULT_MAX_STATIONS_PER_PORT),
    snooping: values.snooping ?? true,
    suppress: values.suppress ?? true,
    stations: reader.tables([...inside, 'station']).map((path) => {
      const { mac = '', port = null, peer = null } = reader.section(path, STATION_FIELDS);
      return { mac, port, peer };
    }),
  };
}
