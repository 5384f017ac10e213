/** Sends arbitrary frames and datagrams from a host. */
import { program } from './dist.ts';
import type { Namespace } from './netns.ts';

/** Puts whole Ethernet frames on an interface. @returns How many were sent. */
export function injectFrames(
  host: Namespace,
  device: string,
  frames: readonly Uint8Array[],
  pps = 0,
): Promise<number> {
  return inject(host, ['raw', device, `${pps}`], frames);
}

export interface UdpTarget {
  readonly source: string;
  /** 0 is any. */
  readonly sourcePort?: number;
  readonly destination: string;
  readonly port: number;
}

/** Sends UDP payloads. @returns How many were sent. */
export function injectUdp(
  host: Namespace,
  { source, sourcePort = 0, destination, port }: UdpTarget,
  payloads: readonly Uint8Array[],
  pps = 0,
): Promise<number> {
  return inject(host, ['udp', source, `${sourcePort}`, destination, `${port}`, `${pps}`], payloads);
}

async function inject(
  host: Namespace,
  args: readonly string[],
  pieces: readonly Uint8Array[],
): Promise<number> {
  const input = Buffer.concat(pieces.flatMap((piece) => [lengthOf(piece), piece]));
  const argv = [process.execPath, program('inject.mjs'), ...args];
  const done = await host.exec(argv, { input, timeoutMs: 60_000 });
  if (done.code !== 0) throw new Error(`inject ${args.join(' ')}: ${done.stderr}`);
  return Number(done.stdout);
}

function lengthOf(piece: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(piece.length);
  return length;
}
