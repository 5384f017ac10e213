/**
 * A keepalive: a sealed frame without inner packet, which keeps NAT mappings open and teaches
 * the peer our endpoint. It comes from no port, so that no packet is dropped when there is none.
 */
import { ProtocolType } from '../wire/geneve.ts';
import { DropCode } from './drop.ts';
import type { Peer } from './peer.ts';
import { sealFrame } from './seal-frame.ts';

/** @returns Length of the frame at `frameAt`, or the negated drop code. */
export function sealKeepalive(view: DataView, peer: Peer, frameAt: number, nowMs: number): number {
  if (peer.tx === null) return -peer.txMissing;
  if (!peer.hasEndpoint) return -DropCode.txNoEndpoint;
  return sealFrame(view, peer, ProtocolType.keepalive, frameAt, 0, frameAt, nowMs);
}
