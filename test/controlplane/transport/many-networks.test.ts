/** Whole control planes over real transports: one peer in as many networks as the limits are made for. */
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../controlplane/clock.ts';
import { ControlPlane } from '../../../controlplane/control-plane.ts';
import type { Identity } from '../../../controlplane/identity.ts';
import { quicTransport } from '../../../controlplane/transport/quic.ts';
import { webtransportTransport } from '../../../controlplane/transport/webtransport.ts';
import { Suite } from '../../../dataplane/contract.ts';
import { SimDataPlane } from '../simulation/sim-data-plane.ts';
import { identities } from '../simulation/sim-host.ts';
import { freePort, type OpenTransport } from './harness.ts';

const NETWORKS = 64;

interface Host {
  readonly control: ControlPlane;
  readonly plane: SimDataPlane;
  /** Why peers were not connected, and what the transport reported. */
  readonly complaints: string[];
}

describe.each<[string, OpenTransport]>([
  ['QUIC', quicTransport],
  ['WebTransport over HTTP/2', (options) => webtransportTransport(options, false)],
])('ControlPlane over %s', (_, openTransport) => {
  const hosts: Host[] = [];

  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(({ control }) => control.close()));
  });

  async function start(identity: Identity, other: Identity, ports: [number, number]): Promise<Host> {
    const plane = new SimDataPlane(systemClock, 2);
    const complaints: string[] = [];
    const complain = (fields: object, message: string): void => {
      complaints.push(`${message} ${JSON.stringify(fields)}`);
    };
    const control = await ControlPlane.start({
      identity,
      peers: Array.from({ length: NETWORKS }, (_item, index) => ({
        slot: index + 1,
        name: 'other',
        vni: 1_000 + index,
        publicKey: other.publicKey,
        psk: null,
        endpoint: { host: '127.0.0.1', port: 6081 },
        controlPort: ports[1],
        hybrid: true,
      })),
      suite: Suite.aes128Gcm,
      rekeyIntervalMs: 120_000,
      listen: '127.0.0.1',
      controlPort: ports[0],
      dataPlane: plane,
      openTransport,
      resolveHost: async (name) => [name],
      isOverlayAddress: () => false,
      log: {
        debug: () => {},
        // One that a busy machine let time out is dialled again; one that was turned away is a limit too low.
        info: () => {},
        warn: complain,
      },
    });
    const host = { control, plane, complaints };
    hosts.push(host);
    return host;
  }

  test('64 networks of two hosts are up within seconds, and none is turned away', async () => {
    const [lower, higher] = identities();
    const ports: [number, number] = [await freePort(), await freePort()];
    const [a, b] = [await start(lower, higher, ports), await start(higher, lower, [ports[1], ports[0]])];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (let slot = 1; slot <= NETWORKS; slot++)
        from.plane.connect(slot, () => ({ plane: to.plane, slot }));
    }
    const up = (): number[] =>
      [a, b].map(({ control }) => control.status().filter(({ state }) => state === 'up').length);
    await expect.poll(up, { timeout: 30_000, interval: 50 }).toEqual([NETWORKS, NETWORKS]);
    expect([a, b].flatMap(({ complaints }) => complaints)).toEqual([]);
    const outcomes = await a.control.rekey();
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(NETWORKS);
    expect([a, b].flatMap(({ plane }) => plane.violations)).toEqual([]);
  }, 60_000);
});
