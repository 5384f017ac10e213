/** What the queue's loop does with packets, less the system calls. @see dataplane/worker/queue-loop.ts */
import { SEALED_OVERHEAD } from '../dataplane/path/seal-frame.ts';
import { type Offload, selectOffload } from '../dataplane/worker/offload-select.ts';
import { addressOf, EngineKit, HOST_ADDRESS, NOW_MS } from './engine-kit.ts';
import { type PacketFields, restorePacket, writePacket } from './packets.ts';

/** What one UDP_SEGMENT message carries. */
const MAX_BATCH_FRAMES = 64;
const MAX_BATCH_LEN = 65_507;
const BATCH_ROOM_LEN = MAX_BATCH_LEN + 2_048;
const PACKET_ROOM_LEN = 65_536;
/** Frames that wait to be received, at most. */
const WAITING_LEN = 524_288;
const OFFLOAD_LEN = 655_360;

export class LoopKit {
  readonly #kit = new EngineKit(
    { peers: 1, routes: 1 },
    BATCH_ROOM_LEN + 2 * PACKET_ROOM_LEN + WAITING_LEN + OFFLOAD_LEN,
  );
  readonly #offload: Offload = selectOffload(this.#kit.arena, { tcp: true, udp: true });
  readonly #batchAt = this.#kit.arena.take(BATCH_ROOM_LEN);
  readonly #packetAt = this.#kit.arena.take(PACKET_ROOM_LEN) + 64;
  readonly #waitingAt = this.#kit.arena.take(WAITING_LEN);
  #packetLen = 0;
  #batchFrames = 0;
  #batchLen = 0;
  #frameLens: number[] = [];
  /** Writes that the last turn of receiving came to, and their bytes. */
  writes = 0;
  writtenBytes = 0;

  constructor() {
    this.#kit.installOutbound();
    this.#kit.installInbound();
    if (this.#offload.fallbackReason !== null) throw new Error(this.#offload.fallbackReason);
  }

  /** Places what `send` sends: from the host to its peer. */
  placeOutbound(fields: PacketFields): void {
    const addresses = { source: HOST_ADDRESS, destination: addressOf(0) };
    this.#packetLen = writePacket(this.#kit.arena.view, this.#packetAt, { ...fields, ...addresses });
  }

  /** Places what `queue` seals: from the peer to the host. */
  placeInbound(fields: PacketFields): void {
    const addresses = { source: addressOf(0), destination: HOST_ADDRESS };
    this.#packetLen = writePacket(this.#kit.arena.view, this.#packetAt, { ...fields, ...addresses });
  }

  /** As the loop seals what the TUN queue gave. @returns How many frames that was. */
  send(): number {
    const { segmenter } = this.#offload;
    const engine = this.#kit.host;
    const count = segmenter.begin(this.#packetAt, this.#packetLen);
    let packetLen = segmenter.next();
    const fault = engine.select(segmenter.at, packetLen, count, NOW_MS);
    if (fault !== 0 || engine.lastPeer === null) throw new Error(`not sent: drop code ${-fault}`);
    for (; packetLen > 0; packetLen = segmenter.next()) {
      const frameLen = engine.seal(segmenter.at, packetLen, this.#batchAt + this.#batchLen, NOW_MS);
      if (frameLen > 0) this.#commit(frameLen);
    }
    this.#restore();
    return count;
  }

  /** @throws {Error} unless the peer opens the frames of the first `send` to so many bytes. */
  verifySent(frames: number, bytes: number): void {
    let opened = 0;
    let at = this.#batchAt;
    for (const len of this.#frameLens.slice(0, frames)) {
      opened += Math.max(0, this.#kit.decapAtPeers(at, len, this.#waitingAt));
      at += len;
    }
    if (opened !== bytes) throw new Error(`${opened} of ${bytes} bytes opened at the peer`);
  }

  /** Lets the peer seal the placed packet `times` times for the next `receive`. */
  queue(times: number): void {
    const { segmenter } = this.#offload;
    this.#frameLens.length = 0;
    let at = this.#waitingAt;
    for (let i = 0; i < times; i++) {
      segmenter.begin(this.#packetAt, this.#packetLen);
      for (let len = segmenter.next(); len > 0; len = segmenter.next()) {
        const frameLen = this.#kit.encapAtPeers(segmenter.at, len, at);
        if (frameLen <= 0 || at + frameLen > this.#waitingAt + WAITING_LEN) throw new Error('not sealed');
        this.#frameLens.push(frameLen);
        at += frameLen;
      }
      this.#restore();
    }
  }

  /**
   * As the loop opens what the socket gave, and joins it for the TUN queue.
   *
   * @param turnFrames Frames in a turn; what is joined is written at its end.
   */
  receive(turnFrames: number): void {
    const { coalescer } = this.#offload;
    this.writes = 0;
    this.writtenBytes = 0;
    let at = this.#waitingAt;
    for (let i = 0; i < this.#frameLens.length; i++) {
      const len = this.#frameLens[i] ?? 0;
      this.#open(at, len);
      at += len;
      if ((i + 1) % turnFrames === 0 && coalescer.flush()) this.#deliver();
    }
    if (coalescer.flush()) this.#deliver();
  }

  #open(frameAt: number, frameLen: number): void {
    const { coalescer } = this.#offload;
    const at = coalescer.nextAt(Math.max(0, frameLen - SEALED_OVERHEAD));
    const len = this.#kit.decapAtHost(frameAt, frameLen, at);
    const peer = this.#kit.host.lastPeer;
    if (len > 0 && peer !== null && coalescer.add(len, peer.slot)) this.#deliver();
  }

  #deliver(): void {
    const { coalescer } = this.#offload;
    while (coalescer.take()) {
      this.writes++;
      this.writtenBytes += coalescer.packetLen;
    }
  }

  /** As the sender gathers frames of a batch, which it would send when full. */
  #commit(frameLen: number): void {
    this.#frameLens[this.#batchFrames] = frameLen;
    this.#batchFrames++;
    this.#batchLen += frameLen;
    if (this.#batchFrames < MAX_BATCH_FRAMES && this.#batchLen + frameLen <= MAX_BATCH_LEN) return;
    this.#batchFrames = 0;
    this.#batchLen = 0;
  }

  /** The TUN queue would give a new packet. */
  #restore(): void {
    restorePacket(this.#kit.arena.view, this.#packetAt, this.#packetLen);
  }
}
