/**
 * A virtual machine's Unix datagram socket as a port. @see dgram-socket.ts, which opens it
 *
 * Where the machine's address is not configured it is that of the latest frame: a machine that
 * restarts binds a path of its own, and may bind another. vfkit, and others that do as it does,
 * send four bytes first, so that the address is known before there is a frame. A machine that does
 * not read loses frames; nobody waits for it.
 *
 * @see unix(7), https://github.com/crc-org/vfkit/blob/main/doc/usage.md
 */
import type { Arena } from '../io/arena.ts';
import { addressOf, Errno, errno, recvfrom, sendto } from '../io/libc.ts';
import { PATH_AT, SOCKADDR_UN_LEN, unixAddress, unixPath } from '../io/unix-address.ts';
import type { DgramSpec } from './dgram-socket.ts';
import { FrameCounts, type FramePort, MAX_FRAME_OVERHEAD, MAX_SKIPS, MIN_FRAME_LEN } from './frame-port.ts';
import { MAX_FRAME_LEN } from './tun.ts';

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** "VFKT" */
const HANDSHAKE = 0x56464b54;
const HANDSHAKE_LEN = 4;

/** Where things lie in the port's own memory. */
const At = { remote: 0, source: 128, sourceLen: 256 } as const;
const OWN_LEN = 320;

/** Why frames were dropped; together rxDropped and txDropped. */
export class DgramCounts extends FrameCounts {
  /** Shorter than an Ethernet header, or longer than the MTU allows. */
  rxBadLength = 0;
  /** From a socket without an address: there is nobody to answer to. */
  rxUnnamed = 0;
  txBadLength = 0;
  /** No address was learned yet. */
  txNoRemote = 0;
  /** The machine does not read fast enough. */
  txFull = 0;
  /** Nobody listens at the machine's address. */
  txGone = 0;
  txFailed = 0;
}

/** Owned by one worker. */
export class DgramPort implements FramePort {
  readonly fd: number;
  readonly givesSupers = false;
  readonly takesSupers = false;
  readonly frameAt: number;
  readonly counts = new DgramCounts();
  /** Only a port that is an end of a pair can be. */
  isClosed = false;
  readonly #arena: Arena;
  readonly #readAddress: number;
  readonly #isConnected: boolean;
  readonly #isLearning: boolean;
  readonly #maxLen: number;
  readonly #own = new DataView(new ArrayBuffer(OWN_LEN));
  readonly #remoteAddress: number;
  readonly #sourceAddress: number;
  readonly #sourceLenAddress: number;
  /** Bytes of the machine's address, 0 while it is unknown. */
  #remoteLen = 0;

  /** @param readAt From `takeFrameBuffer`. */
  constructor(spec: DgramSpec, arena: Arena, readAt: number) {
    this.fd = spec.fd;
    this.frameAt = readAt;
    this.#arena = arena;
    this.#readAddress = arena.base + readAt;
    this.#isConnected = spec.isConnected;
    this.#isLearning = !spec.isConnected && spec.remote === null;
    this.#maxLen = Math.min(MAX_FRAME_LEN, spec.mtuBytes + MAX_FRAME_OVERHEAD);
    const own = new Uint8Array(this.#own.buffer);
    const address = addressOf(own);
    this.#remoteAddress = spec.isConnected ? 0 : address + At.remote;
    this.#sourceAddress = address + At.source;
    this.#sourceLenAddress = address + At.sourceLen;
    if (spec.remote === null) return;
    const remote = unixAddress(spec.remote, 'remote socket');
    own.set(remote, At.remote);
    this.#remoteLen = remote.length;
  }

  /** The machine's address as a path or @name; '' while it is unknown, and of a pair. Not for every frame. */
  get remote(): string {
    return unixPath(new Uint8Array(this.#own.buffer, At.remote, SOCKADDR_UN_LEN), this.#remoteLen);
  }

  receive(): number {
    const own = this.#own;
    const counts = this.counts;
    for (let skips = 0; skips < MAX_SKIPS; skips++) {
      own.setUint32(At.sourceLen, SOCKADDR_UN_LEN, true);
      // MSG_TRUNC: the length that the datagram has, not what of it fits.
      const flags = MSG_TRUNC | MSG_DONTWAIT;
      const to = this.#sourceAddress;
      const len = recvfrom(this.fd, this.#readAddress, this.#maxLen, flags, to, this.#sourceLenAddress);
      if (len < 0) return 0;
      const sourceLen = own.getUint32(At.sourceLen, true);
      if (!this.#isConnected && sourceLen <= PATH_AT) {
        counts.rxUnnamed++;
      } else if (len === HANDSHAKE_LEN && this.#isHandshake()) {
        this.#learn(sourceLen);
        continue;
      } else if (len < MIN_FRAME_LEN || len > this.#maxLen) {
        counts.rxBadLength++;
      } else {
        this.#learn(sourceLen);
        return counts.received(len);
      }
      counts.rxDropped++;
    }
    return 0;
  }

  transmit(at: number, len: number): boolean {
    const counts = this.counts;
    if (len < MIN_FRAME_LEN || len > this.#maxLen) {
      counts.txBadLength++;
      return counts.sent(len, false);
    }
    if (!this.#isConnected && this.#remoteLen === 0) {
      counts.txNoRemote++;
      return counts.sent(len, false);
    }
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const from = this.#arena.base + at;
    const result = sendto(this.fd, from, len, flags, this.#remoteAddress, this.#remoteLen);
    if (result < 0) this.#fail(errno());
    return counts.sent(len, result >= 0);
  }

  /** Nobody behind the socket cuts super-frames: not taken. */
  transmitSuper(_at: number, len: number): boolean {
    this.counts.txFailed++;
    return this.counts.sent(len, false);
  }

  #fail(reason: number): void {
    const counts = this.counts;
    if (reason === Errno.EAGAIN || reason === Errno.ENOBUFS) {
      counts.txFull++;
    } else if (reason === Errno.ECONNREFUSED || reason === Errno.ENOENT || reason === Errno.ENOTCONN) {
      counts.txGone++;
      // A pair can't be joined again.
      if (this.#isConnected) this.isClosed = true;
      if (this.#isLearning) this.#remoteLen = 0;
    } else {
      counts.txFailed++;
    }
  }

  #isHandshake(): boolean {
    return this.#arena.view.getInt32(this.frameAt) === HANDSHAKE;
  }

  /** Takes the address that the last datagram came from for the machine's, if none is configured. */
  #learn(sourceLen: number): void {
    if (!this.#isLearning) return;
    const own = this.#own;
    // An address that fills all of sun_path has an end mark of its own, which sendto(2) takes no length for.
    this.#remoteLen = Math.min(sourceLen, SOCKADDR_UN_LEN);
    for (let i = 0; i < this.#remoteLen; i += 4) own.setInt32(At.remote + i, own.getInt32(At.source + i));
  }
}
