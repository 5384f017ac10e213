/** ICMP errors of the router between guests, peers and the host: to whoever sent what goes no further. */
import type { TunQueue } from '../port/tun.ts';
import { writePacketTooBig, writeTimeExceeded } from '../wire/icmp.ts';
import { ipVersion } from '../wire/ip.ts';
import type { Guest } from './guest.ts';
import { writeGatewayIp } from './guest-gateway.ts';
import type { LinkParts } from './link.ts';

/** From the router's own address to the error that it is the source of; headers go in between. */
const OWN_IP_BEFORE = 48;

/** Owned by the worker of its network. Packets are whole, and lie anywhere but in the scratch memory. */
export class GuestErrors {
  readonly #vni: number;
  readonly #parts: LinkParts;

  constructor(vni: number, parts: LinkParts) {
    this.#vni = vni;
    this.#parts = parts;
  }

  /** @param mtuBytes What would pass. @see RFC 1191, RFC 8201 */
  tooLargeToGuest(guest: Guest, at: number, len: number, mtuBytes: number, nowMs: number): void {
    const answerLen = this.#writeTooLarge(at, len, mtuBytes);
    const { arena, scratchAt } = this.#parts;
    if (answerLen > 0) guest.send(arena.view, scratchAt, answerLen, nowMs);
  }

  tooLargeToHost(tun: TunQueue, at: number, len: number, mtuBytes: number): void {
    const answerLen = this.#writeTooLarge(at, len, mtuBytes);
    if (answerLen > 0) tun.transmitPlain(this.#parts.scratchAt, answerLen);
  }

  tooLargeToPeer(at: number, len: number, mtuBytes: number, nowMs: number): void {
    const answerLen = this.#writeTooLarge(at, len, mtuBytes);
    if (answerLen === 0) return;
    const { engine, sender, scratchAt } = this.#parts;
    const frameLen = engine.encap(scratchAt, answerLen, sender.nextAt, nowMs, this.#vni);
    const peer = engine.lastPeer;
    if (frameLen <= 0 || peer === null) return;
    sender.commit(frameLen, peer.endpointWords, peer.slot);
    // Frames that come give the sender no turn.
    sender.flush();
  }

  /** Only guests are told: nobody else knows the addresses that the router has on their links. */
  timeExceededToGuest(guest: Guest, at: number, len: number, nowMs: number): void {
    const { arena, scratchAt } = this.#parts;
    const { view } = arena;
    const ownIpAt = scratchAt - OWN_IP_BEFORE;
    writeGatewayIp(view, ipVersion(view, at) === 4 ? 4 : 6, ownIpAt);
    const answerLen = writeTimeExceeded(view, at, len, ownIpAt, scratchAt);
    if (answerLen > 0) guest.send(view, scratchAt, answerLen, nowMs);
  }

  #writeTooLarge(at: number, len: number, mtuBytes: number): number {
    const { arena, scratchAt } = this.#parts;
    return writePacketTooBig(arena.view, at, len, mtuBytes, -1, scratchAt);
  }
}
