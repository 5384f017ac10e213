/** Guests of Layer 3 networks on Unix datagram sockets, where virtual machines would be: they ping and answer pings. */
import { LineProcess } from './child.ts';
import { DIST, program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface GuestSettings {
  readonly mac: string;
  /** Path that the guest's socket is bound to. */
  readonly path: string;
  /** Path of the socket that it sends to. */
  readonly remote: string;
  readonly address: readonly [ipv4: string, ipv6: string];
  /** Default gateways; 169.254.1.1 and fe80::1 where nothing is said. */
  readonly gateway?: readonly [ipv4: string, ipv6: string];
}

export interface GuestPing {
  readonly count?: number;
  /** Bytes behind the ICMP header. */
  readonly len?: number;
  readonly hops?: number;
  /** Source that it claims. */
  readonly from?: string;
}

export interface GuestPinged {
  readonly received: number;
  /** Left in the first answer; 0 without one. */
  readonly hops: number;
  /** ICMP errors that came, once for each text. */
  readonly errors: readonly string[];
}

export class UnixGuest {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  /** Resolves when its address was announced. */
  static async start(host: Namespace, settings: GuestSettings): Promise<UnixGuest> {
    const { mac, path, remote, address, gateway = ['169.254.1.1', 'fe80::1'] } = settings;
    const args = [DIST, path, remote, mac, ...address, ...gateway];
    const process = new LineProcess(host, [program('unix-guest.mjs'), ...args]);
    await process.line();
    return new UnixGuest(process);
  }

  /** One after the other, each with a second to be answered in. */
  async ping(to: string, { count = 3, ...more }: GuestPing = {}): Promise<GuestPinged> {
    this.#process.write(JSON.stringify({ ping: to, count, ...more }));
    return await this.#process.json<GuestPinged>();
  }

  kill(): void {
    this.#process.kill();
  }
}
