/** The virtio_net_hdr, by its layout in the specification: VIRTIO 1.2 §5.1.6. */
import { expect, test } from 'vitest';
import * as virtio from '../../../dataplane/wire/virtio-net.ts';

test('fields are read where the specification has them, little endian', () => {
  const bytes = Uint8Array.of(0xff, 0x01, 0x81, 0x42, 0x00, 0x44, 0x05, 0x14, 0x00, 0x10, 0x01, 0xff);
  const view = new DataView(bytes.buffer);
  expect(virtio.needsChecksum(view, 1)).toBe(true);
  expect(virtio.gsoType(view, 1)).toBe(virtio.GsoType.tcp4);
  expect(virtio.gsoSize(view, 1)).toBe(0x0544);
  expect(virtio.checksumStart(view, 1)).toBe(0x0014);
  expect(virtio.checksumOffset(view, 1)).toBe(0x0110);
  bytes[1] = 2;
  expect(virtio.needsChecksum(view, 1)).toBe(false);
});

test('writeSuper() and writePlain() write all ten bytes and no more', () => {
  const bytes = new Uint8Array(12).fill(0xee);
  const view = new DataView(bytes.buffer);
  virtio.writeSuper(view, 1, virtio.GsoType.udp, 0x1234, 0x0544, 20, 6);
  expect([...bytes]).toEqual([0xee, 1, 5, 0x34, 0x12, 0x44, 0x05, 20, 0, 6, 0, 0xee]);
  virtio.writePlain(view, 1);
  expect([...bytes]).toEqual([0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xee]);
});

test.each([
  [
    'a super-packet',
    [1, 0x81, 0x36, 0, 0x44, 5, 0x22, 0, 16, 0],
    [1, 0x81, 0x28, 0, 0x44, 5, 0x14, 0, 16, 0],
  ],
  ['one that lacks its checksum', [1, 0, 0, 0, 0, 0, 0x22, 0, 6, 0], [1, 0, 0, 0, 0, 0, 0x14, 0, 6, 0]],
  ['one whose checksum is made', [0, 5, 0x36, 0, 9, 0, 3, 0, 4, 0], [0, 5, 0x28, 0, 9, 0, 3, 0, 4, 0]],
  ['a complete one', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
])('moveHeader() counts offsets anew in the header of %s', (_name, header, moved) => {
  for (const distance of [-14, -4, 0, 4, 14]) {
    const bytes = new Uint8Array(48).fill(0xee);
    bytes.set(header, 19);
    virtio.moveHeader(new DataView(bytes.buffer), 19, 19 + distance, -14);
    expect([...bytes.slice(19 + distance, 29 + distance)]).toEqual(moved);
    expect(bytes[18 + Math.min(0, distance)]).toBe(0xee);
    expect(bytes[29 + Math.max(0, distance)]).toBe(0xee);
  }
});
