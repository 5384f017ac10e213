/**
 * Ping without ping(8): ICMP and ICMPv6 echo over a raw socket.
 *
 * Waiting polls in slices of 2 ms with turns of the event loop between: a reply is seen when
 * it arrives, which timers alone (1 ms steps) would not tell, and nothing else waits for long.
 * @see RFC 792, RFC 4443 §4
 */
import { randomFillSync } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checksum, sumBytes } from '../wire/checksum.ts';
import { AF_INET, AF_INET6, parseEndpoint, SOCKADDR_IN6_LEN, writeSockaddr } from '../wire/endpoint.ts';
import {
  addressOf,
  close,
  connect,
  poll,
  recvfrom,
  SystemCallError,
  sendto,
  setsockopt,
  socket,
} from './libc.ts';

const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0x80000 | 0x800;
const POLLIN = 1;
const SLICE_MS = 2;
const RECEIVE_LEN = 65_536;

/** Offsets in an echo message. @see RFC 792 */
const At = { type: 0, checksum: 2, id: 4, seq: 6, data: 8 } as const;
/** First bytes of the data, so that nobody else's reply counts. */
const COOKIE_LEN = 8;

const V4 = { family: AF_INET, protocol: 1, request: 8, reply: 0, mtuDiscover: [0, 10] } as const;
const V6 = { family: AF_INET6, protocol: 58, request: 128, reply: 129, mtuDiscover: [41, 23] } as const;
/** IP_PMTUDISC_DO and IPV6_PMTUDISC_DO: never fragment, refuse what the path is known not to take. */
const PMTUDISC_DO = 2;

export interface EchoOptions {
  /** Bytes of data, at least 8; ping(8) sends 56. */
  readonly dataLen?: number;
  readonly timeoutMs?: number;
}

/** Echoes with one address, one at a time. */
export class IcmpEcho {
  #fd: number;
  readonly #kind: typeof V4 | typeof V6;
  readonly #cookie = randomFillSync(new Uint8Array(COOKIE_LEN));
  readonly #id: number;
  readonly #reply = new Uint8Array(RECEIVE_LEN);
  readonly #pollfd = new Uint8Array(8);
  #seq = 0;

  /**
   * @param address IPv4 or IPv6.
   * @param dontFragment Whether an echo larger than the path's MTU fails instead of being cut up.
   * @throws {SystemCallError} without CAP_NET_RAW, or without a route.
   */
  constructor(address: string, dontFragment = false) {
    this.#kind = isIPv6(address) ? V6 : V4;
    this.#id = new DataView(this.#cookie.buffer).getUint16(0);
    this.#fd = socket(this.#kind.family, SOCK_RAW_CLOEXEC_NONBLOCK, this.#kind.protocol);
    if (this.#fd < 0) throw new SystemCallError('open a raw ICMP socket');
    new DataView(this.#pollfd.buffer).setInt32(0, this.#fd, true);
    new DataView(this.#pollfd.buffer).setInt16(4, POLLIN, true);
    try {
      this.#connect(address, dontFragment);
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  #connect(address: string, dontFragment: boolean): void {
    // A raw socket has no ports; the parser wants one.
    const endpoint = parseEndpoint({ address, port: 1 });
    const sockaddr = new Uint8Array(SOCKADDR_IN6_LEN);
    const len = writeSockaddr(new DataView(sockaddr.buffer), 0, endpoint, this.#kind.family);
    // Connected, the kernel passes on packets of this address only.
    if (connect(this.#fd, addressOf(sockaddr), len) < 0) {
      throw new SystemCallError(`reach ${address}`);
    }
    if (!dontFragment) return;
    const [level, option] = this.#kind.mtuDiscover;
    const value = new Uint8Array(new Int32Array([PMTUDISC_DO]).buffer);
    if (setsockopt(this.#fd, level, option, addressOf(value), 4) < 0) {
      throw new SystemCallError('forbid fragmentation');
    }
  }

  /**
   * Sends one echo request and waits for its reply.
   *
   * @returns Round trip in ms, or null when none came in time.
   * @throws {SystemCallError} when the request could not be sent.
   */
  async ping({ dataLen = 56, timeoutMs = 1_000 }: EchoOptions = {}): Promise<number | null> {
    this.#seq = (this.#seq + 1) & 0xffff;
    const request = this.#request(Math.max(COOKIE_LEN, dataLen));
    const sentAtMs = performance.now();
    if (sendto(this.#fd, addressOf(request), request.length, 0, 0, 0) < 0) {
      throw new SystemCallError(`send an echo request of ${request.length} bytes`);
    }
    for (;;) {
      const waitedMs = performance.now() - sentAtMs;
      if (this.#receive(request)) return performance.now() - sentAtMs;
      if (waitedMs >= timeoutMs) return null;
      if (poll(addressOf(this.#pollfd), 1, SLICE_MS) <= 0) await nextTurn();
    }
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  #request(dataLen: number): Uint8Array {
    const request = new Uint8Array(At.data + dataLen);
    const view = new DataView(request.buffer);
    view.setUint8(At.type, this.#kind.request);
    view.setUint16(At.id, this.#id);
    view.setUint16(At.seq, this.#seq);
    for (let index = COOKIE_LEN; index < dataLen; index++) request[At.data + index] = index & 0xff;
    request.set(this.#cookie, At.data);
    // The kernel fills in the ICMPv6 checksum, which covers addresses it chooses. @see RFC 3542 §3.1
    if (this.#kind === V4) view.setUint16(At.checksum, checksum(sumBytes(view, 0, request.length)));
    return request;
  }

  /** Reads what has arrived; whether the reply to `request` was among it, unchanged. */
  #receive(request: Uint8Array): boolean {
    for (;;) {
      const len = recvfrom(this.#fd, addressOf(this.#reply), this.#reply.length, 0, 0, 0);
      if (len < 0) return false;
      // An IPv4 raw socket delivers the IP header too. @see raw(7)
      const at = this.#kind === V4 ? ((this.#reply[0] ?? 0) & 0x0f) * 4 : 0;
      if (this.#reply[at + At.type] !== this.#kind.reply) continue;
      const echoed = this.#reply.subarray(at + At.id, len);
      if (Buffer.compare(echoed, request.subarray(At.id)) === 0) return true;
    }
  }
}
