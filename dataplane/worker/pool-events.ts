/** What a pool tells of itself. */
import type { Endpoint } from '../contract.ts';

export interface PoolEvents {
  /** A thread died and was replaced; all SAs of its lanes are gone and must be negotiated anew. */
  onWorkerReplaced(queue: number, reason: string): void;
  onEndpoint(slot: number, endpoint: Endpoint): void;
  onPathTooSmall(slot: number): void;
  /** Somebody removed a network's interface: nothing gets through it any more. Told once. */
  onInterfaceLost(vni: number): void;
  /** A port of a switch is gone: somebody removed its interface. */
  onPortLost(vni: number, name: string): void;
}
