/** A relay with guests that are arrays, and peers on real sockets: for tests of what passes through it. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from '../../../dataplane/io/arena.ts';
import { DenyList, type DenyRules } from '../../../dataplane/relay/deny-list.ts';
import { takeRelayBuffer } from '../../../dataplane/worker/relay-buffer.ts';
import type { RelayGuest } from '../../../dataplane/worker/relay-guest.ts';
import type { RelayOptions } from '../../../dataplane/worker/relay-options.ts';
import { RelaySource } from '../../../dataplane/worker/relay-source.ts';
import { fragmentsOf, type UdpFields, udpPacket } from '../relay/packets.ts';

const PATIENCE_MS = 5_000;

export const GUEST_4 = '10.77.0.9';
export const GUEST_6 = 'fd77::9';
export const LOOPBACK_ALLOWED: DenyRules = { allow: ['127.0.0.0/8', '::1/128'] };

/** What a relay gives to one guest. */
export class TestGuest implements RelayGuest {
  readonly id: number;
  mtuBytes: number;
  readonly packets: Buffer[] = [];
  readonly #arena: Arena;

  constructor(id: number, arena: Arena, mtuBytes = 65_575) {
    this.id = id;
    this.mtuBytes = mtuBytes;
    this.#arena = arena;
  }

  deliver(packetAt: number, packetLen: number): void {
    this.packets.push(Buffer.from(this.#arena.bytes.slice(packetAt, packetAt + packetLen)));
    // What is promised may be overwritten.
    this.#arena.bytes.fill(0xee, packetAt - 64, packetAt);
  }
}

export class RelayRig {
  readonly arena = new Arena(512 << 10, true);
  readonly relay: RelaySource;
  readonly guest: TestGuest;
  nowMs = 1e12;
  readonly #packetAt: number;

  constructor(options: Partial<RelayOptions> = {}) {
    this.#packetAt = this.arena.take(66_000);
    this.relay = new RelaySource(this.arena, takeRelayBuffer(this.arena), {
      denyList: new DenyList(LOOPBACK_ALLOWED),
      addresses: { v4: '10.77.0.1', v6: 'fd77::1' },
      resolver: null,
      ...options,
    });
    this.guest = new TestGuest(1, this.arena);
  }

  /** Gives a packet to the relay, and ends the turn. */
  accept(packet: Uint8Array, guest = this.guest): boolean {
    const isTaken = this.offer(packet, guest);
    this.relay.flush();
    return isTaken;
  }

  /** Gives a packet to the relay within a turn. */
  offer(packet: Uint8Array, guest = this.guest): boolean {
    this.arena.bytes.set(packet, this.#packetAt);
    return this.relay.accept(this.#packetAt, packet.length, guest, this.nowMs);
  }

  /** Sends a UDP datagram, in fragments where the guest's MTU asks for it. */
  send(
    fields: Partial<UdpFields> & { data: Uint8Array; to: string; toPort: number },
    guest = this.guest,
  ): void {
    const packet = udpPacket({
      from: fields.to.includes(':') ? GUEST_6 : GUEST_4,
      fromPort: 5_000,
      ...fields,
    });
    for (const piece of fragmentsOf(packet, guest.mtuBytes)) this.accept(piece, guest);
  }

  /** Gives the relay turns until the guest has so many packets. */
  async until(count: number, guest = this.guest): Promise<Buffer[]> {
    await this.turns(() => guest.packets.length >= count);
    return guest.packets;
  }

  async turns(isDone: () => boolean): Promise<void> {
    const endAtMs = performance.now() + PATIENCE_MS;
    for (this.turn(); !isDone(); this.turn()) {
      if (performance.now() > endAtMs) throw new Error('the relay did not do it in time');
      await sleep(2);
    }
  }

  turn(): number {
    const taken = this.relay.take(this.nowMs);
    this.relay.flush();
    return taken;
  }

  close(): void {
    this.relay.close();
    this.arena.close();
  }
}

/** Somebody outside, at loopback. */
export class Outside {
  readonly socket: Socket;
  readonly address: string;
  readonly received: { data: Buffer; from: RemoteInfo }[] = [];

  private constructor(socket: Socket, address: string) {
    this.socket = socket;
    this.address = address;
    socket.on('message', (data, from) => this.received.push({ data, from }));
  }

  static async open(address = '127.0.0.1'): Promise<Outside> {
    const type = address.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, recvBufferSize: 4 << 20 });
    socket.bind(0, address);
    await once(socket, 'listening');
    return new Outside(socket, address);
  }

  /** One that sends back what it gets. */
  static async echo(address = '127.0.0.1'): Promise<Outside> {
    const outside = await Outside.open(address);
    outside.socket.on('message', (data, from) => outside.socket.send(data, from.port, from.address));
    return outside;
  }

  get port(): number {
    return this.socket.address().port;
  }

  async send(data: Uint8Array, port: number): Promise<void> {
    await new Promise<void>((resolve) => this.socket.send(data, port, this.address, () => resolve()));
  }

  close(): void {
    this.socket.close();
  }
}
