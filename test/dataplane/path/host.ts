/** One engine with its memory, for tests: packets and frames go in and out as byte arrays. */
import { expect } from 'vitest';
import type { Endpoint, PeerSpec, SaSpec } from '../../../dataplane/contract.ts';
import { Column, DROP_BASE, ROW_LEN } from '../../../dataplane/path/counter-layout.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DROPS, type DropCode, dropInfo } from '../../../dataplane/path/drop.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import type { AeadProvider, PacketMemory } from '../../../dataplane/sa/aead.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { hexBytes } from '../../support/aead-providers.ts';

export const NOW = 1_000_000;
export const VNI = 7;
export const CONTROL_PORT = 6082;
export const PEER_ENDPOINT: Endpoint = { address: '192.0.2.2', port: 6081 };
/** What lies in memory where nothing was written: a read past a packet shows. */
const POISON = 0xa5;
const SLOTS = 16;
const At = { source: 64, packet: 4_096, frame: 80_000, opened: 160_000 } as const;
const MEMORY_LEN = 262_144;

export interface HostOptions {
  readonly aead?: (memory: PacketMemory) => AeadProvider;
  readonly controlPort?: number;
}

export class Host {
  readonly memory: PacketMemory;
  readonly counters = new CounterBlock(CounterBlock.allocate(SLOTS), SLOTS);
  readonly engine: Engine;
  /** Slots whose endpoint was reported as new. */
  readonly learned: number[] = [];
  #encaps = 0;
  #decaps = 0;

  constructor(options: HostOptions = {}) {
    const bytes = new Uint8Array(MEMORY_LEN).fill(POISON);
    this.memory = { bytes, view: new DataView(bytes.buffer) };
    this.engine = new Engine({
      memory: this.memory,
      aead: (options.aead ?? nobleAead)(this.memory),
      counters: this.counters,
      flowHashKey: new Uint8Array(16),
      controlPort: options.controlPort ?? CONTROL_PORT,
      onEndpoint: (peer) => this.learned.push(peer.slot),
    });
  }

  /** The frame, or the drop code. */
  encap(packet: Uint8Array, nowMs = NOW, vni?: number): Uint8Array | number {
    this.#encaps++;
    this.#place(packet, At.packet);
    return this.#frameOf(this.engine.encap(At.packet, packet.length, At.frame, nowMs, vni));
  }

  keepalive(slot: number, nowMs = NOW): Uint8Array | number {
    return this.#frameOf(this.engine.keepalive(slot, At.frame, nowMs));
  }

  /** The inner packet (empty for a keepalive), or the drop code. */
  decap(frame: Uint8Array, nowMs = NOW, source: Endpoint = PEER_ENDPOINT): Uint8Array | number {
    this.#decaps++;
    this.#place(frame, At.frame);
    this.memory.bytes.fill(POISON, At.opened, At.opened + frame.length + 256);
    writeEndpoint(this.memory.view, At.source, parseEndpoint(source));
    const result = this.engine.decap(At.frame, frame.length, At.source, At.opened, nowMs);
    return result < 0 ? -result : this.memory.bytes.slice(At.opened, At.opened + result);
  }

  /** Every packet is accounted for, in each slot and in all. */
  expectAccounted(): void {
    const row = new Float64Array(ROW_LEN);
    const cell = (column: number) => row[column] ?? Number.NaN;
    for (let slot = 0; slot < SLOTS; slot++) {
      this.counters.readRow(slot, row);
      const drops = (direction: string) =>
        DROPS.filter((code) => dropInfo(code).direction === direction).reduce<number>(
          (sum, code) => sum + cell(DROP_BASE + code),
          0,
        );
      expect(cell(Column.rxReceived)).toBe(cell(Column.rxPackets) + cell(Column.rxKeepalives) + drops('rx'));
      expect(cell(Column.txReceived)).toBe(cell(Column.txPackets) + drops('tx'));
    }
    const totals = CounterBlock.sumAll([this.counters]);
    expect(totals.rxReceived).toBe(this.#decaps);
    expect(totals.txReceived).toBe(this.#encaps);
  }

  dropped(code: DropCode, slot?: number): number {
    const blocks = [this.counters];
    const totals = slot === undefined ? CounterBlock.sumAll(blocks) : CounterBlock.sum(blocks, slot);
    return totals.drops.get(code) ?? Number.NaN;
  }

  /** Everything behind the bytes is poison, so that reading on gives an answer that is wrong. */
  #place(bytes: Uint8Array, at: number): void {
    this.memory.bytes.fill(POISON, at, at + bytes.length + 256);
    this.memory.bytes.set(bytes, at);
  }

  #frameOf(result: number): Uint8Array | number {
    return result > 0 ? this.memory.bytes.slice(At.frame, At.frame + result) : -result;
  }
}

export function peerSpec(overrides: Partial<PeerSpec> = {}): PeerSpec {
  return {
    slot: 1,
    vni: VNI,
    routes: [
      { dst: '10.77.0.2/32', src: '0.0.0.0/0' },
      { dst: 'fd77::2/128', src: '::/0' },
    ],
    endpoint: PEER_ENDPOINT,
    rxRateLimitPps: 0,
    validateSource: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    exit: false,
    controlPort: CONTROL_PORT,
    ...overrides,
  };
}

export const KEY_A = '30313233343536373839616263646566';
export const KEY_B = 'feffe9928665731c6d6a8f9467308308';

/** A fresh copy each time, since installing overwrites the key. */
export function saSpec(overrides: Partial<Omit<SaSpec, 'key'>> & { key?: string } = {}): SaSpec {
  const { key = KEY_A, ...rest } = overrides;
  return { slot: 1, vni: VNI, lane: 0, spi: 1, suite: 0, lifetimeMs: 3_600_000, ...rest, key: hexBytes(key) };
}

/** Two hosts with one network, each the other's peer in slot 1, SAs installed both ways. */
export function connectedHosts(options: HostOptions = {}): { a: Host; b: Host } {
  const a = new Host(options);
  const b = new Host(options);
  a.engine.addNetwork(VNI);
  b.engine.addNetwork(VNI);
  a.engine.setPeer(peerSpec());
  b.engine.setPeer(
    peerSpec({
      routes: [
        { dst: '10.77.0.1/32', src: '10.77.0.0/24' },
        { dst: 'fd77::1/128', src: 'fd77::/64' },
      ],
      endpoint: null,
    }),
  );
  b.engine.installRx(saSpec({ spi: 1, key: KEY_A }), NOW);
  a.engine.installRx(saSpec({ spi: 0x4000_0001, key: KEY_B }), NOW);
  a.engine.installTx(saSpec({ spi: 1, key: KEY_A }), NOW);
  b.engine.installTx(saSpec({ spi: 0x4000_0001, key: KEY_B }), NOW);
  return { a, b };
}
