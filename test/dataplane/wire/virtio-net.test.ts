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
