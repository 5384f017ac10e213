/** What the engine stands for, as slow and plain as it can be said: lists, filters, strings. */
import type { PeerSpec, RouteSpec } from '../../../dataplane/contract.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';

export interface ReferenceSa {
  readonly slot: number;
  readonly spi: number;
  readonly key: string;
  expiresAtMs: number;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function lengthOf(prefix: string): number {
  return Number(prefix.split('/')[1]);
}

function covers(prefix: string, address: string): boolean {
  const size = 2 ** (32 - lengthOf(prefix));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(prefix.split('/')[0] ?? '') / size);
}

/** Every method that changes something returns whether that is allowed, and does nothing if not. */
export class Reference {
  readonly networks = new Set<number>();
  readonly peers = new Map<number, PeerSpec>();
  rx: ReferenceSa[] = [];
  readonly tx = new Map<number, ReferenceSa>();
  /** Slots whose send SA expired and was swept. */
  readonly expiredTx = new Set<number>();

  addNetwork(vni: number): boolean {
    if (this.networks.has(vni)) return false;
    this.networks.add(vni);
    return true;
  }

  removeNetwork(vni: number): boolean {
    for (const peer of [...this.peers.values()]) if (peer.vni === vni) this.removePeer(peer.slot);
    this.networks.delete(vni);
    return true;
  }

  setPeer(spec: PeerSpec): boolean {
    const known = this.peers.get(spec.slot);
    if (!this.networks.has(spec.vni) || (known !== undefined && known.vni !== spec.vni)) return false;
    if (this.#collides(spec)) return false;
    this.peers.set(spec.slot, spec);
    return true;
  }

  removePeer(slot: number): boolean {
    this.peers.delete(slot);
    this.rx = this.rx.filter((sa) => sa.slot !== slot);
    this.tx.delete(slot);
    this.expiredTx.delete(slot);
    return true;
  }

  replaceRoutes(slot: number, routes: readonly RouteSpec[]): boolean {
    const peer = this.peers.get(slot);
    return peer !== undefined && this.setPeer({ ...peer, routes });
  }

  addRoute(slot: number, route: RouteSpec): boolean {
    this.removeRoute(slot, route);
    return this.replaceRoutes(slot, [...(this.peers.get(slot)?.routes ?? []), route]);
  }

  removeRoute(slot: number, { dst, src }: RouteSpec): boolean {
    const routes = this.peers.get(slot)?.routes ?? [];
    return this.replaceRoutes(
      slot,
      routes.filter((other) => other.dst !== dst || other.src !== src),
    );
  }

  installRx(sa: ReferenceSa, vni: number, nowMs: number): boolean {
    if (this.peers.get(sa.slot)?.vni !== vni) return false;
    if (this.rx.some((other) => other.spi === sa.spi && other.expiresAtMs > nowMs)) return false;
    this.rx = [...this.rx.filter((other) => other.spi !== sa.spi), sa];
    return true;
  }

  installTx(sa: ReferenceSa, vni: number): boolean {
    if (this.peers.get(sa.slot)?.vni !== vni) return false;
    this.tx.set(sa.slot, sa);
    this.expiredTx.delete(sa.slot);
    return true;
  }

  retireRx(spi: number, untilMs: number): boolean {
    for (const sa of this.rx) if (sa.spi === spi) sa.expiresAtMs = Math.min(sa.expiresAtMs, untilMs);
    return true;
  }

  removeRx(spi: number): boolean {
    this.rx = this.rx.filter((sa) => sa.spi !== spi);
    return true;
  }

  removeTx(slot: number): boolean {
    this.tx.delete(slot);
    this.expiredTx.delete(slot);
    return true;
  }

  sweep(nowMs: number): boolean {
    this.rx = this.rx.filter((sa) => sa.expiresAtMs > nowMs);
    for (const [slot, sa] of [...this.tx]) {
      if (sa.expiresAtMs > nowMs) continue;
      this.tx.delete(slot);
      this.expiredTx.add(slot);
    }
    return true;
  }

  /** @returns The SA to seal under, or the drop code. */
  encap(vni: number, src: string, dst: string, nowMs: number): ReferenceSa | number {
    const slot = this.#lookup(vni, dst, src)[0]?.slot;
    if (slot === undefined) return DropCode.txNoRoute;
    const sa = this.tx.get(slot);
    if (sa === undefined) return this.expiredTx.has(slot) ? DropCode.txExpiredSa : DropCode.txNoSa;
    return sa.expiresAtMs > nowMs ? sa : DropCode.txExpiredSa;
  }

  /** @returns 0 for a packet that is delivered, or the drop code. */
  decap(vni: number, spi: number, src: string, dst: string, nowMs: number): number {
    if (!this.networks.has(vni)) return DropCode.rxUnknownVni;
    const sa = this.rx.find((other) => other.spi === spi);
    if (sa === undefined || this.peers.get(sa.slot)?.vni !== vni) return DropCode.rxUnknownSpi;
    if (sa.expiresAtMs <= nowMs) return DropCode.rxExpiredSa;
    if (this.#lookup(vni, src, dst)[0]?.slot === sa.slot) return 0;
    const [longest] = this.#routes(vni)
      .filter((route) => covers(route.dst, src))
      .sort((a, b) => lengthOf(b.dst) - lengthOf(a.dst));
    const owns = this.#routes(vni).some((route) => route.dst === longest?.dst && route.slot === sa.slot);
    return owns ? DropCode.rxInnerDestination : DropCode.rxInnerSource;
  }

  #routes(vni: number): (RouteSpec & { slot: number })[] {
    return [...this.peers.values()]
      .filter((peer) => peer.vni === vni)
      .flatMap((peer) => peer.routes.map((route) => ({ ...route, slot: peer.slot })));
  }

  /** All routes for a packet, best first: longest destination, then longest source. */
  #lookup(vni: number, dst: string, src: string): (RouteSpec & { slot: number })[] {
    return this.#routes(vni)
      .filter((route) => covers(route.dst, dst) && covers(route.src, src))
      .sort((a, b) => lengthOf(b.dst) - lengthOf(a.dst) || lengthOf(b.src) - lengthOf(a.src));
  }

  #collides(spec: PeerSpec): boolean {
    const others = this.#routes(spec.vni).filter((route) => route.slot !== spec.slot);
    return spec.routes.some((own) => others.some((other) => other.dst === own.dst && other.src === own.src));
  }
}
