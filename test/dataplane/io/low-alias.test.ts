/** Packet memory that is seen below 2 GiB as well; x86-64 only. */
import { describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd, openEventFd } from '../../../dataplane/io/eventfd.ts';
import { read, write } from '../../../dataplane/io/libc.ts';
import { opensslAead } from '../../../dataplane/io/openssl-aead.ts';
import { allocatedPerCall } from '../wire/allocation.ts';

const isX64 = process.arch === 'x64';

test('Arena() stays where it is unless it shall be low', () => {
  const arena = new Arena(65_536);
  expect(arena.isLow).toBe(false);
  arena.close();
  expect(arena.bytes[100]).toBe(0);
});

describe.runIf(isX64)('Arena() below 2 GiB', () => {
  test('shows the kernel and the program the same bytes', () => {
    const arena = new Arena(65_536, true);
    expect(arena.isLow).toBe(true);
    expect(arena.base + arena.bytes.length).toBeLessThanOrEqual(2 ** 31);
    const fd = openEventFd();
    // The last bytes of the arena, then some of the first.
    arena.view.setUint32(65_528, 7, true);
    expect(write(fd, arena.base + 65_528, 8)).toBe(8);
    expect(read(fd, arena.base + 64, 8)).toBe(8);
    expect(arena.view.getUint32(64, true)).toBe(7);
    closeFd(fd);
    arena.close();
  });

  test('is one’s own, all zero, and its bytes outlive its address', () => {
    const [a, b] = [new Arena(131_072, true), new Arena(131_072, true)];
    expect(a.base).not.toBe(b.base);
    expect(a.bytes.every((byte) => byte === 0)).toBe(true);
    a.bytes.fill(1);
    expect(b.bytes.every((byte) => byte === 0)).toBe(true);
    a.close();
    expect(a.bytes.every((byte) => byte === 1)).toBe(true);
    b.close();
  });

  test('lets packets be sealed and opened with less than a byte of garbage', () => {
    const arena = new Arena(65_536, true);
    const spi = 0xc000_0001;
    const provider = opensslAead(arena, arena.base);
    const seal = provider.sealKey(0, new Uint8Array(16), spi);
    const open = provider.openKey(0, new Uint8Array(16), spi);
    let counter = 0;
    let opened = 0;
    const perPacket = allocatedPerCall(() => {
      arena.view.setUint32(4_116, spi);
      arena.view.setUint32(4_124, ++counter);
      seal.seal(4_116, 4_096, 32, 8_192, 1_000, 4_128);
      if (open.open(4_116, 4_096, 32, 4_128, 1_000, 8_192)) opened++;
    });
    expect(opened).toBe(counter);
    expect(perPacket).toBeLessThan(1);
    seal.destroy();
    open.destroy();
    arena.close();
  });
});
