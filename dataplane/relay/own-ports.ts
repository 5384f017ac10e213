/** The agent's own UDP ports: whether a destination is one of them. */
import type { EndpointText } from '../wire/endpoint.ts';
import { parseIp } from '../wire/ip-text.ts';

const LOOPBACK_V4 = 127;
const PORTS = 65_536;
const NO_WORDS: readonly number[] = [];

/** Not to be changed. */
export class OwnPorts {
  /** 1 for a port that the agent has on some address. */
  readonly #isOwn = new Uint8Array(PORTS);
  /** Addresses of this host, which an unspecified address stands for: four words each. */
  readonly #hosts4: Int32Array;
  readonly #hosts6: Int32Array;
  /** Endpoints with an address of their own: four words, then the port. */
  readonly #endpoints4: Int32Array;
  readonly #endpoints6: Int32Array;
  /** 1 for a port that the agent has on all addresses. */
  readonly #isEverywhere = new Uint8Array(PORTS);

  /** @throws {RangeError} for an address or port that is none. */
  constructor(endpoints: readonly EndpointText[], hostAddresses: readonly string[]) {
    const own = endpoints.map(({ address, port }) => {
      const ip = parseIp(address);
      if (ip === null || !Number.isInteger(port) || port < 1 || port >= PORTS) {
        throw new RangeError(`Cannot refuse the agent's own port ${address} port ${port}: it is none`);
      }
      this.#isOwn[port] = 1;
      const isEverywhere = ip.words.every((word) => word === 0);
      if (isEverywhere) this.#isEverywhere[port] = 1;
      return { ...ip, port, isEverywhere };
    });
    const named = (family: 4 | 6) =>
      own.filter((end) => !end.isEverywhere && end.family === family).flatMap((e) => [...e.words, e.port]);
    const hosts = (family: 4 | 6) =>
      hostAddresses.flatMap((text) => {
        const ip = parseIp(text);
        return ip?.family === family ? [...ip.words] : NO_WORDS;
      });
    this.#endpoints4 = Int32Array.from(named(4));
    this.#endpoints6 = Int32Array.from(named(6));
    this.#hosts4 = Int32Array.from(hosts(4));
    this.#hosts6 = Int32Array.from(hosts(6));
  }

  /** @param addressAt Offset of 4 or 16 bytes. */
  has(family: 4 | 6, view: DataView, addressAt: number, port: number): boolean {
    if (this.#isOwn[port] !== 1) return false;
    const endpoints = family === 4 ? this.#endpoints4 : this.#endpoints6;
    for (let i = 0; i < endpoints.length; i += 5) {
      if (endpoints[i + 4] === port && isAddress(family, view, addressAt, endpoints, i)) return true;
    }
    return this.#isEverywhere[port] === 1 && this.#isOfHost(family, view, addressAt);
  }

  #isOfHost(family: 4 | 6, view: DataView, addressAt: number): boolean {
    if (isLocal(family, view, addressAt)) return true;
    const hosts = family === 4 ? this.#hosts4 : this.#hosts6;
    for (let i = 0; i < hosts.length; i += 4) if (isAddress(family, view, addressAt, hosts, i)) return true;
    return false;
  }
}

/** Whether an address is this host's on every host: loopback, or the unspecified one, which Linux takes for it. */
function isLocal(family: 4 | 6, view: DataView, at: number): boolean {
  if (family === 4) return view.getUint8(at) === LOOPBACK_V4 || view.getUint32(at) === 0;
  const upper = view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8);
  return upper === 0 && view.getUint32(at + 12) <= 1;
}

function isAddress(family: 4 | 6, view: DataView, at: number, words: Int32Array, index: number): boolean {
  const count = family === 4 ? 1 : 4;
  for (let i = 0; i < count; i++) if (view.getInt32(at + i * 4) !== words[index + i]) return false;
  return true;
}
