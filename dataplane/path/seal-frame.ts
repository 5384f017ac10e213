/** Builds one sealed frame: header, counter, ciphertext, tag. */
import { SealResult } from '../sa/tx-sa.ts';
import { SEALED_HEADER_LEN, SEALED_NONCE_AT, TAG_LEN, writeSealedHeader } from '../wire/geneve.ts';
import { DropCode } from './drop.ts';
import type { Peer } from './peer.ts';

/** What a frame adds to its inner packet, in bytes. */
export const SEALED_OVERHEAD = SEALED_HEADER_LEN + TAG_LEN;

/**
 * Seals `len` bytes at `packetAt` under the peer's send SA into a frame at `frameAt`.
 *
 * The packet may lie where its ciphertext goes, at `frameAt` + 32, or anywhere that the header
 * does not overlap. Nothing of the frame may be sent unless the result is positive.
 *
 * @returns Frame length, or the negated drop code.
 */
export function sealFrame(
  view: DataView,
  peer: Peer,
  type: number,
  packetAt: number,
  len: number,
  frameAt: number,
  nowMs: number,
): number {
  const sa = peer.tx;
  if (sa === null) return -peer.txMissing;
  writeSealedHeader(view, frameAt, type, peer.network.vni, sa.spi);
  const nonceAt = frameAt + SEALED_NONCE_AT;
  const bodyAt = frameAt + SEALED_HEADER_LEN;
  const result = sa.seal(nonceAt, frameAt, SEALED_HEADER_LEN, packetAt, len, bodyAt, nowMs);
  return result === SealResult.ok ? SEALED_OVERHEAD + len : -dropOf(result);
}

/** Drop code of a send SA that did not, or would not, seal. */
export function dropOf(result: SealResult): DropCode {
  switch (result) {
    case SealResult.expired:
      return DropCode.txExpiredSa;
    case SealResult.exhausted:
      return DropCode.txBudget;
    default:
      return DropCode.txSealRefused;
  }
}
