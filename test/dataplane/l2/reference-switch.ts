/** A switch without multicast snooping that is slow and plain, to compare the fast one with. */

interface Station {
  port: number;
  isStatic: boolean;
  seenMs: number;
  /** Times of the moves since the first one of a window. */
  moves: number[];
}

export interface ReferenceOptions {
  readonly maxEntries: number;
  readonly ageingMs: number;
  readonly maxMoves: number;
  readonly moveWindowMs: number;
}

interface Port {
  readonly isRemote: boolean;
  readonly maxStations: number;
  readonly learns: boolean;
}

/** Ports that a frame goes to, or why it goes nowhere. */
export type Outcome = readonly number[] | 'invalidSource' | 'staticViolation' | 'noPort' | 'splitHorizon';

export class ReferenceSwitch {
  readonly #options: ReferenceOptions;
  readonly #stations = new Map<string, Station>();
  readonly #ports = new Map<number, Port>();
  readonly counts = {
    learned: 0,
    moved: 0,
    aged: 0,
    refusedPortCap: 0,
    refusedTableCap: 0,
    refusedMoves: 0,
    staticViolations: 0,
  };

  constructor(options: ReferenceOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#stations.size;
  }

  addPort(id: number, port: Port): void {
    this.#ports.set(id, port);
  }

  removePort(id: number): void {
    this.#ports.delete(id);
    for (const [mac, { port }] of this.#stations) if (port === id) this.#stations.delete(mac);
  }

  has(id: number): boolean {
    return this.#ports.has(id);
  }

  addStatic(mac: string, port: number): void {
    this.#stations.delete(mac);
    if (this.#stations.size >= this.#options.maxEntries) {
      const learned = [...this.#stations].filter(([, station]) => !station.isStatic);
      const [oldest] = learned.sort(([, a], [, b]) => a.seenMs - b.seenMs);
      if (oldest === undefined) throw new RangeError('full');
      this.#stations.delete(oldest[0]);
    }
    this.#stations.set(mac, { port, isStatic: true, seenMs: 0, moves: [] });
  }

  remove(mac: string): boolean {
    return this.#stations.delete(mac);
  }

  flush(port: number | null): number {
    const before = this.#stations.size;
    for (const [mac, station] of this.#stations) {
      if (!station.isStatic && (port === null || station.port === port)) this.#stations.delete(mac);
    }
    return before - this.#stations.size;
  }

  sweep(nowMs: number): void {
    for (const [mac, station] of this.#stations) {
      if (this.#isFresh(station, nowMs)) continue;
      this.#stations.delete(mac);
      this.counts.aged++;
    }
  }

  entries(nowMs: number) {
    return [...this.#stations]
      .filter(([, station]) => this.#isFresh(station, nowMs))
      .map(([mac, { port, isStatic, seenMs }]) => ({
        mac,
        port,
        isStatic,
        ageMs: isStatic ? null : nowMs - seenMs,
      }));
  }

  forward(destination: string, source: string, from: number, nowMs: number): Outcome {
    const port = this.#ports.get(from);
    if (port === undefined) return 'noPort';
    const isGroup = (mac: string) => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
    if (isGroup(source) || source === '00:00:00:00:00:00') return 'invalidSource';
    const known = this.#stations.get(source);
    if (known?.isStatic === true && known.port !== from) {
      this.counts.staticViolations++;
      return 'staticViolation';
    }
    if (known?.isStatic !== true) this.#learn(source, known, from, port, nowMs);
    const target = this.#stations.get(destination);
    if (isGroup(destination) || target === undefined || !this.#isFresh(target, nowMs)) {
      const others = [...this.#ports].filter(
        ([id, other]) => id !== from && !(port.isRemote && other.isRemote),
      );
      return others.length === 0 ? 'noPort' : others.map(([id]) => id);
    }
    if (target.port === from) return 'noPort';
    return port.isRemote && this.#ports.get(target.port)?.isRemote === true ? 'splitHorizon' : [target.port];
  }

  #learn(mac: string, known: Station | undefined, from: number, port: Port, nowMs: number): void {
    const isFresh = known !== undefined && this.#isFresh(known, nowMs);
    if (isFresh && known.port === from) {
      known.seenMs = nowMs;
      return;
    }
    if (!port.learns) return;
    const { maxMoves, moveWindowMs, maxEntries } = this.#options;
    const moves = isFresh ? known.moves.filter(() => nowMs - (known.moves[0] ?? 0) < moveWindowMs) : [];
    const stations = [...this.#stations.values()].filter(
      (station) => station.port === from && !station.isStatic,
    );
    if (isFresh && moves.length >= maxMoves) this.counts.refusedMoves++;
    else if (known?.port !== from && stations.length >= port.maxStations) this.counts.refusedPortCap++;
    else if (known === undefined && this.size >= maxEntries) this.counts.refusedTableCap++;
    else {
      this.counts.aged += known !== undefined && !isFresh ? 1 : 0;
      this.counts[isFresh ? 'moved' : 'learned']++;
      const since = isFresh ? [...moves, nowMs] : [];
      this.#stations.set(mac, { port: from, isStatic: false, seenMs: nowMs, moves: since });
    }
  }

  #isFresh(station: Station, nowMs: number): boolean {
    return station.isStatic || nowMs - station.seenMs <= this.#options.ageingMs;
  }
}
