/** Whom a relay's socket speaks to in place of whom the guest sends to: a resolver. */
import type { EndpointText } from '../wire/endpoint.ts';
import { type IpAddress, parseIp } from '../wire/ip-text.ts';

export class RelayTarget {
  readonly family: 4 | 6;
  readonly port: number;
  readonly #ip: IpAddress;

  /** @throws {RangeError} for an address or port that is none. */
  constructor({ address, port }: EndpointText) {
    const ip = parseIp(address);
    if (ip === null || !Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new RangeError(`Cannot use resolver ${address} port ${port}: expected an IP address and a port`);
    }
    this.#ip = ip;
    this.family = ip.family;
    this.port = port;
  }

  /** Writes 4 or 16 bytes. */
  writeAddress(view: DataView, at: number): void {
    const { family, words } = this.#ip;
    view.setUint32(at, words[0]);
    if (family === 4) return;
    view.setUint32(at + 4, words[1]);
    view.setUint32(at + 8, words[2]);
    view.setUint32(at + 12, words[3]);
  }
}
