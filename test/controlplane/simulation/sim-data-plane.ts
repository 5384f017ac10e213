/**
 * A data plane that watches over make-before-break: whatever breaks it is written down.
 */
import type { Clock } from '../../../controlplane/clock.ts';
import type {
  DataPlane,
  Endpoint,
  LanePlan,
  PeerProgress,
  SaProgress,
  SaSpec,
} from '../../../dataplane/contract.ts';

interface Sa {
  readonly spec: Omit<SaSpec, 'key'>;
  readonly key: string;
  packets: number;
  /** Frames that the highest counter says did not come. */
  missing: number;
  expiresAtMs: number;
  retired: boolean;
}

export class SimDataPlane implements DataPlane {
  /** Queues, and so send lanes of networks that all queues serve. */
  readonly lanes: number;
  /** By VNI: networks that one queue serves, and which. */
  readonly queueOf = new Map<number, number>();
  /** Time that a change takes, in ms. */
  delayMs = 2;
  /** One-way delay of packets, in ms. */
  packetDelayMs = 3;
  /** Whether the next install fails. */
  failInstalls = 0;
  /** Whether counts of replaced send SAs are kept. */
  keepsCounts = true;
  budgetUsed = 0;
  endpoint: Endpoint | null = null;
  /** What must never happen. */
  readonly violations: string[] = [];
  keepalives = 0;
  lost = 0;
  delivered = 0;
  installs = 0;
  readonly #clock: Clock;
  readonly #remotes = new Map<number, () => { plane: SimDataPlane; slot: number } | null>();
  readonly rx = new Map<number, Sa>();
  readonly tx = new Map<number, Sa[]>();
  readonly #replaced = new Map<number, Sa[]>();
  readonly #txKeys = new Set<string>();

  constructor(clock: Clock, lanes = 1) {
    this.#clock = clock;
    this.lanes = lanes;
  }

  /** Where packets of a slot go: the other host's plane and our slot there. */
  connect(slot: number, remote: () => { plane: SimDataPlane; slot: number } | null): void {
    this.#remotes.set(slot, remote);
  }

  lanesOf(vni: number): LanePlan {
    const queue = this.queueOf.get(vni) ?? null;
    return { lanes: queue === null ? this.lanes : 1, queues: this.lanes, queue };
  }

  async installRx(sas: readonly SaSpec[]): Promise<void> {
    await this.#change();
    for (const { key, ...spec } of sas) {
      this.#check(spec.spi !== 0 && !this.rx.has(spec.spi), `receive SPI ${spec.spi} is zero or live`);
      const { queue, queues } = this.lanesOf(spec.vni);
      const steered = (spec.spi & 0x3fffffff) % queues;
      this.#check(queue === null || steered === queue, `SPI ${spec.spi} is steered past queue ${queue}`);
      const sa = {
        spec,
        key: hex(key),
        packets: 0,
        missing: 0,
        expiresAtMs: this.#now() + spec.lifetimeMs,
        retired: false,
      };
      this.rx.set(spec.spi, sa);
      key.fill(0);
    }
  }

  async installTx(sas: readonly SaSpec[]): Promise<void> {
    await this.#change();
    const [first] = sas;
    if (first === undefined) throw new Error('nothing to install');
    const { lanes } = this.lanesOf(first.vni);
    this.#check(sas.length === lanes, `${sas.length} send SAs for ${lanes} lanes`);
    const fresh = sas.map((sa) => this.#switch(sa));
    const before = this.tx.get(first.slot);
    if (before !== undefined) this.#replaced.set(first.slot, before);
    this.tx.set(first.slot, fresh);
  }

  #switch({ key, ...spec }: SaSpec): Sa {
    const text = hex(key);
    const there = this.#remotes.get(spec.slot)?.()?.plane.rx.get(spec.spi);
    this.#check(there !== undefined, `switched to ${spec.spi}, which the peer has not installed`);
    this.#check(there === undefined || !there.retired, `switched to ${spec.spi}, which the peer has retired`);
    this.#check(there === undefined || there.key === text, `the keys of ${spec.spi} differ`);
    this.#check(there === undefined || there.spec.lane === spec.lane, `the lanes of ${spec.spi} differ`);
    this.#check(there === undefined || there.spec.vni === spec.vni, `the networks of ${spec.spi} differ`);
    this.#check(!this.#txKeys.has(text), `send key of ${spec.spi} used before`);
    this.#check(![...this.rx.values()].some((sa) => sa.key === text), 'receive key used for sending');
    this.#txKeys.add(text);
    key.fill(0);
    return {
      spec,
      key: text,
      packets: 0,
      missing: 0,
      expiresAtMs: this.#now() + spec.lifetimeMs,
      retired: false,
    };
  }

