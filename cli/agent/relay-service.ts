/** What a running agent tells of its relays when asked. */

import type { NetworkChoice } from '../admin-l2-api.ts';
import type { RelayApi, RelayReport } from '../admin-relay-api.ts';
import { type NetworkKind, networksFor } from './l2-networks.ts';
import type { Overlay } from './overlay.ts';
import { readSessions } from './relay-readings.ts';

const WITH_RELAY: NetworkKind = {
  title: 'network with a relay',
  hint: '[relay] in the config makes one',
  code: 'ERR_ICX_NO_RELAY',
};

export class RelayService implements RelayApi {
  readonly #overlay: Overlay;

  constructor(overlay: Overlay) {
    this.#overlay = overlay;
  }

  async relayList({ network: wanted }: NetworkChoice): Promise<RelayReport> {
    const { pool, peers } = this.#overlay;
    const all = this.#overlay.networks().flatMap(({ vni, config }) => {
      const own = pool.network(vni);
      return own === undefined || config.relay === null ? [] : [{ name: config.name, vni, own }];
    });
    const networks = networksFor(all, wanted, WITH_RELAY).map(async ({ name, vni, own }) => ({
      network: name,
      vni,
      sessions: await readSessions(own, peers.of(vni)),
    }));
    return { networks: await Promise.all(networks) };
  }
}
