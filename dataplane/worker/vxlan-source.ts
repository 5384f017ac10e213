/** A VXLAN socket as a source of its loop: its frames go to the networks that its ports belong to. */
import type { VxlanPort } from '../port/vxlan-port.ts';
import type { VxlanTunnels } from '../port/vxlan-tunnels.ts';
import { type Outlet, type Source, TURN_FRAMES } from './link.ts';
import type { LocalPort } from './local-port.ts';
import type { SwitchedLink } from './switched-link.ts';

export class VxlanSource implements Source, Outlet {
  readonly fd: number;
  readonly tunnels: VxlanTunnels;
  readonly #ends = new Map<VxlanPort, { readonly local: LocalPort; readonly link: SwitchedLink }>();

  constructor(tunnels: VxlanTunnels) {
    this.fd = tunnels.fd;
    this.tunnels = tunnels;
  }

  /** Tunnels in use. */
  get size(): number {
    return this.#ends.size;
  }

  add(port: VxlanPort, local: LocalPort, link: SwitchedLink): void {
    this.#ends.set(port, { local, link });
  }

  remove(port: VxlanPort): void {
    this.#ends.delete(port);
    this.tunnels.remove(port.vni);
  }

  take(nowMs: number): number {
    const { tunnels } = this;
    let frames = 0;
    // What was read in one call must be taken before the next poll(2), which does not tell of it.
    while (frames < TURN_FRAMES || tunnels.hasMore) {
      const len = tunnels.receive(nowMs);
      if (len === 0) break;
      const end = tunnels.lastPort === null ? undefined : this.#ends.get(tunnels.lastPort);
      if (end !== undefined) frames += end.link.take(end.local, tunnels.frameAt, len, nowMs);
    }
    return frames;
  }

  idle(): void {}

  /** An error of the path to a VTEP, as ICMP told it: reading takes it away. */
  fail(nowMs: number): boolean {
    this.take(nowMs);
    return false;
  }

  check(): boolean {
    return false;
  }

  flush(): void {
    this.tunnels.flush();
  }

  sweep(nowMs: number): void {
    this.tunnels.sweep(nowMs);
  }
}
