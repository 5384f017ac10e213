/**
 * A keyed hash of a packet's flow, the same in both directions.
 *
 * It spreads flows over lanes and outer source ports while each flow keeps to one. An observer
 * sees ports derived from it, and an inner sender chooses its input: without the key neither
 * can tell which flow is which nor aim flows at one lane, because Chaskey-12 is a pseudo-random
 * function with a 128-bit key and no attack on its full rounds is published. A sum or CRC of
 * the 5-tuple would give both away.
 *
 * The two ends are put in numeric order before hashing, which makes the hash symmetric.
 * Packets without ports (other protocols, fragments, truncated transports) hash by their
 * addresses alone, so that all fragments of a packet agree.
 *
 * @see RFC 8926 §3.3 on the outer source port, RFC 6438
 */
import { checkPacket, ipVersion } from '../wire/ip.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as ipv6 from '../wire/ipv6.ts';
import { createUpperLayer, Fragment, IpProtocol, type UpperLayer } from '../wire/upper-layer.ts';
import { Chaskey } from './chaskey.ts';

/** First dynamic port; there are 2^14 of them. @see RFC 6335 §6 */
const FIRST_DYNAMIC_PORT = 0xc000;
const PORT_SHIFT = 32 - 14;
const PORTS_LEN = 4;

export class FlowHash {
  readonly #prf: Chaskey;
  readonly #upper: UpperLayer = createUpperLayer();

  /** @param key 16 random bytes, copied. All queues of a host share them. */
  constructor(key: Uint8Array) {
    this.#prf = new Chaskey(key);
  }

  /** As `hash`, for any bytes: 0 for what is no IP packet. */
  ofPacket(view: DataView, at: number, len: number): number {
    return checkPacket(view, at, len) ? this.hash(view, at) : 0;
  }

  /**
   * Hash of the packet's flow, 0 to 2^32 − 1.
   *
   * @param at  Start of an IP packet that passed checkPacket().
   */
  hash(view: DataView, at: number): number {
    return (ipVersion(view, at) === 4 ? this.#hash4(view, at) : this.#hash6(view, at)) >>> 0;
  }

  #hash4(view: DataView, at: number): number {
    const upper = this.#upper;
    ipv4.findUpperLayer(view, at, upper);
    const hasPorts = this.#hasPorts(at + ipv4.totalLen(view, at));
    const source = view.getUint32(at + ipv4.SOURCE_AT);
    const destination = view.getUint32(at + ipv4.DESTINATION_AT);
    const protocol = hasPorts ? upper.protocol : 0;
    const sourcePort = hasPorts ? view.getUint16(upper.at) : 0;
    const destinationPort = hasPorts ? view.getUint16(upper.at + 2) : 0;
    if (source < destination || (source === destination && sourcePort <= destinationPort)) {
      return this.#prf.finish(source, destination, (sourcePort << 16) | destinationPort, protocol);
    }
    return this.#prf.finish(destination, source, (destinationPort << 16) | sourcePort, protocol);
  }

  #hash6(view: DataView, at: number): number {
    const upper = this.#upper;
    const hasPorts = ipv6.findUpperLayer(view, at, upper) && this.#hasPorts(at + ipv6.totalLen(view, at));
    const protocol = hasPorts ? upper.protocol : 0;
    const sourcePort = hasPorts ? view.getUint16(upper.at) : 0;
    const destinationPort = hasPorts ? view.getUint16(upper.at + 2) : 0;
    const order = compareAddresses(view, at + ipv6.SOURCE_AT, at + ipv6.DESTINATION_AT);
    if (order < 0 || (order === 0 && sourcePort <= destinationPort)) {
      this.#absorbAddress(view, at + ipv6.SOURCE_AT);
      this.#absorbAddress(view, at + ipv6.DESTINATION_AT);
      return this.#prf.finish((sourcePort << 16) | destinationPort, protocol, 0, 0);
    }
    this.#absorbAddress(view, at + ipv6.DESTINATION_AT);
    this.#absorbAddress(view, at + ipv6.SOURCE_AT);
    return this.#prf.finish((destinationPort << 16) | sourcePort, protocol, 0, 0);
  }

  #absorbAddress(view: DataView, at: number): void {
    this.#prf.absorb(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
  }

  #hasPorts(endAt: number): boolean {
    const { protocol, fragment, at } = this.#upper;
    if (fragment !== Fragment.none || at + PORTS_LEN > endAt) return false;
    return protocol === IpProtocol.tcp || protocol === IpProtocol.udp || protocol === IpProtocol.sctp;
  }
}

/** Outer UDP source port of a flow, 49152 to 65535. It takes the hash's upper bits; lanes take the lower. */
export function sourcePort(hash: number): number {
  return FIRST_DYNAMIC_PORT + (hash >>> PORT_SHIFT);
}

function compareAddresses(view: DataView, a: number, b: number): number {
  for (let i = 0; i < ipv6.ADDRESS_LEN; i += 4) {
    const difference = view.getUint32(a + i) - view.getUint32(b + i);
    if (difference !== 0) return difference;
  }
  return 0;
}
