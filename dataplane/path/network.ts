/** A virtual network: its peers, their routes, and the outer addresses that can be its peers'. */
import { Lpm } from '../route/lpm.ts';
import type { Prefix } from '../route/prefix.ts';
import { RouteTable } from '../route/route-table.ts';
import { MAX_VNI } from '../wire/geneve.ts';
import type { Peer } from './peer.ts';

const ADDRESS_BITS = 128;

/** Owned by the queue's worker. Routes and packets of one network never meet another's. */
export class Network {
  readonly vni: number;
  /** Whether it carries Ethernet frames, which a switch forwards, or IP packets, which routes do. */
  readonly isEthernet: boolean;
  readonly routes = new RouteTable<Peer>();
  readonly #peers = new Set<Peer>();
  /** How many peers are configured at an outer address; those that validate their source only. */
  readonly #sources = new Lpm<number>(6);
  #validating = 0;

  /** @throws {RangeError} for a VNI outside 1 to 2^24 − 1. */
  constructor(vni: number, isEthernet = false) {
    if (!Number.isInteger(vni) || vni < 1 || vni > MAX_VNI) {
      throw new RangeError(`Cannot use VNI ${vni}: expected 1 to ${MAX_VNI}`);
    }
    this.vni = vni;
    this.isEthernet = isEthernet;
  }

  get peers(): ReadonlySet<Peer> {
    return this.#peers;
  }

  /** Takes a peer in with the settings that it has now. */
  join(peer: Peer): void {
    this.#peers.add(peer);
    this.#count(peer, 1);
  }

  /** Lets a peer go, before its settings change or for good; its routes are the caller's. */
  leave(peer: Peer): void {
    if (this.#peers.delete(peer)) this.#count(peer, -1);
  }

  /**
   * Whether a frame from this outer source may belong to any peer. It can't when all peers
   * validate their source and none is configured at the address; else the SA decides.
   */
  maySendFrom(view: DataView, sourceAt: number): boolean {
    if (this.#validating === 0 || this.#validating < this.#peers.size) return true;
    return this.#sources.lookup(view, sourceAt, ADDRESS_BITS) !== undefined;
  }

  #count(peer: Peer, change: 1 | -1): void {
    if (!peer.validateSource) return;
    this.#validating += change;
    const words = peer.configuredWords;
    if (words === null) return;
    const [a = 0, b = 0, c = 0, d = 0] = words;
    const address: Prefix = { family: 6, words: [a, b, c, d], length: ADDRESS_BITS };
    const count = (this.#sources.get(address) ?? 0) + change;
    if (count === 0) this.#sources.remove(address);
    else this.#sources.insert(address, count);
  }
}
