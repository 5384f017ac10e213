/**
 * What the agent knows of the underlay: where each peer is, and how large a packet the route
 * there takes.
 */
import { isIP } from 'node:net';
import type { Endpoint } from '../../dataplane/contract.ts';
import {
  innerMtu,
  type OverlayMtu,
  overlayMtu,
  type UnderlayRoute,
  underlayRoutes,
} from '../host/underlay-mtu.ts';

/** What the MTU of a network depends on. */
export interface NetworkNeeds {
  readonly vni: number;
  /** `mtu` of the config. */
  readonly mtu: number | 'auto';
  /** Whether its interface is to carry IPv6. */
  readonly hasIpv6: boolean;
  /** What each packet has in front when it is sealed: 0, or an Ethernet header. */
  readonly headerLen: number;
  /** Its peers. */
  readonly slots: readonly number[];
}

/** The MTU of a network's interface, and of the path to each of its peers whose address is known. */
export interface MeasuredMtu extends OverlayMtu {
  /** By peer slot: the most that can be sealed, in bytes, header included. */
  readonly byPeer: ReadonlyMap<number, number>;
}

export class Underlay {
  readonly #dataPort: number;
  readonly #endpoints = new Map<number, Endpoint>();

  /** @param dataPort Source port of the data plane. */
  constructor(dataPort: number) {
    this.#dataPort = dataPort;
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

  /**
   * Asks the kernel for the routes to all peers.
   *
   * @param ownDevices The networks' interfaces, which are no underlay.
   * @returns By VNI, one for each of `networks`.
   * @throws {IpError} when iproute2 is missing; without interfaces the agent goes on, and guesses.
   */
  async measure(
    networks: readonly NetworkNeeds[],
    ownDevices: readonly string[],
  ): Promise<Map<number, MeasuredMtu>> {
    const all = [...new Set([...this.#endpoints.values()].map(({ address }) => address))];
    const addresses = all.filter((address) => isIP(address) !== 0);
    const found = await underlayRoutes(addresses, this.#dataPort, ownDevices).catch((error: unknown) => {
      if (ownDevices.length > 0) throw error;
      return [];
    });
    const routes = new Map(found.map((route) => [route.address, route]));
    return new Map(networks.map((network) => [network.vni, this.#measured(network, routes)]));
  }

  #measured(network: NetworkNeeds, routes: ReadonlyMap<string, UnderlayRoute>): MeasuredMtu {
    const own = new Map<string, UnderlayRoute>();
    const byPeer = new Map<number, number>();
    for (const slot of network.slots) {
      const address = this.#endpoints.get(slot)?.address ?? '';
      const route = routes.get(address);
      if (route === undefined) continue;
      own.set(address, route);
      if (route.mtuBytes !== null) byPeer.set(slot, innerMtu(address, route.mtuBytes));
    }
    const { mtu, hasIpv6, headerLen } = network;
    return { ...overlayMtu(mtu, [...own.values()], hasIpv6, headerLen), byPeer };
  }
}
