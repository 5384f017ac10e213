/** Ethernet frames around packets, built byte by byte for tests. */

/** An Ethernet header: addresses, VLAN tags outermost first, type. */
export function ethernetHeader(
  type: number,
  { dst = 2, src = 1, tags = [] }: { dst?: number; src?: number; tags?: readonly [number, number][] } = {},
): Uint8Array {
  const words = [...tags.flat(), type].flatMap((word) => [word >> 8, word & 0xff]);
  return Uint8Array.of(0x02, 0, 0, 0, 0, dst, 0x02, 0, 0, 0, 0, src, ...words);
}

export function ipTypeOf(packet: Uint8Array): number {
  return (packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A packet with its virtio_net_hdr, as a frame with its virtio_net_hdr. */
export function framed(read: Uint8Array, header: Uint8Array): Uint8Array {
  const virtio = read.slice(0, 10);
  const view = new DataView(virtio.buffer);
  if (view.getUint8(1) !== 0) view.setUint16(2, view.getUint16(2, true) + header.length, true);
  if ((view.getUint8(0) & 1) !== 0) view.setUint16(6, view.getUint16(6, true) + header.length, true);
  return concat(virtio, header, read.subarray(10));
}
