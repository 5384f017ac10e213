/** Tells addresses inside the overlay from those of the underlay. */
import { parsePrefix, wordMask } from '../../dataplane/route/prefix.ts';

/**
 * Whether an address lies in one of the interface's own subnets, and so can only be reached
 * through the overlay.
 *
 * @param own Inner addresses of the interface, with prefix length.
 * @param address Underlay address that is to be dialled; a zone behind % does not count.
 */
export function isOverlayAddress(own: readonly string[], address: string): boolean {
  return own.some((subnet) => inSubnet(subnet, address.split('%')[0] ?? ''));
}

function inSubnet(subnet: string, address: string): boolean {
  const [host = '', length] = subnet.split('/');
  const a = parsePrefix(host);
  const b = parsePrefix(address);
  const bits = length === undefined ? a.length : Number(length);
  return (
    a.family === b.family &&
    a.words.every((word, i) => ((word ^ (b.words[i] ?? 0)) & wordMask(bits, i)) === 0)
  );
}
