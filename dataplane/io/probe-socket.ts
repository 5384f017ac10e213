/**
 * A UDP socket for measuring loss: its receive buffer is larger than dgram may ask for, so
 * that a pause of the program is not taken for loss of the network.
 */
import { AF_INET, AF_INET6, parseEndpoint, SOCKADDR_IN6_LEN, writeSockaddr } from '../wire/endpoint.ts';
import {
  addressOf,
  bind,
  close,
  connect,
  Errno,
  errno,
  poll,
  recvfrom,
  SystemCallError,
  sendto,
  setsockopt,
  socket,
} from './libc.ts';

const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0x80000 | 0x800;
const SOL_SOCKET = 1;
/** Sizes beyond net.core.rmem_max, with CAP_NET_ADMIN. @see socket(7) */
const SO_RCVBUFFORCE = 33;
const RECEIVE_BUFFER_LEN = 16 * 1024 * 1024;
const POLLIN = 1;

export class ProbeSocket {
  #fd: number;
  readonly #pollfd = new Uint8Array(8);

  /**
   * @param address Own address when `listening`, else the other end's.
   * @throws {SystemCallError}
   */
  constructor(address: string, port: number, listening: boolean) {
    const family = address.includes(':') ? AF_INET6 : AF_INET;
    const sockaddr = new Uint8Array(SOCKADDR_IN6_LEN);
    const len = writeSockaddr(new DataView(sockaddr.buffer), 0, parseEndpoint({ address, port }), family);
    this.#fd = socket(family, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (this.#fd < 0) throw new SystemCallError('open a UDP socket');
    const size = new Uint8Array(new Int32Array([RECEIVE_BUFFER_LEN]).buffer);
    // Without the privilege the standard buffer has to do.
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, addressOf(size), 4);
    const attach = listening ? bind : connect;
    if (attach(this.#fd, addressOf(sockaddr), len) < 0) {
      const error = new SystemCallError(`${listening ? 'listen on' : 'reach'} ${address} port ${port}`);
      this.close();
      throw error;
    }
    new DataView(this.#pollfd.buffer).setInt32(0, this.#fd, true);
    new DataView(this.#pollfd.buffer).setInt16(4, POLLIN, true);
  }

  /**
   * @returns Whether the datagram was taken; false when the socket's buffer is full.
   * @throws {SystemCallError}
   */
  send(datagram: Uint8Array): boolean {
    if (sendto(this.#fd, addressOf(datagram), datagram.length, 0, 0, 0) >= 0) return true;
    const number = errno();
    if (number === Errno.EAGAIN || number === Errno.ENOBUFS) return false;
    // An ICMP error about an earlier datagram; this one was not sent.
    if (number === Errno.ECONNREFUSED) return false;
    throw new SystemCallError('send a datagram', number);
  }

  /** @returns Length of the next datagram, written to `into`; -1 when there is none. */
  receive(into: Uint8Array): number {
    return recvfrom(this.#fd, addressOf(into), into.length, 0, 0, 0);
  }

  /** Blocks the thread until a datagram is there, `waitMs` at most. */
  wait(waitMs: number): void {
    poll(addressOf(this.#pollfd), 1, waitMs);
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}
