/** Reads the [[peer]] sections of a config file. */
import { peerDhPublic } from '../../controlplane/identity.ts';
import { encodeKey } from '../../controlplane/key-text.ts';
import { checkOwnerOnly, parseKey, readKeyFile } from './key-file.ts';
import type { MEMBER_FIELDS } from './network-schema.ts';
import { CONTROL_PORT, HOST_FIELDS, PEER_FIELDS } from './schema.ts';
import type { ConfigReader, SectionValues } from './section.ts';
import { ValueError } from './text-values.ts';
import type { TomlPath } from './toml-document.ts';
import type { PeerConfig } from './types.ts';

/** Letters of a public key that name a peer without a name. */
const SHORT_KEY_LEN = 8;

/** A peer and where it stands in the file. */
export interface PlacedPeer {
  readonly path: TomlPath;
  readonly config: PeerConfig;
}

/** Inner addresses of a peer in a network. */
export type Membership = Pick<PeerConfig, 'allowedIps' | 'localIps' | 'acceptRoutes'>;

/**
 * Refused values are replaced by harmless ones; the reader knows the problems.
 *
 * @param inner Where `[[peer]]` has no inner addresses: its keys that belong elsewhere.
 */
export function readPeers(
  reader: ConfigReader,
  file: string,
  mode: number,
  inner: readonly string[] | null,
): PlacedPeer[] {
  return reader.tables(['peer']).map((path) => {
    if (inner === null) {
      const values = reader.section(path, PEER_FIELDS);
      return { path, config: { ...readPeer(reader, path, values, file, mode), ...membership(values) } };
    }
    const values = reader.section(path, HOST_FIELDS, inner);
    return { path, config: readPeer(reader, path, values, file, mode) };
  });
}

export function membership(values: SectionValues<typeof MEMBER_FIELDS>): Membership {
  return {
    allowedIps: values.allowed_ips ?? [],
    localIps: values.local_ips ?? [],
    acceptRoutes: values.accept_routes ?? [],
  };
}

/** Without inner addresses. */
function readPeer(
  reader: ConfigReader,
  path: TomlPath,
  values: SectionValues<typeof HOST_FIELDS>,
  file: string,
  mode: number,
): PeerConfig {
  const { public_key: keyText } = values;
  const publicKey =
    keyText === undefined
      ? undefined
      : reader.attempt([...path, 'public_key'], () => parsePublicKey(keyText));
  return {
    name: values.name ?? (publicKey === undefined ? '' : shortKey(publicKey)),
    publicKey: publicKey ?? new Uint8Array(0),
    presharedKey: readPresharedKey(reader, path, values, file, mode) ?? null,
    endpoint: values.endpoint ?? null,
    controlPort: values.control_port ?? CONTROL_PORT,
    allowedIps: [],
    localIps: [],
    acceptRoutes: [],
    keepaliveMs: values.keepalive === undefined || values.keepalive === false ? 0 : values.keepalive,
    rxRateLimitPps: values.rx_rate_limit ?? 0,
    validateSource: values.validate_source ?? false,
    hybrid: values.hybrid ?? true,
    exit: values.exit ?? null,
  };
}

/** The name of a peer that was given none. */
export function shortKey(publicKey: Uint8Array): string {
  return encodeKey(publicKey).slice(0, SHORT_KEY_LEN);
}

function parsePublicKey(text: string): Uint8Array {
  const key = parseKey(text, 'public_key');
  try {
    peerDhPublic(key);
  } catch {
    throw new ValueError('public_key is not a point of Ed25519', 'copy it from icx pubkey on the peer');
  }
  return key;
}

function readPresharedKey(
  reader: ConfigReader,
  path: TomlPath,
  values: SectionValues<typeof HOST_FIELDS>,
  file: string,
  mode: number,
): Uint8Array | undefined {
  const { preshared_key: inline, preshared_key_file: keyFile } = values;
  const at = [...path, 'preshared_key'];
  if (inline !== undefined && keyFile !== undefined) {
    reader.report(at, 'preshared_key and preshared_key_file are both set', 'keep one');
  }
  if (keyFile !== undefined) {
    return reader.attempt([...path, 'preshared_key_file'], () =>
      readKeyFile(keyFile, file, 'preshared_key_file'),
    );
  }
  if (inline === undefined) return undefined;
  reader.attempt(at, () => checkOwnerOnly(mode, file, 'preshared_key is inline and'));
  return reader.attempt(at, () => parseKey(inline, 'preshared_key'));
}
