/** Which segmenter and coalescer a worker gets. */
import { expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { asSuper, tcpSegments, VIRTIO_LEN } from '../../support/super-packets.ts';
import { pattern, tcpPacket } from '../../support/transport-packets.ts';

const ALL = { tcp: true, udp: true };
const missing = () => {
  throw new Error('no such file');
};

test('selectOffload() takes WebAssembly where it loads', () => {
  const { segmenter, coalescer, fallbackReason } = selectOffload(new Arena(1 << 20), ALL);
  expect([segmenter.name, coalescer.name, fallbackReason]).toEqual(['WebAssembly', 'WebAssembly', null]);
});

test('selectOffload() falls back to TypeScript and says why', () => {
  const { segmenter, coalescer, fallbackReason } = selectOffload(new Arena(1 << 20), ALL, missing);
  expect([segmenter.name, coalescer.name, fallbackReason]).toEqual([
    'TypeScript',
    'TypeScript',
    'no such file',
  ]);
});

test.each([
  ['WebAssembly', undefined],
  ['TypeScript', missing],
])('what selectOffload() gives works on the arena: %s', (_name, load) => {
  const arena = new Arena(1 << 20);
  const { segmenter, coalescer } = selectOffload(arena, ALL, load);
  const fields = { payload: pattern(5_000) };
  const read = asSuper(tcpPacket(fields), 1_000);
  const at = arena.take(8_192) + 64;
  arena.bytes.set(read, at - VIRTIO_LEN);
  expect(segmenter.begin(at, read.length - VIRTIO_LEN)).toBe(5);
  for (const segment of tcpSegments(fields, 1_000)) {
    expect(segmenter.next()).toBe(segment.length);
    arena.bytes.copyWithin(coalescer.nextAt(segment.length), segmenter.at, segmenter.at + segment.length);
    expect(coalescer.add(segment.length, 1)).toBe(false);
  }
  expect(coalescer.flush() && coalescer.take()).toBe(true);
  expect([coalescer.packets, coalescer.packetLen]).toEqual([5, 5_052]);
});

test('selectOffload() merges what the interface takes, and nothing else', () => {
  const arena = new Arena(1 << 20);
  const { coalescer } = selectOffload(arena, { tcp: false, udp: false });
  const packet = tcpPacket();
  arena.bytes.set(packet, coalescer.nextAt(packet.length));
  expect(coalescer.add(packet.length, 1)).toBe(true);
});
