/** Message headers as the kernel reads them: each linked to its own buffer, address and control message. */
import { describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { UdpMessages } from '../../../dataplane/port/udp-messages.ts';
import { SOCKADDR_IN6_LEN } from '../../../dataplane/wire/endpoint.ts';

const COUNT = 5;
const MMSGHDR_LEN = 64;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

interface Header {
  readonly nameAt: number;
  readonly nameLen: number;
  readonly bufferAt: number;
  readonly bufferLen: number;
  readonly buffers: number;
  readonly controlAt: number;
  readonly controlLen: number;
}

function setUp() {
  const arena = new Arena(65_536);
  const messages = new UdpMessages(arena, COUNT);
  const pointer = (at: number) => Number(arena.view.getBigUint64(at, true)) - arena.base;
  const size = (at: number) => Number(arena.view.getBigUint64(at, true));
  /** struct mmsghdr of a message. @see recvmmsg(2), recvmsg(2) */
  const header = (index: number): Header => {
    const at = messages.address(index) - arena.base;
    const iovecAt = pointer(at + 16);
    return {
      nameAt: pointer(at),
      nameLen: arena.view.getUint32(at + 8, true),
      bufferAt: pointer(iovecAt),
      bufferLen: size(iovecAt + 8),
      buffers: size(at + 24),
      controlAt: pointer(at + 32),
      controlLen: size(at + 40),
    };
  };
  return { arena, messages, header };
}

describe('UdpMessages', () => {
  test('address() gives headers in a row, as sendmmsg(2) wants them', () => {
    const { messages } = setUp();
    for (let i = 1; i < COUNT; i++) expect(messages.address(i) - messages.address(i - 1)).toBe(MMSGHDR_LEN);
  });

  test('setBuffer(), setNameLen() and setSegment() are of one message', () => {
    const { messages, header } = setUp();
    for (let i = 0; i < COUNT; i++) {
      messages.setBuffer(i, 40_000 + i, 100 + i);
      messages.setNameLen(i, i);
      messages.setSegment(i, UDP_SEGMENT, 1_000 + i);
    }
    for (let i = 0; i < COUNT; i++) {
      expect(header(i)).toMatchObject({ bufferAt: 40_000 + i, bufferLen: 100 + i, buffers: 1, nameLen: i });
      expect(header(i).nameAt).toBe(messages.nameAt(i));
    }
  });

  test('addresses and control messages have room of their own', () => {
    const { messages, header } = setUp();
    const blocks = Array.from({ length: COUNT }, (_, i) => i).flatMap((i) => [
      { at: messages.nameAt(i), len: SOCKADDR_IN6_LEN },
      { at: header(i).controlAt, len: 64 },
      { at: header(i).nameAt, len: SOCKADDR_IN6_LEN },
    ]);
    const starts = [...new Map(blocks.map((block) => [block.at, block])).values()].sort(
      (a, b) => a.at - b.at,
    );
    expect(starts).toHaveLength(COUNT * 2);
    starts.forEach(({ at, len }, i) => {
      expect(at + len).toBeLessThanOrEqual(starts[i + 1]?.at ?? Number.POSITIVE_INFINITY);
    });
  });

  test('setSegment() writes the control message, and none for 0', () => {
    const { arena, messages, header } = setUp();
    messages.setSegment(2, UDP_SEGMENT, 1_472);
    const { controlAt, controlLen } = header(2);
    const { view } = arena;
    // CMSG_SPACE and CMSG_LEN of a u16.
    expect(controlLen).toBe(24);
    expect(Number(view.getBigUint64(controlAt, true))).toBe(18);
    expect(view.getInt32(controlAt + 8, true)).toBe(SOL_UDP);
    expect(view.getInt32(controlAt + 12, true)).toBe(UDP_SEGMENT);
    expect(view.getUint16(controlAt + 16, true)).toBe(1_472);
    messages.setSegment(2, UDP_SEGMENT, 0);
    expect(header(2).controlLen).toBe(0);
  });

  test('expect() makes room again for what the last call cut down', () => {
    const { messages, header } = setUp();
    messages.setNameLen(1, 16);
    messages.setSegment(1, UDP_SEGMENT, 0);
    messages.expect(1);
    expect(header(1)).toMatchObject({ nameLen: SOCKADDR_IN6_LEN, controlLen: 64 });
  });

  test('receivedLen() reads what the kernel left behind the header', () => {
    const { arena, messages } = setUp();
    arena.view.setUint32(messages.address(3) - arena.base + 56, 65_507, true);
    expect([2, 3, 4].map((i) => messages.receivedLen(i))).toEqual([0, 65_507, 0]);
  });

  test.each<[string, number, number, number, number, number]>([
    ['of this type', 20, SOL_UDP, UDP_GRO, 1_200, 1_200],
    ['beyond 16 bits', 20, SOL_UDP, UDP_GRO, 65_507, 65_507],
    ['of another type', 20, SOL_UDP, UDP_SEGMENT, 1_200, 0],
    ['of another level', 20, 0, UDP_GRO, 1_200, 0],
    ['of before, when none came now', 0, SOL_UDP, UDP_GRO, 1_200, 0],
    ['without a value', 16, SOL_UDP, UDP_GRO, 1_200, 0],
  ])('segment() of a control message %s', (_, controlLen, level, type, value, expected) => {
    const { arena, messages, header } = setUp();
    const { view } = arena;
    const { controlAt } = header(0);
    view.setUint32(messages.address(0) - arena.base + 40, controlLen, true);
    view.setUint32(controlAt, 20, true);
    view.setInt32(controlAt + 8, level, true);
    view.setInt32(controlAt + 12, type, true);
    view.setInt32(controlAt + 16, value, true);
    expect(messages.segment(0, UDP_GRO)).toBe(expected);
  });
});
