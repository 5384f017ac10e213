/** What can be asked of a running agent: the answers of its admin socket. */
import { z } from 'zod';
import type { AttachApi } from '../cni/attach-api.ts';
import type { L2Api } from './admin-l2-api.ts';
import type { RelayApi } from './admin-relay-api.ts';
import type { Status } from './status-schema.ts';

const SPI = z.string().regex(/^[0-9a-f]{8}$/);
const SPIS = z.object({
  rx: z.array(SPI).describe('SPIs that this host receives on, by lane'),
  tx: z.array(SPI).describe('SPIs that this host sends to, by lane'),
});

/** How the rekey of one peer went, in one network. */
export const PEER_REKEY = z.object({
  peer: z.string(),
  vni: z.int().optional(),
  ok: z.boolean(),
  trigger: z.enum(['timer', 'budget', 'operator', 'reconnect']),
  old: SPIS,
  new: SPIS,
  /** Sealed under the old SAs but never accepted, both directions; null where the peer didn't say. */
  lost_packets: z.int().min(0).nullable(),
  /** Sealed under the old SAs, both directions. */
  sent_packets: z.int().min(0),
  duration_ms: z.number().min(0),
  error: z.string().nullable(),
});
export type PeerRekey = z.infer<typeof PEER_REKEY>;

export const REKEY_REPORT = z.object({ interface: z.string(), peers: z.array(PEER_REKEY) });
export type RekeyReport = z.infer<typeof REKEY_REPORT>;

/** One difference between the running and another config. */
export const CHANGE = z.object({
  kind: z.enum(['added', 'removed', 'changed']),
  subject: z.string(),
  detail: z.string(),
  /** Whether it waits for the next `icx up`. */
  needs_restart: z.boolean(),
});
export type Change = z.infer<typeof CHANGE>;

export const RELOAD_REPORT = z.object({
  interface: z.string(),
  /** False for a plan: nothing was changed. */
  applied: z.boolean(),
  changes: z.array(CHANGE),
});
export type ReloadReport = z.infer<typeof RELOAD_REPORT>;

/** Who answers at an admin socket. */
export const AGENT_INFO = z.object({ interface: z.string(), pid: z.int(), version: z.string() });
export type AgentInfo = z.infer<typeof AGENT_INFO>;

/** What an agent does for the admin socket. Errors with a `code` and a `hint` reach the operator. */
export interface AgentApi {
  status(): Promise<Status>;
  /** @param peers Names or public keys; none means all. */
  rekey(peers: readonly string[]): Promise<RekeyReport>;
  /** Reads the agent's own config file again and applies it. @throws {ConfigError} */
  reload(): Promise<ReloadReport>;
  /** Tells what `file` would change. @throws {ConfigError} */
  plan(file: string): Promise<ReloadReport>;
  /** @throws {Error} with a stable `code` while the agent is not ready for such questions. */
  readonly l2: L2Api;
  /** As `l2`. */
  readonly relay: RelayApi;
  /** Serves the plugin of container runtimes. */
  readonly attachments: AttachApi;
  /** Starts the shutdown and returns at once. */
  down(): void;
}
