/** An agent's relays without an agent: a fixed answer, and a list of what was asked. */
import type { RelayApi, RelayReport } from '../../cli/admin-relay-api.ts';

export const SESSIONS: RelayReport = {
  networks: [
    {
      network: 'wan0',
      vni: 7,
      sessions: [
        {
          guest: 'host-b',
          source: '10.77.0.2:40000',
          destination: '203.0.113.9:443',
          age_seconds: 63,
          idle_seconds: 0.2,
          tx_datagrams: 10,
          tx_bytes: 2048,
          rx_datagrams: 20,
          rx_bytes: 3_221_225_472,
        },
        {
          guest: 'vm1',
          source: '[fd77::9]:53000',
          destination: '[fd77::fe]:53',
          age_seconds: 2,
          idle_seconds: 2,
          tx_datagrams: 1,
          tx_bytes: 40,
          rx_datagrams: 0,
          rx_bytes: 0,
        },
      ],
    },
    { network: 'wan1', vni: 8, sessions: [] },
  ],
};

/** @param asked Gets every request. */
export function fakeRelay(asked: unknown[] = []): RelayApi {
  return {
    relayList: async (request) => {
      asked.push(request);
      return SESSIONS;
    },
  };
}
