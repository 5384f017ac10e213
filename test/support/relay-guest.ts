/** Guests of a relay on Unix datagram sockets, where virtual machines would be, and what they find outside. */
import { LineProcess } from './child.ts';
import { DIST, program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface RelayGuestSettings {
  readonly mac: string;
  /** Of the relay. */
  readonly gateway: string;
  /** Path that the guest's socket is bound to. */
  readonly path: string;
  /** Path of the socket that it sends to. */
  readonly remote: string;
  readonly address: readonly [ipv4: string, ipv6: string];
  /** Where the frames go that it gets. */
  readonly pcap: string;
}

export interface UdpAnswer {
  /** Whether the same came back, from where it went. */
  readonly isSame: boolean;
  /** What came back, in hex, where the data was given so. */
  readonly answer: string | null;
  /** Datagrams from elsewhere. */
  readonly others: number;
  /** ICMP errors as TYPE/CODE, each once. */
  readonly errors: readonly string[];
}

export class RelayGuest {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  static async start(host: Namespace, settings: RelayGuestSettings): Promise<RelayGuest> {
    const { mac, gateway, path, remote, address, pcap } = settings;
    const args = [DIST, path, remote, mac, gateway, ...address, pcap];
    const process = new LineProcess(host, [program('relay-guest.mjs'), ...args]);
    await process.line();
    return new RelayGuest(process);
  }

  /** Sends a datagram, and waits for what comes back. @param data Its length, or the whole of it in hex. */
  async udp(to: string, port: number, data: number | string = 8, from = 40_000): Promise<UdpAnswer> {
    return await this.#ask({
      udp: to,
      port,
      from,
      ...(typeof data === 'number' ? { len: data } : { hex: data }),
    });
  }

  /** Begins a TCP connection. @returns Whether it was reset. */
  async isReset(to: string, port: number): Promise<boolean> {
    return (await this.#ask<{ reset: boolean }>({ tcp: to, port })).reset;
  }

  /** @returns MAC address of who answers for an address, without colons; null for nobody. */
  async macOf(address: string): Promise<string | null> {
    return (await this.#ask<{ mac: string | null }>({ ask: address })).mac;
  }

  /** Sends a datagram from each of `count` ports. @returns How many answers came. */
  async flood(to: string, port: number, from: number, count: number): Promise<number> {
    return (await this.#ask<{ answers: number }>({ flood: to, port, from, count })).answers;
  }

  /** Ends it, so that its capture is whole. */
  finish(): void {
    this.#process.finish();
  }

  kill(): void {
    this.#process.kill();
  }

  async #ask<T>(request: object): Promise<T> {
    this.#process.write(JSON.stringify(request));
    return await this.#process.json<T>();
  }
}

/** Ports of what is outside. */
export const Outside = { echo: 7_000, spoofing: 7_001, dns: 53 } as const;

/** @param addresses Of a host, an IPv4 and an IPv6 one, and two others that it spoofs from. */
export async function startOutside(host: Namespace, addresses: readonly string[]): Promise<LineProcess> {
  const process = new LineProcess(host, [program('relay-outside.mjs'), ...addresses]);
  await process.line();
  return process;
}
