/** A cable between two ports: moves frames while others run, cut and joined again or as they are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from '../../../dataplane/io/arena.ts';
import { addressOf, poll } from '../../../dataplane/io/libc.ts';
import { FrameCoalescer } from '../../../dataplane/path/frame-coalesce.ts';
import { FrameSegmenter } from '../../../dataplane/path/frame-segment.ts';
import { type FramePort, takeFrameBuffer } from '../../../dataplane/port/frame-port.ts';
import { gsoType } from '../../../dataplane/wire/virtio-net.ts';
import { selectOffload } from '../../../dataplane/worker/offload-select.ts';

const ARENA_LEN = 2 << 20;
const TURN_FRAMES = 64;
const VIRTIO_LEN = 10;

export class FrameCable {
  readonly arena = new Arena(ARENA_LEN);
  readonly readAt = takeFrameBuffer(this.arena);
  /** Super-frames that were received. */
  supers = 0;
  /** Frames that went through, those of a super-frame one each. */
  frames = 0;
  /** What was joined before it was handed over. */
  joined = 0;
  readonly #segmenter: FrameSegmenter;
  readonly #coalescer: FrameCoalescer;
  #running: Promise<void> | null = null;
  #isStopped = false;

  constructor() {
    const offload = selectOffload(this.arena, { tcp: true, udp: true });
    this.#segmenter = new FrameSegmenter(offload.segmenter, this.arena);
    this.#coalescer = new FrameCoalescer(offload.coalescer, this.arena);
  }

  /** @param isCut Whether super-frames are cut and joined again. */
  start(a: FramePort, b: FramePort, isCut: boolean): void {
    this.#running = this.#run(a, b, isCut);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(a: FramePort, b: FramePort, isCut: boolean): Promise<void> {
    const pollfds = Buffer.alloc(128);
    pollfds.writeInt32LE(a.fd, 0);
    pollfds.writeInt16LE(1, 4);
    pollfds.writeInt32LE(b.fd, 8);
    pollfds.writeInt16LE(1, 12);
    while (!this.#isStopped) {
      const ready = poll(addressOf(pollfds), 2, 1);
      this.#move(a, b, isCut);
      this.#move(b, a, isCut);
      // Others of this process have their turn, at length when nothing goes on.
      await (ready > 0 ? new Promise(setImmediate) : sleep(1));
    }
  }

  #move(from: FramePort, to: FramePort, isCut: boolean): void {
    for (let i = 0; i < TURN_FRAMES; i++) {
      const len = from.receive();
      if (len === 0) break;
      if (gsoType(this.arena.view, from.frameAt - VIRTIO_LEN) !== 0) this.supers++;
      if (isCut) this.#cut(from, to, len);
      else to.transmitSuper(from.frameAt, len);
    }
    if (isCut && this.#coalescer.flush()) this.#deliver(to);
  }

  #cut(from: FramePort, to: FramePort, len: number): void {
    const segmenter = this.#segmenter;
    const coalescer = this.#coalescer;
    if (segmenter.begin(from.frameAt, len) === 0) throw new Error('the kernel gave a malformed frame');
    for (let frameLen = segmenter.next(); frameLen > 0; frameLen = segmenter.next()) {
      this.frames++;
      const at = coalescer.nextAt(frameLen);
      this.arena.bytes.copyWithin(at, segmenter.at, segmenter.at + frameLen);
      if (coalescer.add(frameLen, 1)) this.#deliver(to);
    }
  }

  #deliver(to: FramePort): void {
    const coalescer = this.#coalescer;
    while (coalescer.take()) {
      if (coalescer.packets > 1) this.joined++;
      to.transmitSuper(coalescer.packetAt, coalescer.packetLen);
    }
  }
}
