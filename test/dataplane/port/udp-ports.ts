/** UDP sockets of the product in tests: opened, read to the end, closed. */
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, poll } from '../../../dataplane/io/libc.ts';
import { UdpReceiver } from '../../../dataplane/port/udp-receiver.ts';
import { type SendResult, UdpSender } from '../../../dataplane/port/udp-sender.ts';
import {
  boundPort,
  openUdpSocket,
  type UdpSocket,
  type UdpSocketOptions,
} from '../../../dataplane/port/udp-socket.ts';
import { parseEndpoint, readEndpoint } from '../../../dataplane/wire/endpoint.ts';

const ARENA_LEN = 2 << 20;
const FRAME_CAPACITY = 65_535 + 128;
const POLLIN = 1;

export interface Sent {
  readonly result: SendResult;
  readonly frames: number;
  readonly bytes: number;
  readonly context: number;
}

export interface Datagram {
  readonly bytes: Buffer;
  /** Endpoint record of its source. */
  readonly source: Uint32Array;
}

/** Opens sockets and closes them all. */
export class SocketSet {
  readonly #fds: number[] = [];

  open(options: Partial<UdpSocketOptions> = {}): UdpSocket & { readonly port: number } {
    const socket = openUdpSocket({
      listen: '127.0.0.1',
      port: 0,
      joinPort: false,
      fragment: false,
      ...options,
    });
    this.#fds.push(socket.fd);
    return { ...socket, port: boundPort(socket.fd) };
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) closeFd(fd);
  }
}

/** Sends frames whose bytes tell them apart, and notes what became of each batch. */
export class TestSender {
  readonly sender: UdpSender;
  readonly results: Sent[] = [];
  readonly #arena = new Arena(ARENA_LEN);
  #next = 0;

  constructor({ fd, family }: UdpSocket) {
    this.sender = new UdpSender(fd, family, this.#arena, FRAME_CAPACITY, {
      onSent: (result, frames, bytes, context) => this.results.push({ result, frames, bytes, context }),
    });
  }

  /** @returns The frame as it should arrive. */
  commit(len: number, address: string, port: number, context = 1): Buffer {
    const number = ++this.#next;
    return this.commitBytes(
      len,
      (frame) => {
        frame.fill(number % 251);
        if (len >= 4) frame.writeUInt32BE(number, 0);
      },
      address,
      port,
      context,
    );
  }

  /** Sends what `write` puts into a frame of zeros. */
  commitBytes(
    len: number,
    write: (frame: Buffer) => void,
    address: string,
    port: number,
    context = 1,
  ): Buffer {
    const frame = Buffer.alloc(len);
    write(frame);
    this.#arena.bytes.set(frame, this.sender.nextAt);
    this.sender.commit(len, parseEndpoint({ address, port }), context);
    return frame;
  }
}

/** Everything that waits in a socket, datagram by datagram. */
export class TestReceiver {
  readonly receiver: UdpReceiver;
  readonly #arena = new Arena(ARENA_LEN);
  /** Datagrams in each batch that the kernel gave. */
  readonly batches: number[] = [];

  constructor({ fd }: UdpSocket) {
    this.receiver = new UdpReceiver(fd, this.#arena);
  }

  /** Waits for the first, then reads until the socket is empty. */
  drain(waitMs = 2_000): Datagram[] {
    const { receiver } = this;
    const datagrams: Datagram[] = [];
    waitReadable(receiver.fd, waitMs);
    for (let len = receiver.receive(); len >= 0; len = receiver.receive()) {
      const source = new Uint32Array(5);
      readEndpoint(this.#arena.view, receiver.sourceAt, source);
      const before = datagrams.length;
      let offset = 0;
      do {
        const end = Math.min(offset + receiver.segmentLen, len);
        const at = receiver.batchAt;
        datagrams.push({ bytes: Buffer.from(this.#arena.bytes.slice(at + offset, at + end)), source });
        offset = end;
      } while (offset < len);
      this.batches.push(datagrams.length - before);
    }
    return datagrams;
  }
}

function waitReadable(fd: number, waitMs: number): void {
  const pollfd = Buffer.alloc(128);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  poll(addressOf(pollfd), 1, waitMs);
}
