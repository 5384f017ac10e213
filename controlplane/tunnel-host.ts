/** What all tunnels of an agent share. */
import type { Clock } from './clock.ts';
import type { ControlLog, PeerEvents } from './control-peer.ts';
import type { Identity } from './identity.ts';
import type { RouteSet } from './routes/ip-prefix.ts';
import type { ControlTransport } from './transport/transport.ts';

export interface TunnelHost {
  readonly identity: Identity;
  readonly transport: ControlTransport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly rekeyIntervalMs: number;
  readonly events: PeerEvents;
  readonly log: ControlLog;
  timestamp(): Uint8Array;
  resolveHost(name: string): Promise<readonly string[]>;
  isOverlayAddress(address: string): boolean;
  /** What this host announces in a network. */
  announced(vni: number): RouteSet;
}
