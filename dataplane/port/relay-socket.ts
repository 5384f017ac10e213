/**
 * Opens the sockets of a relay's sessions: connected, so that the kernel takes answers from whom the
 * session speaks to and from nobody else, and tells what ICMP says of the path.
 *
 * @see udp(7), ip(7) IP_RECVERR, ipv6(7) IPV6_RECVERR
 */
import type { Arena } from '../io/arena.ts';
import { close, connect, errno, getsockopt, setsockopt, socket } from '../io/libc.ts';
import { AF_INET, AF_INET6, SOCKADDR_IN_LEN, SOCKADDR_IN6_LEN } from '../wire/endpoint.ts';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_UDP = 17;
const UDP_GRO = 104;

/** The same options under their numbers of either family. */
interface FamilyOptions {
  readonly level: number;
  readonly receiveErrors: number;
  readonly mtuDiscover: number;
  readonly mtu: number;
}
const OPTIONS_4: FamilyOptions = { level: 0, receiveErrors: 11, mtuDiscover: 10, mtu: 14 };
const OPTIONS_6: FamilyOptions = { level: 41, receiveErrors: 25, mtuDiscover: 23, mtu: 24 };

/** Path MTU discovery: fragment what is larger, or refuse it and set DF. */
const PMTUDISC_WANT = 1;
const PMTUDISC_DO = 2;

/** Where things lie in the opener's memory. */
const At = { sockaddr4: 0, sockaddr6: 32, value: 64, len: 72 } as const;
const OWN_LEN = 128;
/** Byte offsets in struct sockaddr_in and sockaddr_in6, of which the rest stays 0. */
const SockaddrAt = { family: 0, port: 2, address4: 4, address6: 8 } as const;

/** Owned by one worker. */
export class RelaySockets {
  /** Where the caller writes whom to speak to, 4 or 16 bytes, before `open`. */
  readonly addressAt4: number;
  readonly addressAt6: number;
  readonly #arena: Arena;
  readonly #at: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#at = arena.take(OWN_LEN);
    this.addressAt4 = this.#at + At.sockaddr4 + SockaddrAt.address4;
    this.addressAt6 = this.#at + At.sockaddr6 + SockaddrAt.address6;
  }

  /**
   * Opens a socket to the address that the caller wrote. Does not block.
   *
   * @returns The descriptor; else the errno, negative.
   */
  open(family: 4 | 6, port: number): number {
    const isV4 = family === 4;
    const fd = socket(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno();
    const { view, base } = this.#arena;
    const at = this.#at + (isV4 ? At.sockaddr4 : At.sockaddr6);
    view.setUint16(at + SockaddrAt.family, isV4 ? AF_INET : AF_INET6, true);
    view.setUint16(at + SockaddrAt.port, port);
    const options = isV4 ? OPTIONS_4 : OPTIONS_6;
    this.#set(fd, options.level, options.receiveErrors, 1);
    // Without it what the kernel joined comes in pieces, as ever.
    this.#set(fd, SOL_UDP, UDP_GRO, 1);
    if (connect(fd, base + at, isV4 ? SOCKADDR_IN_LEN : SOCKADDR_IN6_LEN) === 0) return fd;
    const reason = errno();
    close(fd);
    return -reason;
  }

  /** Whether the path may fragment what the session sends from now on. */
  setFragmentation(fd: number, family: 4 | 6, isAllowed: boolean): void {
    const options = family === 4 ? OPTIONS_4 : OPTIONS_6;
    this.#set(fd, options.level, options.mtuDiscover, isAllowed ? PMTUDISC_WANT : PMTUDISC_DO);
  }

  /** @returns Largest packet that the path is known to take, 0 when that is not known. */
  pathMtu(fd: number, family: 4 | 6): number {
    const { view, base } = this.#arena;
    const options = family === 4 ? OPTIONS_4 : OPTIONS_6;
    const valueAt = this.#at + At.value;
    const lenAt = this.#at + At.len;
    view.setUint32(lenAt, 4, true);
    const result = getsockopt(fd, options.level, options.mtu, base + valueAt, base + lenAt);
    return result === 0 ? view.getInt32(valueAt, true) : 0;
  }

  close(fd: number): void {
    close(fd);
  }

  #set(fd: number, level: number, option: number, value: number): void {
    const valueAt = this.#at + At.value;
    this.#arena.view.setInt32(valueAt, value, true);
    setsockopt(fd, level, option, this.#arena.base + valueAt, 4);
  }
}
