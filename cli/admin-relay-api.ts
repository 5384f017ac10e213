/** What can be asked of a running agent about its UDP relays. */
import { z } from 'zod';
import type { NetworkChoice } from './admin-l2-api.ts';

const count = () => z.number().min(0);
const seconds = () => z.number().min(0);

/** A guest's datagrams from one source to one destination, and the answers. */
export const RELAY_SESSION = z.object({
  /** Name of the peer or port that the guest is behind. */
  guest: z.string(),
  /** Inner address and port of the guest: `10.77.0.2:40000`, `[fd77::2]:40000`. */
  source: z.string(),
  /** Address and port that it sends to, in the same form. */
  destination: z.string(),
  age_seconds: seconds(),
  idle_seconds: seconds().describe('since the last datagram either way'),
  tx_datagrams: count().describe('from the guest to the destination'),
  tx_bytes: count().describe('payload of UDP, as rx_bytes'),
  rx_datagrams: count().describe('from the destination to the guest'),
  rx_bytes: count(),
});
export type RelaySession = z.infer<typeof RELAY_SESSION>;

export const RELAY_REPORT = z.object({
  networks: z.array(z.object({ network: z.string(), vni: z.int(), sessions: z.array(RELAY_SESSION) })),
});
export type RelayReport = z.infer<typeof RELAY_REPORT>;

/**
 * What an agent tells of its relays. A request that names no network means all that have one.
 *
 * Rejects with errors whose `code` and `hint` reach the operator: no relay, no such network.
 */
export interface RelayApi {
  relayList(request: NetworkChoice): Promise<RelayReport>;
}
