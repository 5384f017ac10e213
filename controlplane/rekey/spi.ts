/**
 * SPIs: how a receiver numbers its SAs, and what it accepts from a peer.
 *
 *     bit 31 master key index │ bit 30 role of the allocator │ bits 0–29 counter from 1
 */

import { MAX_LANES } from '../handshake/handshake-payload.ts';

/** Who started the handshake, and so whose half of the SPI space a number is from. */
export const Role = { initiator: 0, responder: 1 } as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Which of the two master keys a generation uses. */
export type MasterKeyIndex = 0 | 1;

const MAX_COUNTER = 0x3fffffff;
const ROLE_SHIFT = 30;
const MASTER_KEY_SHIFT = 31;

export interface SpiRequest {
  readonly role: Role;
  readonly masterKeyIndex: MasterKeyIndex;
  /** Receive queue to steer to, below `queues`; left out, any. */
  readonly queue?: number;
  readonly queues: number;
}

/** Allocates the SPIs of one agent: unique among all its peers while they live. */
export class SpiAllocator {
  readonly #live: Set<number>;
  #counter: number;

  /**
   * @param lastCounter Counter to go on from, 0 to 2^30 − 1.
   * @param live        SPIs that are in use already.
   */
  constructor(lastCounter = 0, live: Iterable<number> = []) {
    this.#live = new Set(live);
    this.#counter = lastCounter;
  }

  /**
   * Next free SPI. With a queue, `(spi & 0x3fffffff) % queues === queue`: the socket group steers
   * by that.
   *
   * @returns unsigned 32 bits, live until {@link release}.
   */
  allocate(request: SpiRequest): number {
    const { queue, queues } = request;
    if (!Number.isInteger(queues) || queues < 1 || queues > MAX_LANES) {
      throw new RangeError(`Cannot steer to ${queues} queues`);
    }
    if (queue !== undefined && !(Number.isInteger(queue) && queue >= 0 && queue < queues)) {
      throw new RangeError(`Cannot steer to queue ${queue} of ${queues}`);
    }
    // Every try fails on a different live SPI, so there is one free within size + 1 tries.
    for (let tries = 0; tries <= this.#live.size; tries++) {
      this.#counter = nextCounter(this.#counter, queue, queues);
      const spi = composeSpi(request.role, request.masterKeyIndex, this.#counter);
      if (this.#live.has(spi)) continue;
      this.#live.add(spi);
      return spi;
    }
    throw new RangeError('Cannot allocate an SPI: all are live');
  }

  /** Gives an SPI back once no SA has it; unknown ones are ignored. */
  release(spi: number): void {
    this.#live.delete(spi);
  }
}

/** The first counter after `last` that the queue takes; wraps to 1, never 0. */
function nextCounter(last: number, queue: number | undefined, queues: number): number {
  let next = last + 1;
  if (queue !== undefined) next += (queue - (next % queues) + queues) % queues;
  return next <= MAX_COUNTER ? next : nextCounter(0, queue, queues);
}

/** Unsigned 32-bit SPI of its parts. */
export function composeSpi(role: Role, masterKeyIndex: MasterKeyIndex, counter: number): number {
  return ((masterKeyIndex << MASTER_KEY_SHIFT) | (role << ROLE_SHIFT) | counter) >>> 0;
}

/**
 * Whether a peer may announce this SPI in a generation.
 *
 * A peer that took our half of the space, or the other master key, would make two directions or
 * two generations share one key.
 *
 * @returns the reason for a refusal, null when the SPI is fine.
 */
export function checkPeerSpi(
  spi: number,
  expected: { readonly peerRole: Role; readonly masterKeyIndex: MasterKeyIndex },
): string | null {
  if (!Number.isInteger(spi) || spi < 0 || spi > 0xffffffff) return 'SPI is not an unsigned 32-bit number';
  if ((spi & MAX_COUNTER) === 0) return `SPI ${hex(spi)} has counter 0`;
  if (((spi >>> ROLE_SHIFT) & 1) !== expected.peerRole) return `SPI ${hex(spi)} carries the wrong role`;
  if (spi >>> MASTER_KEY_SHIFT !== expected.masterKeyIndex) {
    return `SPI ${hex(spi)} carries the wrong master key index`;
  }
  return null;
}

function hex(spi: number): string {
  return `0x${spi.toString(16).padStart(8, '0')}`;
}
