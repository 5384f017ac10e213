/** Stations on Unix datagram sockets, where virtual machines would be: they return, ask or attack. */
import { LineProcess } from './child.ts';
import { program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface StationSettings {
  readonly mac: string;
  /** Path that the station's socket is bound to. */
  readonly path: string;
  /** Path of the socket that it sends to. */
  readonly remote: string;
}

export interface Asked {
  readonly sent: number;
  /** Came back with the same content. */
  readonly received: number;
}

export interface Sprayed {
  readonly sent: number;
  readonly seconds: number;
}

/** Of a million frames, on a machine with much else to do. */
const SPRAY_TIMEOUT_MS = 60_000;

/** Returns every frame that is sent to its address. */
export class EchoStation {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Resolves when its address was announced by a broadcast. */
  static async start(host: Namespace, settings: StationSettings): Promise<EchoStation> {
    const process = startStation(host, settings, ['echo']);
    await process.line();
    return new EchoStation(process);
  }

  /** @returns How many frames it returned. */
  async stop(): Promise<number> {
    this.#process.finish();
    return (await this.#process.json<{ echoed: number }>()).echoed;
  }
}

/** Sends frames of many lengths to an echo station, one after the other. */
export async function askStation(
  host: Namespace,
  settings: StationSettings,
  destination: string,
  count: number,
): Promise<Asked> {
  const process = startStation(host, settings, ['ask', destination, `${count}`]);
  await process.line();
  return await process.json<Asked>();
}

/** A flood of frames to one destination, each from an address that nobody has. */
export class ForgedSources {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Resolves when it begins. @param count Frames. @param sources Addresses, each in turn. */
  static async start(
    host: Namespace,
    settings: StationSettings,
    destination: string,
    count: number,
    sources = count,
  ): Promise<ForgedSources> {
    const process = startStation(host, settings, ['spray', destination, `${count}`, `${sources}`]);
    await process.line();
    return new ForgedSources(process);
  }

  /** Resolves when all were taken. */
  finished(): Promise<Sprayed> {
    return this.#process.json<Sprayed>(SPRAY_TIMEOUT_MS);
  }

  kill(): void {
    this.#process.kill();
  }
}

function startStation(
  host: Namespace,
  { mac, path, remote }: StationSettings,
  args: readonly string[],
): LineProcess {
  return new LineProcess(host, [program('unix-station.mjs'), path, remote, mac, ...args]);
}
