/** Reads a config file: every problem is found before anything on the host changes. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { identityFromSeed, wipeIdentity } from '../../controlplane/identity.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { checkConsistency } from './consistency.ts';
import { checkOwnerOnly, parseKey, readKeyFile } from './key-file.ts';
import { type PlacedNetwork, readNetworks, readOnlyNetwork } from './networks.ts';
import { type PlacedPeer, readPeers } from './peers.ts';
import {
  AGENT_FIELDS,
  INTERFACE_FIELDS,
  LOG_FIELDS,
  METRICS_FIELDS,
  type ONLY_NETWORK_FIELDS,
} from './schema.ts';
import { ConfigReader, kindOf, type SectionValues } from './section.ts';
import { checkSections, hasNetworks, MOVED_FROM_INTERFACE, MOVED_FROM_PEER } from './sections.ts';
import { parseInterfaceName } from './text-values.ts';
import { parseToml } from './toml-document.ts';
import type { Config, InterfaceConfig } from './types.ts';

interface ConfigText {
  readonly text: string;
  readonly mode: number;
}

/**
 * @param file Path of a TOML file; what it names is relative to its directory.
 * @throws {ConfigError} with every problem found.
 */
export function loadConfig(file: string): Config {
  const path = resolve(file);
  const { text, mode } = readConfigText(path, file);
  const document = parseToml(text);
  if ('message' in document) throw new ConfigError(file, [document as ConfigProblem]);
  const reader = new ConfigReader(document);
  checkSections(reader);
  const { values, only } = readOwn(reader);
  const seed = readSeed(reader, values, path, mode);
  const peers = readPeers(reader, path, mode, only === null ? MOVED_FROM_PEER : null);
  const metrics = reader.section(['metrics'], METRICS_FIELDS).listen;
  const log = reader.section(['log'], LOG_FIELDS);
  const own = readInterface(reader, values, only, path, seed);
  const networks =
    only === null
      ? readNetworks(reader, peers, path)
      : [readOnlyNetwork(reader, own.name, only, peers, path)];
  checkConsistency(reader, own, metrics === false ? null : (metrics ?? null), peers, networks);
  if (reader.problems.length > 0) {
    seed?.fill(0);
    for (const peer of peers) peer.config.presharedKey?.fill(0);
    throw new ConfigError(file, reader.problems);
  }
  return {
    file: path,
    interface: own,
    metrics: metrics === false ? null : (metrics ?? null),
    log: { level: log.level ?? 'info' },
    peers: commonPeers(peers, networks, only !== null),
    networks: networks.map((network) => network.config),
  };
}

/** The peers of the only network are the agent's. */
function commonPeers(
  peers: readonly PlacedPeer[],
  networks: readonly PlacedNetwork[],
  only: boolean,
): Config['peers'] {
  const [network] = networks;
  return only && network !== undefined ? network.config.peers : peers.map((peer) => peer.config);
}

interface OwnValues {
  readonly values: SectionValues<typeof AGENT_FIELDS>;
  /** What `[interface]` says of the only network; null with `[[network]]`. */
  readonly only: SectionValues<typeof ONLY_NETWORK_FIELDS> | null;
}

function readOwn(reader: ConfigReader): OwnValues {
  if (hasNetworks(reader)) {
    return { values: reader.section(['interface'], AGENT_FIELDS, MOVED_FROM_INTERFACE), only: null };
  }
  const values = reader.section(['interface'], INTERFACE_FIELDS);
  return { values, only: values };
}

function readConfigText(path: string, shown: string): ConfigText {
  try {
    const descriptor = openSync(path, 'r');
    try {
      return { text: decodeUtf8(readFileSync(descriptor), shown), mode: fstatSync(descriptor).mode };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const [reason, hint] = UNREADABLE[code] ?? [code, ''];
    throw new ConfigError(shown, [{ line: 0, message: `cannot read the config: ${reason}`, hint }]);
  }
}

const UNREADABLE: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ['there is no such file', 'write it (icx man icx.toml), or name another'],
  EISDIR: ['it is a directory', 'name a file in it'],
  EACCES: ['permission denied', 'run as root'],
};

/** A byte order mark, as some editors write it, is left out. @throws {ConfigError} */
function decodeUtf8(bytes: Buffer, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const hint = 'save it as UTF-8';
    throw new ConfigError(shown, [{ line: 0, message: 'is not UTF-8 text, as TOML has to be', hint }]);
  }
}

function readSeed(
  reader: ConfigReader,
  values: SectionValues<typeof AGENT_FIELDS>,
  file: string,
  mode: number,
): Uint8Array | undefined {
  const { private_key: inline, private_key_file: keyFile } = values;
  if (inline !== undefined && keyFile !== undefined) {
    reader.report(['interface', 'private_key'], 'private_key and private_key_file are both set', 'keep one');
  }
  if (keyFile !== undefined) {
    const at = ['interface', 'private_key_file'];
    return reader.attempt(at, () => readKeyFile(keyFile, file, 'private_key_file'));
  }
  const at = ['interface', 'private_key'];
  if (inline !== undefined) {
    reader.attempt(at, () => checkOwnerOnly(mode, file, 'private_key is inline and'));
    return reader.attempt(at, () => parseKey(inline, 'private_key'));
  }
  const refused = reader.valueAt(at) ?? reader.valueAt(['interface', 'private_key_file']);
  if (kindOf(reader.valueAt(['interface'])) === 'table' && refused === undefined) {
    reader.report(['interface'], 'private_key_file is missing', 'make one with icx genkey --out FILE');
  }
  return undefined;
}

/** Values stand in for refused ones, so that the other checks can run; nobody sees them. */
function readInterface(
  reader: ConfigReader,
  values: SectionValues<typeof AGENT_FIELDS>,
  only: SectionValues<typeof ONLY_NETWORK_FIELDS> | null,
  file: string,
  seed: Uint8Array | undefined,
): InterfaceConfig {
  const named = reader.valueAt(['interface', 'name']) !== undefined;
  const fileName = basename(file).replace(/\.toml$/, '');
  const name = named ? values.name : reader.attempt(['interface'], () => parseInterfaceName(fileName));
  return {
    name: name ?? '',
    seed: seed ?? new Uint8Array(32),
    publicKey: seed === undefined ? new Uint8Array(0) : publicKeyOf(seed),
    addresses: only?.address ?? [],
    vni: only?.vni ?? 0,
    listen: values.listen ?? '0.0.0.0',
    listenPort: values.listen_port ?? 0,
    controlPort: values.control_port ?? 0,
    mtu: only?.mtu ?? 'auto',
    queues: values.queues ?? 'auto',
    controlTransport: values.control_transport ?? 'quic',
    suite: values.suite ?? 'aes-128-gcm',
    rekeyIntervalMs: values.rekey_interval ?? 0,
    routes: only?.routes ?? true,
    preUp: values.pre_up ?? [],
    postUp: values.post_up ?? [],
    preDown: values.pre_down ?? [],
    postDown: values.post_down ?? [],
  };
}

function publicKeyOf(seed: Uint8Array): Uint8Array {
  const identity = identityFromSeed(seed);
  wipeIdentity(identity);
  return identity.publicKey;
}
