/** What every way to manage addresses can do. */
import type { Container, Variables } from '../environment.ts';
import type { NetworkConfig, ValidAttachment } from '../network-config.ts';
import type { CniResult } from '../result.ts';

/** Methods reject with CniError. */
export interface Ipam {
  /** Addresses without interface, routes, DNS. What a failed call reserved is free again. */
  add(container: Container): Promise<CniResult>;
  /** Idempotent. */
  del(container: Container): Promise<void>;
  /** @param addresses Those that the container has by the result of ADD, without prefix length. */
  check(container: Container, addresses: readonly string[]): Promise<void>;
  gc(valid: readonly ValidAttachment[]): Promise<void>;
  /** Rejects when no address could be given away. */
  status(): Promise<void>;
}

export interface IpamContext {
  readonly config: NetworkConfig;
  readonly variables: Variables;
  /** Containers that the agent has attached, by `containerKey()`; null when it does not say. */
  attached(): Promise<ReadonlySet<string> | null>;
}
