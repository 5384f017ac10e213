/** A simulated agent: control plane, watched data plane, and a power switch. */
import type { Clock } from '../../../controlplane/clock.ts';
import type { ControlPeer, PeerState, PeerStatus } from '../../../controlplane/control-peer.ts';
import { ControlPlane, type ControlPlaneOptions } from '../../../controlplane/control-plane.ts';
import { type Identity, identityFromSeed } from '../../../controlplane/identity.ts';
import type { IpPrefix } from '../../../controlplane/routes/ip-prefix.ts';
import { Suite } from '../../../dataplane/contract.ts';
import type { SimClock } from './sim-clock.ts';
import { SimDataPlane } from './sim-data-plane.ts';
import type { SimNetwork } from './sim-transport.ts';

/** Two identities, the one with the lower public key first. */
export function identities(): [Identity, Identity] {
  const [a, b] = [1, 2].map((byte) => identityFromSeed(new Uint8Array(32).fill(byte)));
  if (a === undefined || b === undefined) throw new Error('unreachable');
  return Buffer.compare(a.publicKey, b.publicKey) < 0 ? [a, b] : [b, a];
}

export type HostSettings = Partial<ControlPlaneOptions> & { lanes?: number };

export class SimHost {
  readonly address: string;
  readonly identity: Identity;
  readonly states: PeerState[] = [];
  readonly rekeys: string[] = [];
  readonly losses: (number | null)[] = [];
  readonly handshakes: number[] = [];
  readonly warnings: string[] = [];
  /** What peers announced, each time all of it. */
  readonly routes: { readonly slot: number; readonly vni: number; readonly prefixes: readonly IpPrefix[] }[] =
    [];
  plane: SimDataPlane;
  control: ControlPlane | null = null;
  #alive = { on: false };
  readonly #clock: SimClock;
  readonly #network: SimNetwork;

  constructor(clock: SimClock, network: SimNetwork, address: string, identity: Identity, lanes = 1) {
    this.#clock = clock;
    this.#network = network;
    this.address = address;
    this.identity = identity;
    this.plane = new SimDataPlane(clock, lanes);
  }

  async start(peers: readonly ControlPeer[], settings: HostSettings = {}): Promise<void> {
    const alive = { on: true };
    this.#alive = alive;
    this.control = await ControlPlane.start({
      identity: this.identity,
      peers,
      suite: Suite.aes128Gcm,
      rekeyIntervalMs: 120_000,
      listen: this.address,
      controlPort: 6082,
      dataPlane: this.plane,
      openTransport: this.#network.open(this.address, this.identity.publicKey),
      resolveHost: async (name) => [name],
      isOverlayAddress: (address) => address.startsWith('10.77.'),
      log: { debug: () => {}, info: () => {}, warn: (_, message) => this.warnings.push(message) },
      events: {
        onState: (_, state) => this.states.push(state),
        onHandshake: (_, durationMs) => this.handshakes.push(durationMs),
        onRekey: (_, trigger, result) => this.rekeys.push(`${trigger} ${result}`),
        onRekeyResult: (_, { lostPackets }) => this.losses.push(lostPackets),
        onRoutes: ({ slot, vni }, prefixes) => this.routes.push({ slot, vni, prefixes }),
      },
      clock: mortal(this.#clock, alive),
      random: () => 0.5,
      ...settings,
    });
  }

  /** As kill -9 does it: nothing is said, nothing is kept. */
  kill(lanes = this.plane.lanes): void {
    this.#alive.on = false;
    const host = this.#network.hosts.get(this.address);
    if (host !== undefined) this.#network.hosts.delete(this.address);
    for (const end of this.#network.connections) {
      if (end.remoteAddress === this.address) end.other = null;
      else if (end.other?.remoteAddress === this.address) end.other = null;
    }
    this.control = null;
    this.plane = new SimDataPlane(this.#clock, lanes);
  }

  status(slot = 1): PeerStatus {
    const status = this.control?.status().find((peer) => peer.slot === slot);
    if (status === undefined) throw new Error(`no peer in slot ${slot}`);
    return status;
  }

  get up(): boolean {
    return this.control?.status().every(({ state }) => state === 'up') ?? false;
  }
}

/** A clock whose timers no longer go off once the host is off. */
function mortal(clock: SimClock, alive: { on: boolean }): Clock {
  return {
    nowMs: () => clock.nowMs(),
    setTimer: (delayMs, act) => clock.setTimer(delayMs, () => (alive.on ? act() : undefined)),
  };
}
