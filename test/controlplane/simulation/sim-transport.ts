/** Control connections between simulated hosts: delay, partitions, cuts at any write. */
import type { Clock } from '../../../controlplane/clock.ts';
import {
  type CloseInfo,
  type ControlConnection,
  type ControlTransport,
  type DialTarget,
  TransportError,
  type TransportOptions,
} from '../../../controlplane/transport/transport.ts';

export class SimConnection implements ControlConnection {
  readonly peerKey: Uint8Array | null;
  readonly dialled: boolean;
  readonly remoteAddress: string | null;
  readonly closed: Promise<CloseInfo>;
  closeReason: string | null = null;
  other: SimConnection | null = null;
  readonly #network: SimNetwork;
  #resolveClosed: (info: CloseInfo) => void = () => {};
  #incoming: (Uint8Array | null)[] = [];
  #reader: ((bytes: Uint8Array | null) => void) | null = null;

  constructor(network: SimNetwork, dialled: boolean, peerKey: Uint8Array | null, remoteAddress: string) {
    this.#network = network;
    this.dialled = dialled;
    this.peerKey = peerKey;
    this.remoteAddress = remoteAddress;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  read(): Promise<Uint8Array | null> {
    const next = this.#incoming.shift();
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closeReason !== null) throw new TransportError('ERR_ICX_TRANSPORT_CLOSED', this.closeReason);
    this.#network.carry(this, bytes.slice());
  }

  close(reason: string): void {
    if (this.closeReason !== null) return;
    this.ended({ code: 'closed', message: reason });
    this.#network.later(() => this.other?.ended({ code: 'closed', message: reason }));
  }

  /** Bytes of the peer arrived. */
  arrive(bytes: Uint8Array | null): void {
    if (this.closeReason !== null && bytes !== null) return;
    const reader = this.#reader;
    this.#reader = null;
    if (reader === null) this.#incoming.push(bytes);
    else reader(bytes);
  }

  ended(info: CloseInfo): void {
    if (this.closeReason !== null) return;
    this.closeReason = info.message;
    this.arrive(null);
    this.#resolveClosed(info);
  }
}

export class SimNetwork {
  delayMs = 5;
  /** Whether hosts see the key of who is calling. */
  pins = true;
  /** Addresses that nothing reaches and nothing leaves. */
  readonly dark = new Set<string>();
  readonly hosts = new Map<string, SimTransport>();
  /** Both ends of every connection made, in order. */
  readonly connections: SimConnection[] = [];
  dials = 0;
  /** Extra time that a dial from an address takes, in ms. */
  readonly slowDials = new Map<string, number>();
  /** Writes are counted; the connection is cut right before the one with this number. */
  cutAtWrite = -1;
  writes = 0;
  /** Changes what is written; for tampering. */
  tamper: (bytes: Uint8Array, from: SimConnection) => Uint8Array = (bytes) => bytes;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(address: string, key: Uint8Array): (options: TransportOptions) => Promise<ControlTransport> {
    return async (options) => {
      const transport = new SimTransport(this, address, key, options);
      this.hosts.set(address, transport);
      return transport;
    };
  }

  later(act: () => void): void {
    this.#clock.setTimer(this.delayMs, act);
  }

  carry(from: SimConnection, bytes: Uint8Array): void {
    this.writes += 1;
    if (this.writes === this.cutAtWrite) {
      for (const end of [from, from.other]) end?.ended({ code: 'ERR_ICX_TRANSPORT_CLOSED', message: 'cut' });
      return;
    }
    const changed = this.tamper(bytes, from);
    this.later(() => {
      const [source, target] = [from.other?.remoteAddress ?? '', from.remoteAddress ?? ''];
      if (this.dark.has(source) || this.dark.has(target)) return;
      from.other?.arrive(changed);
    });
  }

  /** A pair of connected ends, the dialled one first. */
  pair(dialler: SimTransport, answerer: SimTransport, seesKey: boolean): [SimConnection, SimConnection] {
    const near = new SimConnection(this, true, seesKey ? answerer.key : null, answerer.address);
    const far = new SimConnection(this, false, seesKey ? dialler.key : null, dialler.address);
    near.other = far;
    far.other = near;
    this.connections.push(near, far);
    return [near, far];
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(ms, resolve));
  }
}

export class SimTransport implements ControlTransport {
  readonly name = 'quic';
  readonly carrier = 'simulation';
  readonly address: string;
  readonly key: Uint8Array;
  readonly #network: SimNetwork;
  readonly #options: TransportOptions;

  constructor(network: SimNetwork, address: string, key: Uint8Array, options: TransportOptions) {
    this.#network = network;
    this.address = address;
    this.key = key;
    this.#options = options;
  }

  async dial(target: DialTarget): Promise<ControlConnection> {
    const network = this.#network;
    network.dials += 1;
    const there = network.hosts.get(target.host);
    if (there === undefined || network.dark.has(target.host) || network.dark.has(this.address)) {
      await network.wait(target.timeoutMs);
      throw new TransportError('ERR_ICX_TRANSPORT_TIMEOUT', `no answer from ${target.host}`);
    }
    await network.wait(2 * network.delayMs + (network.slowDials.get(this.address) ?? 0));
    if (network.pins && Buffer.compare(there.key, target.peerKey) !== 0) {
      throw new TransportError('ERR_ICX_TRANSPORT_PEER_KEY', `another key answered at ${target.host}`);
    }
    const [near, far] = network.pair(this, there, network.pins);
    if (network.pins && !there.#options.authorize(this.key)) far.close('not authorized');
    else there.#options.onConnection(far);
    return near;
  }

  async close(): Promise<void> {
    if (this.#network.hosts.get(this.address) === this) this.#network.hosts.delete(this.address);
  }
}
