/** Lets the host pass packets on between containers, overlay and outside. */
import { readFileSync, writeFileSync } from 'node:fs';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';
import type { Family } from './container-network.ts';

const SWITCH = {
  4: { name: 'net.ipv4.ip_forward', path: '/proc/sys/net/ipv4/ip_forward', also: '' },
  6: {
    name: 'net.ipv6.conf.all.forwarding',
    path: '/proc/sys/net/ipv6/conf/all/forwarding',
    also: '; interfaces that take their addresses from router advertisements need accept_ra=2 from now on',
  },
} as const;

/**
 * Switches forwarding on for good: others may rely on it when this agent ends.
 *
 * @param tell Hears what was switched.
 * @throws {AttachError}
 */
export function enableForwarding(families: ReadonlySet<Family>, tell: (what: string) => void): void {
  for (const family of families) {
    const { name, path, also } = SWITCH[family];
    try {
      if (readFileSync(path, 'utf8').trim() !== '0') continue;
      writeFileSync(path, '1');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const hint = `do it by hand: sysctl -w ${name}=1`;
      throw new AttachError(AttachCode.kernel, `cannot switch ${name} on: ${code}`, hint);
    }
    tell(`switched ${name} on, which containers need${also}`);
  }
}
