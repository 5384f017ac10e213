/** Reads the relay of a network: `[relay]`, `[network.relay]`. */
import { DEFAULT_MAX_SESSIONS, DEFAULT_MAX_SESSIONS_PER_GUEST, RELAY_FIELDS } from './network-schema.ts';
import type { ConfigReader } from './section.ts';
import type { TomlPath } from './toml-document.ts';
import type { RelayConfig } from './types.ts';

/** Whether the network has the section, be it switched off. */
export function hasRelay(reader: ConfigReader, inside: TomlPath): boolean {
  return reader.valueAt([...inside, 'relay']) !== undefined;
}

/** @param inside Of the table that the section stands in. */
export function readRelay(reader: ConfigReader, inside: TomlPath): RelayConfig | null {
  const values = reader.section([...inside, 'relay'], RELAY_FIELDS);
  if (!hasRelay(reader, inside) || values.enabled === false) return null;
  const maxSessions = values.max_sessions ?? DEFAULT_MAX_SESSIONS;
  const ofGuest = values.max_sessions_per_guest;
  if (ofGuest !== undefined && ofGuest > maxSessions) {
    const message = `max_sessions_per_guest = ${ofGuest} is more than max_sessions = ${maxSessions}`;
    reader.report([...inside, 'relay', 'max_sessions_per_guest'], message, 'lower it, or raise the other');
  }
  return {
    idleTimeoutMs: values.idle_timeout ?? 0,
    maxSessions,
    maxSessionsPerGuest: Math.min(maxSessions, ofGuest ?? DEFAULT_MAX_SESSIONS_PER_GUEST),
    resolver: values.resolver ?? null,
    addresses: values.address ?? [],
    deny: values.deny ?? [],
    allow: values.allow ?? [],
  };
}
