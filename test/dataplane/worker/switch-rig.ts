/** Queues with switched networks in one process: real sockets for underlay and ports, one turn at a time. */
import type { PeerSpec } from '../../../dataplane/contract.ts';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd, openEventFd, signalEventFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, read, recvfrom, sendto, socketpair, write } from '../../../dataplane/io/libc.ts';
import { setBuffers } from '../../../dataplane/io/socket-option.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DROPS, type DropCode, dropInfo } from '../../../dataplane/path/drop.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import { adoptDgramPort } from '../../../dataplane/port/dgram-socket.ts';
import { boundPort, openUdpSocket, type UdpSocket } from '../../../dataplane/port/udp-socket.ts';
import type { AeadProvider, PacketMemory } from '../../../dataplane/sa/aead.ts';
import { AF_INET, SOCKADDR_IN_LEN } from '../../../dataplane/wire/endpoint.ts';
import { selectAead } from '../../../dataplane/worker/aead-select.ts';
import { Commands } from '../../../dataplane/worker/commands.ts';
import type {
  LocalPortSpec,
  SwitchSpec,
  WorkerAnswer,
  WorkerCommand,
  WorkerSetup,
} from '../../../dataplane/worker/messages.ts';
import { nowMs } from '../../../dataplane/worker/now.ts';
import { selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { QueueLoop } from '../../../dataplane/worker/queue-loop.ts';
import { QueueNetworks } from '../../../dataplane/worker/queue-networks.ts';
import type { SwitchedLink } from '../../../dataplane/worker/switched-link.ts';
import { concat } from '../../support/frames-of.ts';
import { KEY_A, KEY_B, peerSpec, saSpec, VNI } from '../path/host.ts';

export const FIRST_LOCAL = 17;
const VIRTIO_LEN = 10;
const READ_LEN = 70_000;
const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const BUFFER_LEN = 4 << 20;
const OFFLOADS = { tcp: true, udp: true };

export const SWITCH: SwitchSpec = {
  seed: 0x1234_5678,
  ageingMs: 300_000,
  maxStations: 1_000,
  maxStationsPerPort: 100,
  snooping: true,
  suppress: true,
};

/** The far end of a port. */
export interface Outer {
  /** The port's number. */
  readonly id: number;
  /** The port's own descriptor. */
  readonly fd: number;
  /** Descriptor of this end. */
  readonly outerFd: number;
  /** Gives the port a frame; a TAP one with `virtio` in front, zeros by default. */
  send(frame: Uint8Array, virtio?: Uint8Array): void;
  /** Frames that came; those of a TAP without their virtio_net_hdr. */
  drain(): Uint8Array[];
  /** As `drain`, with the virtio_net_hdr. */
  drainRaw(): Uint8Array[];
}

export interface SwitchHostOptions {
  readonly networks?: readonly { readonly vni: number; readonly own: SwitchSpec | null }[];
  readonly aead?: (memory: PacketMemory) => AeadProvider;
}

/** A queue's worker without its thread. */
export class SwitchHost {
  readonly arena = new Arena(3 << 20, true);
  readonly counters = new CounterBlock(CounterBlock.allocate(FIRST_LOCAL), FIRST_LOCAL);
  readonly engine: Engine;
  readonly loop: QueueLoop;
  readonly networks: QueueNetworks;
  readonly commands: Commands;
  readonly udp: UdpSocket;
  readonly wakeFd = openEventFd();
  readonly lost: [vni: number, id: number][] = [];
  readonly #fds: number[] = [];
  readonly #bytes = new Uint8Array(READ_LEN + 128);
  #nextId = FIRST_LOCAL;

  constructor({ networks = [{ vni: VNI, own: SWITCH }], aead }: SwitchHostOptions = {}) {
    const { arena } = this;
    const provider = aead?.(arena) ?? selectAead(arena, arena.base).provider;
    this.engine = new Engine({
      memory: arena,
      aead: provider,
      counters: this.counters,
      flowHashKey: new Uint8Array(16),
      controlPort: 6_082,
    });
    this.udp = openUdpSocket({ listen: '127.0.0.1', port: 0, joinPort: false, fragment: false });
    this.#fds.push(this.udp.fd);
    const { fd, family } = this.udp;
    const { wakeFd } = this;
    this.#fds.push(wakeFd);
    const setup = { queue: 0, udpFd: fd, sendFd: fd, socketFamily: family, wakeFd, offloads: OFFLOADS };
    this.loop = new QueueLoop(
      setup as unknown as WorkerSetup,
      arena,
      this.engine,
      selectOffload(arena, OFFLOADS),
      { onPathTooSmall() {}, onHousekeeping() {} },
    );
    this.networks = new QueueNetworks(this.engine, this.loop, FIRST_LOCAL, (vni, id) =>
      this.lost.push([vni, id]),
    );
    this.commands = new Commands(this.engine, this.loop, this.networks);
    for (const { vni, own } of networks) this.apply({ kind: 'addNetwork', network: { vni, switch: own } });
  }

  get port(): number {
    return boundPort(this.udp.fd);
  }

  get link(): SwitchedLink {
    return this.networks.switched(VNI);
  }

  apply(command: WorkerCommand): WorkerAnswer {
    return this.commands.apply(command, nowMs());
  }

  takeId(): number {
    return this.#nextId++;
  }

  /** Adds a peer without SAs; frames for it go to a socket of loopback. */
  addPeer(overrides: Partial<PeerSpec> = {}): void {
    this.apply({ kind: 'setPeers', peers: [peerSpec({ routes: [], ...overrides })] });
  }

  /** Adds a port whose far end is in the test's hands, as a TAP queue's or a machine's. */
  addTap(vni = VNI, id = this.takeId()): Outer {
    const [fd, outerFd] = openSocketPair();
    this.#own(fd, outerFd);
    this.addPort({ kind: 'tap', id, maxStations: null, tap: { fd } }, vni);
    return this.outer(id, fd, outerFd, VIRTIO_LEN);
  }

  addUnix(vni = VNI, id = this.takeId(), maxStations: number | null = null): Outer {
    const fds = Buffer.alloc(128);
    socketpair(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0, addressOf(fds));
    const [fd, outerFd] = [fds.readInt32LE(0), fds.readInt32LE(4)];
    this.#own(fd, outerFd);
    this.addPort({ kind: 'dgram', id, maxStations, dgram: adoptDgramPort(fd, 65_535) }, vni);
    return this.outer(id, fd, outerFd, 0);
  }

  /** A socket pair that carries IP packets behind a virtio_net_hdr, for a network of them. */
  addTun(vni: number): Outer {
    const [fd, outerFd] = openSocketPair();
    this.#own(fd, outerFd);
    this.apply({ kind: 'addPort', vni, port: { kind: 'tun', id: 0, fd } });
    return this.outer(0, fd, outerFd, VIRTIO_LEN);
  }

  addPort(port: LocalPortSpec, vni = VNI): void {
    this.apply({ kind: 'addPort', vni, port });
  }

  /** Turns until nothing is left to do. */
  settle(): void {
    for (let i = 0; i < 6; i++) this.loop.turn(0);
  }

  /** One turn with what is done about once a second. */
  keepHouse(): void {
    signalEventFd(this.wakeFd);
    let calls = 0;
    this.loop.run(() => ++calls === 1);
  }

  /** Gives the queue a datagram from another socket. */
  inject(datagram: Uint8Array): void {
    const from = openUdpSocket({ listen: '127.0.0.1', port: 0, joinPort: false, fragment: false });
    const address = Buffer.alloc(128);
    address.writeUInt16LE(AF_INET);
    address.writeUInt16BE(this.port, 2);
    address.writeUInt32BE(0x7f00_0001, 4);
    const bytes = concat(datagram, new Uint8Array(128));
    sendto(from.fd, addressOf(bytes), datagram.length, 0, addressOf(address), SOCKADDR_IN_LEN);
    closeFd(from.fd);
  }

  totals(slot?: number) {
    const blocks = [this.counters];
    return slot === undefined ? CounterBlock.sumAll(blocks) : CounterBlock.sum(blocks, slot);
  }

  dropped(code: DropCode, slot?: number): number {
    return this.totals(slot).drops.get(code) ?? Number.NaN;
  }

  /** In each direction received = delivered + Σ drops, for every slot. */
  isAccounted(): boolean {
    return Array.from({ length: FIRST_LOCAL }, (_, slot) => this.totals(slot)).every((totals) => {
      const sum = (direction: string) =>
        DROPS.reduce((all, code) => {
          const drops = totals.drops.get(code) ?? 0;
          return dropInfo(code).direction === direction ? all + drops : all;
        }, 0);
      return (
        totals.rxReceived === totals.rxPackets + totals.rxKeepalives + sum('rx') &&
        totals.txReceived === totals.txPackets + sum('tx') &&
        totals.rxPackets >= 0 &&
        totals.txPackets >= 0
      );
    });
  }

  close(): void {
    for (const vni of this.engine.networks()) this.networks.remove(vni);
    for (const fd of this.#fds.splice(0)) closeFd(fd);
    this.arena.close();
  }

  /** Closes a descriptor before the host closes. */
  closeEarly(fd: number): void {
    this.#fds.splice(this.#fds.indexOf(fd), 1);
    closeFd(fd);
  }

  #own(...fds: number[]): void {
    this.#fds.push(...fds);
    for (const fd of fds) setBuffers(fd, BUFFER_LEN, BUFFER_LEN);
  }

  /** The far end of a port that was made elsewhere. @param headLen Of what is in front of its frames. */
  outer(id: number, fd: number, outerFd: number, headLen: number): Outer {
    const bytes = this.#bytes;
    const raw = (): Uint8Array[] => {
      const out: Uint8Array[] = [];
      for (;;) {
        const len =
          headLen > 0
            ? read(outerFd, addressOf(bytes), READ_LEN)
            : recvfrom(outerFd, addressOf(bytes), READ_LEN, 0, 0, 0);
        if (len <= 0) return out;
        out.push(bytes.slice(0, len));
      }
    };
    return {
      id,
      fd,
      outerFd,
      send: (frame, virtio = new Uint8Array(headLen)) => {
        const whole = concat(virtio, frame, new Uint8Array(128));
        const len = virtio.length + frame.length;
        if (write(outerFd, addressOf(whole), len) !== len) throw new Error('the port took no frame');
      },
      drainRaw: raw,
      drain: () => raw().map((each) => each.subarray(headLen)),
    };
  }
}

let generation = 0;

/** Makes two hosts each other's peer in `slot` of a network, keyed both ways. */
export function connect(
  a: SwitchHost,
  b: SwitchHost,
  slots: readonly [atA: number, atB: number],
  vni = VNI,
): void {
  const [atA, atB] = slots;
  generation++;
  const endpoint = (host: SwitchHost) => ({ address: '127.0.0.1', port: host.port });
  a.addPeer({ slot: atA, vni, endpoint: endpoint(b) });
  b.addPeer({ slot: atB, vni, endpoint: endpoint(a) });
  const [ab, ba] = [2 * generation, 2 * generation + 1];
  const key = (from: string, spi: number) => `${from.slice(0, 24)}${spi.toString(16).padStart(8, '0')}`;
  b.apply({ kind: 'installRx', sas: [saSpec({ vni, slot: atB, spi: ab, key: key(KEY_A, ab) })] });
  a.apply({ kind: 'installRx', sas: [saSpec({ vni, slot: atA, spi: ba, key: key(KEY_B, ba) })] });
  a.apply({ kind: 'installTx', sas: [saSpec({ vni, slot: atA, spi: ab, key: key(KEY_A, ab) })] });
  b.apply({ kind: 'installTx', sas: [saSpec({ vni, slot: atB, spi: ba, key: key(KEY_B, ba) })] });
}

/** Lets hosts turn until nothing is left to do. */
export function settle(...hosts: readonly SwitchHost[]): void {
  for (let i = 0; i < 3; i++) for (const host of hosts) host.settle();
}

/** Makes a host one that looks at nothing: what comes from the peer goes to the port, and back. */
export function makePipe(host: SwitchHost, slot: number, id: number): void {
  const own = host.link.switch;
  const forward: typeof own.forward = (_view, _at, _len, from) => {
    own.targets[0] = from === slot ? id : slot;
    return 1;
  };
  Object.defineProperty(own, 'forward', { value: forward });
}

export const BROADCAST = 0;

/** An Ethernet frame between stations that are given as numbers; BROADCAST for all. */
export function frame(
  from: number,
  to: number,
  payload: Uint8Array = new Uint8Array(46),
  type = 0x88b5,
): Uint8Array {
  const mac = (n: number) => [0x02, 0, 0, 0, n >> 8, n & 0xff];
  const toMac = to === BROADCAST ? new Array(6).fill(0xff) : mac(to);
  return concat(Uint8Array.from([...toMac, ...mac(from), type >> 8, type & 0xff]), payload);
}
