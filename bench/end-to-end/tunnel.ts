/** A kind of tunnel that can be compared. */
import type { Site } from './site.ts';

export interface Tunnel {
  readonly name: string;
  /** Version and what matters of its settings. */
  about(): string;
  /** Address of host b through the tunnel. */
  readonly target: string;
  /** What to do to have it on this machine; null when it is there. */
  missing(): string | null;
  /** Starts it in both hosts of a fresh site; it is up when the target answers. */
  start(site: Site): void | Promise<void>;
}
