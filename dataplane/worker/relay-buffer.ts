/** Where a relay's packets for guests lie in a worker's arena: once for each worker, whatever relays come and go. */
import type { Arena } from '../io/arena.ts';
import { REPLY_HEADROOM } from '../relay/reply.ts';
import { SENT_HEADER_LEN } from '../relay/sent-packet.ts';
import { MAX_ANSWER_LEN } from '../wire/icmp.ts';

/** In front of a packet for a guest. */
const HEADROOM = 64;
/** Behind one: what copies in words may read or write. */
const TAIL_LEN = 64;
const ADDRESS_SPACE = 16;
export const MAX_DATAGRAM_LEN = 65_536;

const OUT_AT = HEADROOM;
const QUOTE_AT = OUT_AT + MAX_ANSWER_LEN + TAIL_LEN + SENT_HEADER_LEN;
const OWN_AT = QUOTE_AT + MAX_ANSWER_LEN + TAIL_LEN;
const REPLY_AT = OWN_AT + ADDRESS_SPACE + HEADROOM + REPLY_HEADROOM;
const BUFFER_LEN = REPLY_AT + MAX_DATAGRAM_LEN + TAIL_LEN;

/** Offsets from the buffer's. */
export const RelayBufferAt = {
  /** Where answers of the relay's own are written. */
  out: OUT_AT,
  /** Where data is put that they quote; SENT_HEADER_LEN bytes before it are free. */
  quote: QUOTE_AT,
  /** Where the relay's own address is put that an answer comes from. */
  own: OWN_AT,
  /** Where data is put that came; REPLY_HEADROOM bytes before it are free, and 64 before those. */
  reply: REPLY_AT,
} as const;

/** @returns What a relay's constructor calls `bufferAt`. */
export function takeRelayBuffer(arena: Arena): number {
  return arena.take(BUFFER_LEN);
}
