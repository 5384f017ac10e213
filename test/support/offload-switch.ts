/** Switches offloads of interfaces, which ethtool(8) does where it is installed. */
import { addressOf, close, errno, ioctl, SystemCallError, socket } from '../../dataplane/io/libc.ts';
import type { Namespace } from './netns.ts';

/** @see linux/ethtool.h */
export const OffloadSwitch = { transmitChecksum: 0x17, tso: 0x1f, gso: 0x24, gro: 0x2c } as const;

export interface VethEnd {
  readonly host: Namespace;
  readonly device: string;
}

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
/** struct ifreq: 16 bytes of name, then the address of the request. */
const IFREQ_DATA_AT = 16;

/** @param command One of `OffloadSwitch`. @see struct ethtool_value in linux/ethtool.h */
export function setOffload({ host, device }: VethEnd, command: number, isOn: boolean): void {
  host.inside(() => {
    const fd = socket(AF_INET, SOCK_DGRAM, 0);
    const value = Buffer.alloc(128);
    value.writeUInt32LE(command, 0);
    value.writeUInt32LE(isOn ? 1 : 0, 4);
    const ifreq = Buffer.alloc(128);
    ifreq.write(device, 'latin1');
    ifreq.writeBigUInt64LE(BigInt(addressOf(value)), IFREQ_DATA_AT);
    const fault = ioctl(fd, SIOCETHTOOL, addressOf(ifreq)) < 0 ? errno() : 0;
    close(fd);
    if (fault !== 0) throw new SystemCallError(`set the offloads of ${device}`, fault);
  });
}

/** Lets an interface be given single packets with their checksums made, as a network card sends them. */
export function finishPackets(host: Namespace, device: string): void {
  const { transmitChecksum, tso, gso } = OffloadSwitch;
  for (const command of [tso, gso, transmitChecksum]) setOffload({ host, device }, command, false);
}