  async retireRx(spis: readonly number[], graceMs: number): Promise<void> {
    await this.#change();
    for (const spi of spis) {
      const sa = this.rx.get(spi);
      if (sa === undefined) continue;
      this.#check(!this.#peerSendsUnder(sa), `retired ${spi}, under which the peer sends`);
      sa.retired = true;
      sa.expiresAtMs = Math.min(sa.expiresAtMs, this.#now() + graceMs);
    }
  }

  async removeRx(spis: readonly number[]): Promise<void> {
    await this.#change();
    for (const spi of spis) {
      const sa = this.rx.get(spi);
      this.#check(
        sa === undefined || !this.#peerSendsUnder(sa),
        `removed ${spi}, under which the peer sends`,
      );
      this.rx.delete(spi);
    }
  }

  async removeTx(slot: number): Promise<void> {
    await this.#change();
    this.tx.delete(slot);
  }

  sendKeepalive(slot: number): void {
    this.keepalives += 1;
    this.send(slot);
  }

  async progress(slot: number): Promise<PeerProgress> {
    const rx = [...this.rx.values()].filter((sa) => sa.spec.slot === slot);
    const replaced = this.keepsCounts ? (this.#replaced.get(slot) ?? []) : [];
    return {
      endpoint: this.endpoint,
      lastRxAtMs: 0,
      rxPackets: 0,
      rxBytes: 0,
      txPackets: 0,
      txBytes: 0,
      txSas: [...(this.tx.get(slot) ?? []), ...replaced].map((sa) => progressOf(sa, this.budgetUsed)),
      rxSas: rx.map((sa) => progressOf(sa, 0)),
    };
  }

  /** Seals one packet per lane; it arrives a moment later, if the peer still takes it. */
  send(slot: number): void {
    const remote = this.#remotes.get(slot);
    for (const sa of this.tx.get(slot) ?? []) {
      sa.packets += 1;
      this.#clock.setTimer(this.packetDelayMs, () => {
        if (remote?.()?.plane.arrive(sa.spec.spi, sa.key)) this.delivered += 1;
        else this.lost += 1;
      });
    }
  }

  arrive(spi: number, key: string): boolean {
    const sa = this.rx.get(spi);
    if (sa === undefined || sa.key !== key || this.#now() >= sa.expiresAtMs) return false;
    sa.packets += 1;
    return true;
  }

  #peerSendsUnder(sa: Sa): boolean {
    const remote = this.#remotes.get(sa.spec.slot)?.();
    return remote?.plane.tx.get(remote.slot)?.some(({ key }) => key === sa.key) ?? false;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimer(this.delayMs, resolve));
    this.installs += 1;
    if (this.failInstalls === 0) return;
    this.failInstalls -= 1;
    throw new Error('worker died');
  }

  #now(): number {
    return this.#clock.nowMs();
  }

  #check(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation);
  }
}

function progressOf(sa: Sa, budgetUsed: number): SaProgress {
  return { spi: sa.spec.spi, lane: sa.spec.lane, packets: sa.packets, missing: sa.missing, budgetUsed };
}

function hex(key: Uint8Array): string {
  if (key.every((byte) => byte === 0)) throw new Error('key of zeros');
  return Buffer.from(key).toString('hex');
}
