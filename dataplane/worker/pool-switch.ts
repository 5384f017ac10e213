/** The switch of an Ethernet network as the main thread holds it: its ports, and what the operator fixed. */
import type { FdbEntry } from '../l2/fdb.ts';
import type { NeighbourEntry, StaticNeighbour } from '../l2/neighbour-table.ts';
import type { TunDevice } from '../port/tun.ts';
import { formatIp, type IpAddress, parseIp } from '../wire/ip-text.ts';
import { formatMac, type MacAddress, parseMac } from '../wire/mac-text.ts';
import type { SwitchReading, WorkerCommand } from './messages.ts';
import { PoolPorts, type PortHost } from './pool-ports.ts';
import { unlessGone } from './queue-thread.ts';

export class PoolSwitch extends PoolPorts {
  /** By MAC address. */
  readonly #stations = new Map<string, { readonly mac: MacAddress; readonly port: number }>();
  /** By IP address. */
  readonly #neighbours = new Map<string, StaticNeighbour>();

  /** @param tap Its own interface, if it has one; its descriptors stay the caller's. */
  constructor(vni: number, host: PortHost, tap: TunDevice | null) {
    super(vni, host);
    const [fd] = tap?.fds ?? [];
    if (tap === null || fd === undefined) return;
    this.hold(tap.name, { kind: 'tap', id: host.takeId(), maxStations: null, tap: { fd } });
  }

  /** What makes known there what the operator fixed, once all ports and peers are. */
  stationCommands(): WorkerCommand[] {
    const vni = this.vni;
    const stations = [...this.#stations.values()].map((own) => ({
      kind: 'addStation' as const,
      vni,
      ...own,
    }));
    const neighbours = [...this.#neighbours.values()].map((neighbour) => ({
      kind: 'setNeighbour' as const,
      vni,
      neighbour,
    }));
    return [...stations, ...neighbours];
  }

  /** To be told when a peer goes: its number may be another's then. */
  forgetPeer(slot: number): void {
    this.forgetBehind(slot);
  }

  /**
   * Binds a station to a port or peer for good.
   *
   * @throws {RangeError} for what is no MAC address. @throws {WorkerError} for one that no station can have.
   */
  async addStation(macText: string, port: number): Promise<void> {
    const mac = macOf(macText);
    const asked = this.host.ask({ kind: 'addStation', vni: this.vni, mac, port });
    await keep(this.#stations, formatMac(mac.high, mac.low), { mac, port }, asked);
  }

  /** Forgets a station, learned or bound. @returns Whether it was there. @throws {RangeError} As `addStation`. */
  async removeStation(macText: string): Promise<boolean> {
    const mac = macOf(macText);
    this.#stations.delete(formatMac(mac.high, mac.low));
    return await this.host.ask({ kind: 'removeStation', vni: this.vni, mac });
  }

  /** Forgets learned stations, of one port or of all. @returns How many. */
  flush(port: number | null): Promise<number> {
    return this.host.ask({ kind: 'flushStations', vni: this.vni, port });
  }

  /**
   * Sets who has an IP address, for good.
   *
   * @param port ANYWHERE where that is not known.
   * @throws {RangeError | WorkerError} As `addStation`, and for what is no IP address.
   */
  async setNeighbour(ipText: string, macText: string, port: number): Promise<void> {
    const neighbour = { ip: ipOf(ipText), mac: macOf(macText), port };
    const asked = this.host.ask({ kind: 'setNeighbour', vni: this.vni, neighbour });
    await keep(this.#neighbours, textOf(neighbour.ip), neighbour, asked);
  }

  async removeNeighbour(ipText: string): Promise<void> {
    const ip = ipOf(ipText);
    this.#neighbours.delete(textOf(ip));
    await this.host.ask({ kind: 'removeNeighbour', vni: this.vni, ip });
  }

  /** @returns null while the thread of its queue is gone. */
  read(): Promise<SwitchReading | null> {
    return this.host.ask({ kind: 'readSwitch', vni: this.vni }).catch(unlessGone);
  }

  stations(): Promise<readonly FdbEntry[]> {
    return this.host.ask({ kind: 'listStations', vni: this.vni });
  }

  neighbours(): Promise<readonly NeighbourEntry[]> {
    return this.host.ask({ kind: 'listNeighbours', vni: this.vni });
  }

  protected override forgetBehind(id: number): void {
    for (const [mac, { port }] of this.#stations) if (port === id) this.#stations.delete(mac);
    for (const [ip, { port }] of this.#neighbours) if (port === id) this.#neighbours.delete(ip);
  }
}

/**
 * Notes what the queue is being told, at once: what is removed before it answers is removed here too.
 * What it refuses is forgotten again.
 */
async function keep<T>(kept: Map<string, T>, key: string, value: T, asked: Promise<null>): Promise<void> {
  const before = kept.get(key);
  kept.set(key, value);
  try {
    await asked;
  } catch (error) {
    if (kept.get(key) === value) {
      if (before === undefined) kept.delete(key);
      else kept.set(key, before);
    }
    throw error;
  }
}

function macOf(text: string): MacAddress {
  const mac = parseMac(text);
  if (mac === null) throw new RangeError(`${text} is no MAC address: expected one like 02:42:ac:11:00:02`);
  return mac;
}

function ipOf(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === null) throw new RangeError(`${text} is no IP address: expected one like 10.0.0.1 or fd00::1`);
  return ip;
}

function textOf({ family, words }: IpAddress): string {
  return formatIp(family, words);
}
