/** Reads the ports of a network: `[[port]]`, `[[network.port]]`. */
import { dirname } from 'node:path';
import { PORT_FIELDS } from './network-schema.ts';
import { parseSocketPath } from './network-values.ts';
import type { ConfigReader } from './section.ts';
import type { TomlPath } from './toml-document.ts';
import type { InterfacePortConfig, PortConfig, UnixPortConfig, VxlanPortConfig } from './types.ts';

/** A port and where it stands in the file. */
export interface PlacedPort<T extends PortConfig | null = PortConfig | null> {
  readonly path: TomlPath;
  /** Empty values stand for refused ones; null where it can't be told what port it is. */
  readonly config: T;
  readonly name: string;
}

/** Those of one type. */
export function portsOf<T extends PortConfig['type']>(
  type: T,
  ports: readonly PlacedPort[],
): PlacedPort<Extract<PortConfig, { type: T }>>[] {
  const isOfType = (port: PlacedPort): port is PlacedPort<Extract<PortConfig, { type: T }>> =>
    port.config?.type === type;
  return ports.filter(isOfType);
}

/**
 * @param path Of the table that the array stands in.
 * @param vni Of the network.
 * @param file Whose directory relative paths start from.
 */
export function readPorts(reader: ConfigReader, path: TomlPath, vni: number, file: string): PlacedPort[] {
  return reader.tables([...path, 'port']).map((at) => {
    const config = readPort(reader, at, vni, dirname(file));
    const name = config?.name ?? reader.valueAt([...at, 'name']);
    return { path: at, config, name: typeof name === 'string' ? name : '' };
  });
}

function readPort(reader: ConfigReader, path: TomlPath, vni: number, dir: string): PortConfig | null {
  const type = reader.valueAt([...path, 'type']);
  if (type === 'unix') return readUnix(reader, path, dir);
  if (type === 'interface') return readInterfacePort(reader, path);
  if (type === 'vxlan') return readVxlan(reader, path, vni);
  const others = Object.values(PORT_FIELDS).flatMap((fields) => Object.keys(fields));
  const { type: field, name } = PORT_FIELDS.interface;
  reader.section(path, { type: field, name }, [...new Set(others)]);
  return null;
}

function readUnix(reader: ConfigReader, path: TomlPath, dir: string): UnixPortConfig {
  const values = reader.section(path, PORT_FIELDS.unix);
  const socket = (key: 'path' | 'remote') => {
    const text = values[key];
    if (text === undefined) return undefined;
    return reader.attempt([...path, key], () => parseSocketPath(text, dir));
  };
  return {
    type: 'unix',
    name: values.name ?? '',
    path: socket('path') ?? '',
    remote: socket('remote') ?? null,
    mode: values.mode ?? 0,
    mtu: values.mtu ?? null,
    maxStations: values.max_stations ?? null,
    addresses: values.address ?? [],
  };
}

function readInterfacePort(reader: ConfigReader, path: TomlPath): InterfacePortConfig {
  const values = reader.section(path, PORT_FIELDS.interface);
  return {
    type: 'interface',
    name: values.name ?? '',
    device: values.device ?? '',
    maxStations: values.max_stations ?? null,
  };
}

/** Of a group's members only what they send tells where they are. */
function readVxlan(reader: ConfigReader, path: TomlPath, vni: number): VxlanPortConfig {
  const values = reader.section(path, PORT_FIELDS.vxlan);
  return {
    type: 'vxlan',
    name: values.name ?? '',
    vni: values.vni ?? vni,
    listen: values.listen ?? '',
    listenPort: values.listen_port ?? 0,
    remotes: values.remotes ?? [],
    group: values.group ?? null,
    device: values.device ?? null,
    learnRemotes: values.learn_remotes ?? values.group !== undefined,
    ttl: values.ttl ?? 0,
  };
}
