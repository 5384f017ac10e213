/** Ethernet frames with UDP inside, taken apart and put together, independently of the product. */

export interface UdpFrame {
  readonly sourceMac: Buffer;
  readonly destinationMac: Buffer;
  /** As text: dotted IPv4, or IPv6 as eight full groups. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Buffer;
}

/** Where IP and UDP lie in a frame. */
interface Layout {
  readonly ipAt: number;
  readonly udpAt: number;
  readonly addressAt: number;
  readonly addressLen: number;
}

const ETHERNET_LEN = 14;
const UDP = 17;

/** @returns null for anything but an unfragmented UDP datagram over IPv4 or IPv6 without extensions. */
export function parseUdpFrame(frame: Buffer): UdpFrame | null {
  const layout = layoutOf(frame);
  if (layout === null || frame.length < layout.udpAt + 8) return null;
  const { udpAt, addressAt, addressLen } = layout;
  const len = frame.readUInt16BE(udpAt + 4);
  return {
    destinationMac: frame.subarray(0, 6),
    sourceMac: frame.subarray(6, 12),
    source: formatAddress(frame.subarray(addressAt, addressAt + addressLen)),
    destination: formatAddress(frame.subarray(addressAt + addressLen, addressAt + 2 * addressLen)),
    sourcePort: frame.readUInt16BE(udpAt),
    destinationPort: frame.readUInt16BE(udpAt + 2),
    payload: frame.subarray(udpAt + 8, udpAt + len),
  };
}

function layoutOf(frame: Buffer): Layout | null {
  if (frame.length < ETHERNET_LEN + 20) return null;
  const type = frame.readUInt16BE(12);
  const ipAt = ETHERNET_LEN;
  if (type === 0x0800 && frame.readUInt8(ipAt + 9) === UDP) {
    if ((frame.readUInt16BE(ipAt + 6) & 0x3fff) !== 0) return null; // a fragment
    const headerLen = (frame.readUInt8(ipAt) & 0x0f) * 4;
    return { ipAt, udpAt: ipAt + headerLen, addressAt: ipAt + 12, addressLen: 4 };
  }
  if (type === 0x86dd && frame.readUInt8(ipAt + 6) === UDP) {
    return { ipAt, udpAt: ipAt + 40, addressAt: ipAt + 8, addressLen: 16 };
  }
  return null;
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}

/**
 * The same frame with another UDP payload, its lengths and checksums made right: an IPv4 UDP
 * checksum of 0 (none), a computed one over IPv6.
 */
export function withPayload(frame: Buffer, payload: Buffer): Buffer {
  const layout = layoutOf(frame);
  if (layout === null) throw new TypeError('expected a frame with UDP');
  const { ipAt, udpAt, addressAt, addressLen } = layout;
  const made = Buffer.concat([frame.subarray(0, udpAt + 8), payload]);
  const udpLen = 8 + payload.length;
  made.writeUInt16BE(udpLen, udpAt + 4);
  made.writeUInt16BE(0, udpAt + 6);
  if (addressLen === 4) {
    made.writeUInt16BE(made.length - ipAt, ipAt + 2);
    made.writeUInt16BE(0, ipAt + 10);
    made.writeUInt16BE(internetChecksum(made.subarray(ipAt, udpAt)), ipAt + 10);
  } else {
    made.writeUInt16BE(udpLen, ipAt + 4);
    const pseudo = Buffer.alloc(8);
    pseudo.writeUInt32BE(udpLen, 0);
    pseudo.writeUInt32BE(UDP, 4);
    const covered = Buffer.concat([made.subarray(addressAt, addressAt + 32), pseudo, made.subarray(udpAt)]);
    made.writeUInt16BE(internetChecksum(covered) || 0xffff, udpAt + 6);
  }
  return made;
}

/** RFC 1071 as it is written: slow and plain. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ~sum & 0xffff;
}
