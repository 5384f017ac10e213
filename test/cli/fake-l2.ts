/** An agent's L2 networks without an agent: fixed answers, and a list of what was asked. */
import type { FdbReport, L2Api, NeighReport, PortReport, PortStatus } from '../../cli/admin-l2-api.ts';

export const FDB: FdbReport = {
  networks: [
    {
      network: 'lan0',
      vni: 7,
      ageing_seconds: 300,
      entries: [
        { mac: '02:42:ac:11:00:02', port: 'vm1', kind: 'port', state: 'learned', age_seconds: 12.4 },
        { mac: '02:42:ac:11:00:03', port: 'host-b', kind: 'peer', state: 'static', age_seconds: null },
      ],
    },
    { network: 'lan1', vni: 8, ageing_seconds: 120, entries: [] },
  ],
};

const QUIET_PORT: PortStatus = {
  name: 'lan0',
  type: 'tap',
  detail: 'lan0',
  state: 'up',
  mtu: 1392,
  stations: 0,
  max_stations: 4096,
  rx_frames: 0,
  rx_bytes: 0,
  tx_frames: 0,
  tx_bytes: 0,
  rx_dropped: 0,
  tx_dropped: 0,
};

const BUSY_PORT: PortStatus = {
  name: 'vm1',
  type: 'unix',
  detail: '/run/vm1.sock',
  state: 'down',
  mtu: 1500,
  stations: 3,
  max_stations: 16,
  rx_frames: 10,
  rx_bytes: 2048,
  tx_frames: 20,
  tx_bytes: 3_221_225_472,
  rx_dropped: 1,
  tx_dropped: 2,
};

export const PORTS: PortReport = {
  networks: [
    { network: 'lan0', vni: 7, ports: [QUIET_PORT, BUSY_PORT] },
    { network: 'lan1', vni: 8, ports: [] },
  ],
};

export const NEIGHBOURS: NeighReport = {
  networks: [
    {
      network: 'lan0',
      vni: 7,
      neighbours: [
        {
          ip: '10.77.0.2',
          mac: '02:42:ac:11:00:02',
          port: 'vm1',
          kind: 'port',
          state: 'learned',
          age_seconds: 63,
        },
        {
          ip: 'fd77::3',
          mac: '02:42:ac:11:00:03',
          port: 'host-b',
          kind: 'peer',
          state: 'static',
          age_seconds: null,
        },
      ],
    },
    { network: 'lan1', vni: 8, neighbours: [] },
  ],
};

/** @param asked Gets every call: the method's name, then its request. */
export function fakeL2(asked: unknown[] = []): L2Api {
  function answer<T>(name: keyof L2Api, result: T): (request: object) => Promise<T> {
    return async (request) => {
      asked.push([name, request]);
      return result;
    };
  }
  return {
    fdbShow: answer('fdbShow', FDB),
    fdbAdd: answer('fdbAdd', { network: 'lan0', removed: 0 }),
    fdbDel: answer('fdbDel', { network: 'lan0', removed: 1 }),
    fdbFlush: answer('fdbFlush', { network: 'lan0', removed: 5 }),
    portList: answer('portList', PORTS),
    portAdd: answer('portAdd', { network: 'lan0', port: 'vm2' }),
    portDel: answer('portDel', { network: 'lan0', port: 'vm2' }),
    neighShow: answer('neighShow', NEIGHBOURS),
  };
}
