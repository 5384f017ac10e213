/** A network of IP packets with guests on one queue, without sockets for its ports and underlay. */
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, read, write } from '../../../dataplane/io/libc.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import type { DropCode } from '../../../dataplane/path/drop.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import { FrameCounts, type FramePort, takeFrameBuffer } from '../../../dataplane/port/frame-port.ts';
import type { UdpSender } from '../../../dataplane/port/udp-sender.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import type { Guest } from '../../../dataplane/worker/guest.ts';
import { readGuestDrops } from '../../../dataplane/worker/guest-drop.ts';
import type { LinkParts, Source } from '../../../dataplane/worker/link.ts';
import { selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { RoutedLink } from '../../../dataplane/worker/routed-link.ts';
import { pattern, udpPacket } from '../../support/transport-packets.ts';
import { arpFrame } from '../l2/neighbour-frames.ts';
import { KEY_A, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from '../path/host.ts';

const SLOTS = 4;
const VIRTIO_LEN = 10;
/** Of the router in network 7. */
export const ROUTER = '026963000007';
export const MAC_A = '0200000000aa';
export const MAC_B = '0200000000bb';
const MTU_BYTES = 1_500;

/** Keeps what it is to send. */
class FakePort implements FramePort {
  readonly fd = -1;
  readonly givesSupers = false;
  readonly takesSupers = false;
  readonly isClosed = false;
  readonly counts = new FrameCounts();
  readonly sent: string[] = [];
  readonly frameAt: number;
  takes = true;
  readonly #arena: Arena;

  constructor(arena: Arena, frameAt: number) {
    this.#arena = arena;
    this.frameAt = frameAt;
  }

  receive(): number {
    return 0;
  }

  transmit(at: number, len: number): boolean {
    if (this.takes) this.sent.push(Buffer.from(this.#arena.bytes.subarray(at, at + len)).toString('hex'));
    return this.counts.sent(len, this.takes);
  }

  transmitSuper(): boolean {
    return false;
  }
}

export interface RigGuest {
  readonly guest: Guest;
  readonly port: FakePort;
}

export class GuestRig {
  readonly arena = new Arena(2 << 20);
  readonly counters = new CounterBlock(CounterBlock.allocate(SLOTS), SLOTS);
  readonly engine: Engine;
  readonly parts: LinkParts;
  readonly link: RoutedLink;
  /** Frames for the underlay. */
  readonly sealed: Uint8Array[] = [];
  readonly #frameAt: number;
  readonly #packetAt: number;
  readonly #sourceAt: number;
  #outerFd = -1;
  #tun: Source | null = null;
  readonly #fds: number[] = [];
  #nextId = 10;

  /** @param side Which of two ends of a tunnel: 10.77.1.0/24 and fd77:1::/32 are behind `a`, 2 behind `b`. */
  constructor(side: 'a' | 'b' = 'a') {
    const { arena } = this;
    this.engine = new Engine({
      memory: arena,
      aead: nobleAead(arena),
      counters: this.counters,
      flowHashKey: new Uint8Array(16),
      controlPort: 0,
    });
    const offload = selectOffload(arena, { tcp: true, udp: true });
    const frameAt = takeFrameBuffer(arena);
    const nextAt = arena.take(70_000);
    const sender = {
      nextAt,
      commit: (len: number) => this.sealed.push(arena.bytes.slice(nextAt, nextAt + len)),
      flush: () => {},
    } as unknown as UdpSender;
    const scratchAt = arena.take(2_048) + 64;
    this.parts = { arena, engine: this.engine, sender, ...offload, readAt: frameAt + 14, frameAt, scratchAt };
    this.#frameAt = frameAt;
    this.#packetAt = arena.take(70_000);
    this.#sourceAt = arena.take(64);
    writeEndpoint(arena.view, this.#sourceAt, parseEndpoint(PEER_ENDPOINT));
    this.engine.addNetwork(VNI);
    this.link = new RoutedLink(VNI, this.parts);
    const other = side === 'a' ? 2 : 1;
    const routes = [
      { dst: `10.77.${other}.0/24`, src: '0.0.0.0/0' },
      { dst: `fd77:${other}::/32`, src: '::/0' },
    ];
    this.engine.setPeer(peerSpec({ routes }));
    const [own, theirs] = side === 'a' ? [KEY_A, KEY_B] : [KEY_B, KEY_A];
    this.engine.installTx(saSpec({ spi: side === 'a' ? 1 : 0x4000_0001, key: own }), NOW);
    this.engine.installRx(saSpec({ spi: side === 'a' ? 0x4000_0001 : 1, key: theirs }), NOW);
  }

  addGuest(addresses: readonly string[], mtuBytes = MTU_BYTES): RigGuest {
    const port = new FakePort(this.arena, this.#frameAt);
    const dgram = { fd: -1, isConnected: false, remote: null, mtuBytes };
    const guest = this.link.guests.add(this.#nextId, port, {
      kind: 'guest',
      id: this.#nextId++,
      dgram,
      addresses,
    });
    return { guest, port };
  }

  attachTun(): void {
    const [tunFd, outerFd] = openSocketPair();
    this.#fds.push(tunFd, outerFd);
    this.#outerFd = outerFd;
    this.#tun = this.link.attachTun(tunFd, () => {});
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) closeFd(fd);
  }

  /** A frame from a guest. @returns The frames that its own port was given meanwhile. */
  send({ guest, port }: RigGuest, frame: string): string[] {
    const bytes = Buffer.from(frame, 'hex');
    const before = port.sent.length;
    // What lies behind shows in what is read too far.
    this.arena.bytes.fill(0x5a, this.#frameAt, this.#frameAt + bytes.length + 64);
    this.arena.bytes.set(bytes, this.#frameAt);
    this.link.guests.take(guest, this.#frameAt, bytes.length, NOW);
    return port.sent.slice(before);
  }

  /** What the host sends, with its virtio_net_hdr. */
  fromHost(packet: Uint8Array): void {
    const bytes = Buffer.alloc(Math.max(128, packet.length));
    bytes.set(packet);
    write(this.#outerFd, addressOf(bytes), packet.length);
    this.#tun?.take(NOW);
  }

  /** Packets that the host was given since, in hex. */
  toHost(): string[] {
    const buffer = Buffer.alloc(70_000);
    const packets: string[] = [];
    for (;;) {
      const len = read(this.#outerFd, addressOf(buffer), buffer.length);
      if (len <= 0) return packets;
      packets.push(buffer.toString('hex', VIRTIO_LEN, len));
    }
  }

  /** Frames from the underlay, until the end of a turn. */
  open(frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      this.arena.bytes.set(frame, this.#packetAt);
      this.link.open(this.#packetAt, frame.length, this.#sourceAt, NOW);
    }
    this.link.flush();
  }

  dropped(code: DropCode): number {
    return CounterBlock.sumAll([this.counters]).drops.get(code) ?? Number.NaN;
  }
}

/** Drops that happened: reasons with a count. */
export function dropsOf({ guest }: RigGuest): Record<string, number> {
  const { rx, tx } = readGuestDrops(guest.drops);
  const named = (direction: string, drops: Readonly<Record<string, number>>) =>
    Object.entries(drops).map(([reason, count]): [string, number] => [`${direction} ${reason}`, count]);
  return Object.fromEntries([...named('rx', rx), ...named('tx', tx)].filter(([, count]) => count > 0));
}

/** An Ethernet frame around an IP packet. */
export function frameOf(packet: Uint8Array, { to = ROUTER, from = MAC_A, type = '' } = {}): string {
  const isV4 = (packet[0] ?? 0) >>> 4 === 4;
  return `${to}${from}${type || (isV4 ? '0800' : '86dd')}${Buffer.from(packet).toString('hex')}`;
}

export const A4 = '10.77.1.9';
export const B4 = '10.77.1.10';
export const HOST4 = '10.77.1.1';
export const PEER4 = '10.77.2.9';
export const A6 = 'fd77:1::9';
export const B6 = 'fd77:1::10';
export const PEER6 = 'fd77:2::9';

/** Guests A and B, whose MAC addresses are known. */
export function twoGuests(rig: GuestRig): { a: RigGuest; b: RigGuest } {
  const a = rig.addGuest([`${A4}/32`, `${A6}/128`]);
  const b = rig.addGuest([`${B4}/32`, `${B6}/128`]);
  rig.send(a, arpFrame({ from: MAC_A, senderIp: hex4(A4), targetIp: hex4(A4) }));
  rig.send(b, arpFrame({ from: MAC_B, senderIp: hex4(B4), targetIp: hex4(B4) }));
  return { a, b };
}

export function hex4(ip: string): string {
  return Buffer.from(ip.split('.').map(Number)).toString('hex');
}

export function packet(src: string, dst: string, ttl = 64, len = 40): Uint8Array {
  return udpPacket({ src, dst, ttl, payload: pattern(len) });
}

/** As a router passes a packet on: built anew with a hop less, checksum and all. */
export function forwarded(src: string, dst: string, ttl = 63): string {
  return Buffer.from(packet(src, dst, ttl)).toString('hex');
}
