/**
 * What the agent knows of the underlay: where each peer is, and how large a packet the route
 * there takes.
 */
import { isIP } from 'node:net';
import type { Endpoint } from '../../dataplane/contract.ts';
import { innerMtu, type OverlayMtu, overlayMtu, underlayRoutes } from '../host/underlay-mtu.ts';

export interface UnderlayOptions {
  readonly interfaceName: string;
  readonly dataPort: number;
}

/** The MTU of the interface, and of the path to each peer whose address is known. */
export interface MeasuredMtu extends OverlayMtu {
  /** Largest inner packet by peer slot. */
  readonly byPeer: ReadonlyMap<number, number>;
}

export class Underlay {
  readonly #options: UnderlayOptions;
  readonly #endpoints = new Map<number, Endpoint>();

  constructor(options: UnderlayOptions) {
    this.#options = options;
  }

  /** @returns Whether this is news. */
  setEndpoint(slot: number, endpoint: Endpoint | null): boolean {
    const before = this.#endpoints.get(slot);
    if (before?.address === endpoint?.address && before?.port === endpoint?.port) return false;
    if (endpoint === null) this.#endpoints.delete(slot);
    else this.#endpoints.set(slot, endpoint);
    return true;
  }

  endpoint(slot: number): Endpoint | null {
    return this.#endpoints.get(slot) ?? null;
  }

  /** Addresses of all peers that are known. */
  addresses(): string[] {
    return [...new Set([...this.#endpoints.values()].map((endpoint) => endpoint.address))];
  }

  /**
   * Asks the kernel for the routes to all peers.
   *
   * @param setting `mtu` of the config.
   * @param hasIpv6 Whether the interface is to carry IPv6.
   * @throws {IpError} when iproute2 is missing.
   */
  async measure(setting: number | 'auto', hasIpv6: boolean): Promise<MeasuredMtu> {
    const { dataPort, interfaceName } = this.#options;
    const addresses = this.addresses().filter((address) => isIP(address) !== 0);
    const found = await underlayRoutes(addresses, dataPort, interfaceName);
    const routes = new Map(found.map((route) => [route.address, route]));
    const overlay = overlayMtu(setting, found, hasIpv6);
    const byPeer = new Map<number, number>();
    for (const [slot, { address }] of this.#endpoints) {
      const outer = routes.get(address)?.mtuBytes ?? null;
      if (outer !== null) byPeer.set(slot, innerMtu(address, outer));
    }
    return { ...overlay, byPeer };
  }
}
