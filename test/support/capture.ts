/** Captures what passes an interface of a host, by AF_PACKET in a helper process. */
import { readFileSync } from 'node:fs';
import { LineProcess } from './child.ts';
import { program } from './dist.ts';
import { parseUdpFrame, type UdpFrame } from './frame.ts';
import type { Namespace } from './netns.ts';

export interface CapturedFrame {
  /** Unix time in ms. */
  readonly atMs: number;
  readonly bytes: Buffer;
}

/**
 * A running capture into a pcap file, which tcpdump reads too.
 *
 * veth passes super-packets whole: make the link `segmented` to see what a wire would carry.
 */
export class Capture {
  readonly file: string;
  readonly #process: LineProcess;

  private constructor(file: string, process: LineProcess) {
    this.file = file;
    this.#process = process;
  }

  /** Resolves when frames are being captured. */
  static start(host: Namespace, device: string, file: string): Promise<Capture> {
    return Capture.#start(host, [device, file]);
  }

  /** Captures what an interface hands to its host, each packet behind its virtio_net_hdr. */
  static startDelivered(host: Namespace, device: string, file: string): Promise<Capture> {
    return Capture.#start(host, [device, file, 'delivered']);
  }

  static async #start(host: Namespace, argv: readonly [string, string, ...string[]]): Promise<Capture> {
    const process = new LineProcess(host, [program('capture.mjs'), ...argv]);
    await process.line();
    return new Capture(argv[1], process);
  }

  /**
   * Ends the capture.
   *
   * @throws {Error} when the kernel dropped frames: a test must not conclude from an incomplete capture.
   */
  async stop(): Promise<CapturedFrame[]> {
    this.#process.finish();
    const { missed } = await this.#process.json<{ captured: number; missed: number }>();
    if (missed > 0) throw new Error(`the capture missed ${missed} frames`);
    return readPcap(this.file);
  }
}

/** Frames of a classic pcap file in the machine's byte order. */
export function readPcap(file: string): CapturedFrame[] {
  const bytes = readFileSync(file);
  const frames: CapturedFrame[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const len = bytes.readUInt32LE(at + 8);
    const atMs = bytes.readUInt32LE(at) * 1_000 + bytes.readUInt32LE(at + 4) / 1_000;
    frames.push({ atMs, bytes: bytes.subarray(at + 16, at + 16 + len) });
    at += 16 + len;
  }
  return frames;
}

/** UDP datagrams to `port`, in order. */
export function datagramsTo(frames: readonly CapturedFrame[], port: number): UdpFrame[] {
  return frames
    .map((frame) => parseUdpFrame(frame.bytes))
    .filter((frame) => frame !== null)
    .filter((frame) => frame.destinationPort === port);
}
