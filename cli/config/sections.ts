/** Checks which sections a config has: unknown ones, wrong brackets, and what belongs in a network. */
import { MEMBER_FIELDS, NETWORK_TABLES } from './network-schema.ts';
import { ONLY_NETWORK_FIELDS } from './schema.ts';
import { type ConfigReader, kindOf } from './section.ts';
import type { TomlPath } from './toml-document.ts';

const SECTIONS = ['interface', 'metrics', 'log', 'peer', 'network', ...NETWORK_TABLES] as const;
/** Those that may come several times. */
const ARRAYS: readonly string[] = ['peer', 'network', 'port', 'neighbour', 'station'];

/** Keys of `[interface]` that belong into `[[network]]` where there is one. */
export const MOVED_FROM_INTERFACE: readonly string[] = Object.keys(ONLY_NETWORK_FIELDS);
/** Keys of `[[peer]]` that belong into `[[network.peer]]` where there are networks. */
export const MOVED_FROM_PEER: readonly string[] = Object.keys(MEMBER_FIELDS);

/** Whether the config has `[[network]]`. */
export function hasNetworks(reader: ConfigReader): boolean {
  return kindOf(reader.valueAt(['network'])) === 'array';
}

export function checkSections(reader: ConfigReader): void {
  reader.unknownKeys([], SECTIONS, 'section');
  for (const section of SECTIONS) checkKind(reader, [section], section);
  for (const network of reader.tables(['network'])) {
    for (const table of ['peer', ...NETWORK_TABLES]) {
      checkKind(reader, [...network, table], `network.${table}`);
    }
  }
  if (reader.valueAt(['interface']) === undefined) {
    const least = hasNetworks(reader) ? 'private_key_file' : 'private_key_file and address';
    reader.report([], 'there is no [interface] section', `it holds at least ${least}`);
  }
  if (!hasNetworks(reader)) return;
  if (reader.tables(['network']).length === 0) reader.report(['network'], 'network is an empty list');
  checkMoved(reader);
}

/** [peer] where [[peer]] was meant, or the other way round. */
function checkKind(reader: ConfigReader, path: TomlPath, section: string): void {
  const isArray = ARRAYS.includes(String(path.at(-1)));
  const value = reader.valueAt(path);
  if (value === undefined || kindOf(value) === (isArray ? 'array' : 'table')) return;
  reader.report(
    path,
    `cannot use ${section} like this`,
    `start it with ${isArray ? `[[${section}]]` : `[${section}]`}`,
  );
}

/** What says something of one network stands in that network, once there may be several. */
function checkMoved(reader: ConfigReader): void {
  const check = (path: TomlPath, what: string, to: string) => {
    if (reader.valueAt(path) === undefined) return;
    reader.report(path, `${what} is of one network`, `move it into ${to}`);
  };
  for (const key of MOVED_FROM_INTERFACE) check(['interface', key], key, '[[network]]');
  for (const peer of reader.tables(['peer'])) {
    for (const key of MOVED_FROM_PEER) check([...peer, key], key, '[[network.peer]]');
  }
  for (const table of NETWORK_TABLES) {
    const [open, close] = ARRAYS.includes(table) ? ['[[', ']]'] : ['[', ']'];
    check([table], `${open}${table}${close}`, `${open}network.${table}${close}`);
  }
}
