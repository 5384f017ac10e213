/** How a relay is set up. */
import { descriptorLimit } from '../io/descriptor-limit.ts';
import type { DenyList } from '../relay/deny-list.ts';
import type { ReassemblyLimits } from '../relay/reassembly.ts';
import { SESSION_LIMITS, type SessionLimits } from '../relay/session-table.ts';
import type { WaitingLimits } from '../relay/waiting-datagrams.ts';
import type { EndpointText } from '../wire/endpoint.ts';
import type { RelayAddresses } from './relay-answers.ts';

export interface RelayOptions {
  readonly denyList: DenyList;
  /** The relay's own addresses in the overlay; nothing is relayed to them but DNS. */
  readonly addresses: RelayAddresses;
  /** Who answers what guests send to port 53 of the relay's own addresses; null for nobody. */
  readonly resolver: EndpointText | null;
  /** Relays that share the process's descriptors. */
  readonly shares?: number;
  readonly sessions?: Partial<SessionLimits>;
  readonly reassembly?: Partial<ReassemblyLimits>;
  readonly waiting?: Partial<WaitingLimits>;
}

/** Descriptors that the rest of the process may need. */
const SPARE_DESCRIPTORS = 256;

/** Limits with no more sessions than there may be sockets. */
export function sessionLimits({ sessions, shares = 1 }: RelayOptions): SessionLimits {
  const limits = { ...SESSION_LIMITS, ...sessions };
  const sockets = Math.floor((descriptorLimit() - SPARE_DESCRIPTORS) / shares);
  return { ...limits, maxSessions: Math.max(1, Math.min(limits.maxSessions, sockets)) };
}
