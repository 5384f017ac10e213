/** Two hosts that are each other's only peer, in one network or several, with traffic both ways. */
import type { ControlPeer } from '../../../controlplane/control-peer.ts';
import { SimClock } from './sim-clock.ts';
import { type HostSettings, identities, SimHost } from './sim-host.ts';
import { SimNetwork } from './sim-transport.ts';

export interface PairSettings {
  readonly lanes?: readonly [number, number];
  readonly peer?: Partial<ControlPeer>;
  /** Differs at the host with the higher key. */
  readonly higherPeer?: Partial<ControlPeer>;
  readonly host?: HostSettings;
  readonly higherHost?: HostSettings;
  /** VNIs in which each host has the other as its peer, in slots from 1 on; 7 alone by default. */
  readonly networks?: { readonly lower: readonly number[]; readonly higher: readonly number[] };
}

const ONE_NETWORK = { lower: [7], higher: [7] };

export class SimPair {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock);
  /** Public key sorts lower: dials at once. */
  readonly lower: SimHost;
  readonly higher: SimHost;
  readonly #settings: PairSettings;

  constructor(settings: PairSettings = {}) {
    this.#settings = settings;
    const [lower, higher] = identities();
    const [lanes, higherLanes] = settings.lanes ?? [1, 1];
    this.lower = new SimHost(this.clock, this.network, '192.0.2.1', lower, lanes);
    this.higher = new SimHost(this.clock, this.network, '192.0.2.2', higher, higherLanes);
  }

  get hosts(): readonly [SimHost, SimHost] {
    return [this.lower, this.higher];
  }

  async startLower(): Promise<void> {
    const { peer, host } = this.#settings;
    this.#wire();
    await this.lower.start(this.#peers(this.#networks.lower, this.higher, peer), host);
  }

  async startHigher(): Promise<void> {
    const { peer, higherPeer, host, higherHost } = this.#settings;
    this.#wire();
    await this.higher.start(this.#peers(this.#networks.higher, this.lower, { ...peer, ...higherPeer }), {
      ...host,
      ...higherHost,
    });
  }

  async start(): Promise<void> {
    await this.startLower();
    await this.startHigher();
  }

  /** Starts both and waits until both are up. @returns ms. */
  async connect(): Promise<number> {
    await this.start();
    return await this.whenUp();
  }

  whenUp(limitMs = 60_000): Promise<number> {
    return this.clock.until(() => this.lower.up && this.higher.up, limitMs);
  }

  /** Runs traffic both ways in every network, a packet per lane and `everyMs`. */
  async traffic(forMs: number, everyMs = 20): Promise<void> {
    for (let ms = 0; ms < forMs; ms += everyMs) {
      for (const host of this.hosts) for (const slot of host.plane.tx.keys()) host.plane.send(slot);
      await this.clock.advance(everyMs);
    }
  }

  /** Promise of something that needs time to go on. */
  async during<T>(work: Promise<T>, limitMs = 30_000): Promise<T> {
    let over = false;
    const mark = (): void => {
      over = true;
    };
    work.then(mark, mark);
    await this.clock.until(() => over, limitMs);
    return await work;
  }

  get violations(): string[] {
    return this.hosts.flatMap((host) => host.plane.violations);
  }

  /** Connections open at both ends. */
  get standing(): number {
    return this.network.connections.filter((end) => end.closeReason === null && end.dialled).length;
  }

  peerOf(host: SimHost, changes: Partial<ControlPeer> = {}): ControlPeer {
    return {
      slot: 1,
      name: host === this.lower ? 'lower' : 'higher',
      vni: 7,
      publicKey: host.identity.publicKey,
      psk: null,
      endpoint: { host: host.address, port: 6081 },
      controlPort: 6082,
      hybrid: false,
      ...changes,
    };
  }

  get #networks(): NonNullable<PairSettings['networks']> {
    return this.#settings.networks ?? ONE_NETWORK;
  }

  #peers(vnis: readonly number[], host: SimHost, changes: Partial<ControlPeer> = {}): ControlPeer[] {
    return vnis.map((vni, index) => this.peerOf(host, { slot: index + 1, vni, ...changes }));
  }

  #wire(): void {
    const { lower, higher } = this.#networks;
    for (const vni of new Set([...lower, ...higher])) {
      // A network that a host lacks gets its next slot there when it is added.
      const [a, b] = [slotOf(lower, vni), slotOf(higher, vni)];
      this.lower.plane.connect(a, () => ({ plane: this.higher.plane, slot: b }));
      this.higher.plane.connect(b, () => ({ plane: this.lower.plane, slot: a }));
    }
  }
}

function slotOf(vnis: readonly number[], vni: number): number {
  return (vnis.includes(vni) ? vnis.indexOf(vni) : vnis.length) + 1;
}
