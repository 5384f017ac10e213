/**
 * Tells peers apart: one is a key in a network.
 */
import type { ControlPeer } from './control-peer.ts';

/** Whether SAs that were agreed with `a` are good for `b`. */
export function sameKeys(a: ControlPeer, b: ControlPeer): boolean {
  const samePsk = a.psk === null || b.psk === null ? a.psk === b.psk : sameKey(a.psk, b.psk);
  return memberName(a) === memberName(b) && samePsk && a.hybrid === b.hybrid;
}

export function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Names one peer in one network; the control plane has each once. */
export function memberName({ publicKey, vni }: ControlPeer): string {
  return `${Buffer.from(publicKey).toString('base64')} ${vni}`;
}
