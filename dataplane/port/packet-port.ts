/**
 * An existing network interface as a port. @see packet-socket.ts, which opens it
 *
 * Frames have the same virtio_net_hdr as those of a TAP device. But the kernel takes the outermost
 * VLAN tag off whatever it receives, on any device, and tells of it beside the frame
 * (PACKET_AUXDATA): it is put back here.
 */
import type { Arena } from '../io/arena.ts';
import { addressOf, Errno, errno, getsockname, recvmsg } from '../io/libc.ts';
import { writePointer } from '../io/param-blocks.ts';
import * as virtio from '../wire/virtio-net.ts';
import { FrameCounts, type FramePort, MAX_SKIPS, MIN_FRAME_LEN } from './frame-port.ts';
import type { PacketSpec } from './packet-socket.ts';
import { MAX_FRAME_LEN, TunQueue } from './tun.ts';

/** Where things lie in the port's own memory: struct msghdr, struct iovec, control message, address. */
const At = { message: 0, buffer: 64, control: 96, name: 160, nameLen: 192 } as const;
const OWN_LEN = 256;
/** struct msghdr on 64-bit Linux. */
const MessageAt = { buffers: 16, bufferCount: 24, control: 32, controlLen: 40 } as const;
/** struct cmsghdr, then struct tpacket_auxdata. */
const CONTROL_LEN = 36;
const AuxAt = { status: 16, tci: 32, tpid: 34 } as const;
const TP_STATUS_VLAN_VALID = 0x10;
/** struct sockaddr_ll */
const SOCKADDR_LL_LEN = 20;
const IFINDEX_AT = 4;

const TAG_LEN = 4;
const ADDRESSES_LEN = 12;

/** Owned by one worker. */
export class PacketPort implements FramePort {
  readonly fd: number;
  readonly givesSupers = true;
  readonly takesSupers = true;
  readonly counts = new FrameCounts();
  frameAt: number;
  #isGone = false;
  /**
   * It was set down. Before an interface is removed it is set down as well, and only that is reported:
   * which of the two it was shows later.
   */
  #isDown = false;
  readonly #arena: Arena;
  readonly #readAt: number;
  /** What a packet socket takes is what a TAP queue takes. */
  readonly #queue: TunQueue;
  readonly #own = new DataView(new ArrayBuffer(OWN_LEN));
  readonly #ownAddress: number;

  /** @param readAt From `takeFrameBuffer`. */
  constructor(spec: PacketSpec, arena: Arena, readAt: number) {
    this.fd = spec.fd;
    this.frameAt = readAt;
    this.#arena = arena;
    this.#readAt = readAt;
    this.#queue = new TunQueue(spec.fd, arena, readAt);
    const own = this.#own;
    const address = addressOf(new Uint8Array(own.buffer));
    this.#ownAddress = address;
    writePointer(own, At.message + MessageAt.buffers, address + At.buffer);
    own.setUint32(At.message + MessageAt.bufferCount, 1, true);
    writePointer(own, At.message + MessageAt.control, address + At.control);
    writePointer(own, At.buffer, arena.base + readAt - virtio.HEADER_LEN);
    own.setUint32(At.buffer + 8, virtio.HEADER_LEN + MAX_FRAME_LEN, true);
  }

  get isClosed(): boolean {
    if (this.#isDown && !this.#hasInterface()) this.#isGone = true;
    return this.#isGone;
  }

  receive(): number {
    const own = this.#own;
    for (let skips = 0; skips < MAX_SKIPS; skips++) {
      own.setUint32(At.message + MessageAt.controlLen, CONTROL_LEN, true);
      const len = recvmsg(this.fd, this.#ownAddress + At.message, 0) - virtio.HEADER_LEN;
      if (len >= MIN_FRAME_LEN) {
        this.#isDown = false;
        return this.counts.received(this.#restoreTag(len));
      }
      if (len < -virtio.HEADER_LEN && !this.#isLost(errno())) return 0;
      this.counts.rxDropped++;
    }
    return 0;
  }

  transmit(at: number, len: number): boolean {
    return this.#sent(len, this.#queue.transmitPlain(at, len));
  }

  transmitSuper(at: number, len: number): boolean {
    return this.#sent(len, this.#queue.transmit(at, len));
  }

  #sent(len: number, isTaken: boolean): boolean {
    if (!isTaken && errno() === Errno.ENXIO) this.#isGone = true;
    return this.counts.sent(len, isTaken);
  }

  /** @returns Whether the kernel failed at a frame, which is gone then: a super-frame of a kind that the header has no word for. */
  #isLost(reason: number): boolean {
    if (reason === Errno.EINVAL) return true;
    if (reason === Errno.ENETDOWN) this.#isDown = true;
    return false;
  }

  #hasInterface(): boolean {
    const own = this.#own;
    own.setUint32(At.nameLen, SOCKADDR_LL_LEN, true);
    const result = getsockname(this.fd, this.#ownAddress + At.name, this.#ownAddress + At.nameLen);
    return result === 0 && own.getInt32(At.name + IFINDEX_AT, true) > 0;
  }

  /** Puts the tag that came beside the frame, if one did, back into it. @returns Its length then. */
  #restoreTag(len: number): number {
    const own = this.#own;
    const at = this.#readAt;
    this.frameAt = at;
    if (own.getUint32(At.message + MessageAt.controlLen, true) < CONTROL_LEN) return len;
    if ((own.getUint32(At.control + AuxAt.status, true) & TP_STATUS_VLAN_VALID) === 0) return len;
    const { view } = this.#arena;
    const frameAt = at - TAG_LEN;
    virtio.moveHeader(view, at - virtio.HEADER_LEN, frameAt - virtio.HEADER_LEN, TAG_LEN);
    for (let i = 0; i < ADDRESSES_LEN; i += 4) view.setInt32(frameAt + i, view.getInt32(at + i));
    view.setUint16(frameAt + ADDRESSES_LEN, own.getUint16(At.control + AuxAt.tpid, true));
    view.setUint16(frameAt + ADDRESSES_LEN + 2, own.getUint16(At.control + AuxAt.tci, true));
    this.frameAt = frameAt;
    return len + TAG_LEN;
  }
}
