import { describe, expect, test } from 'vitest';
import { checksum, sumBytes } from '../../../dataplane/wire/checksum.ts';
import {
  checkPacket,
  destinationAt,
  ipVersion,
  sourceAt,
  takeHop,
  totalLen,
} from '../../../dataplane/wire/ip.ts';
import { UDP, V4, v6Packet } from './packets.ts';
import { AT, exactView, viewOf } from './view-of.ts';

describe('ip.checkPacket()', () => {
  test.each([
    ['an IPv4 packet', V4, 32, true],
    ['an IPv4 packet with bytes behind it', V4, 40, true],
    ['an IPv4 packet cut by a byte', V4, 31, false],
    ['19 bytes of IPv4', V4, 19, false],
    ['an IPv4 header length of 4 words', `44${V4.slice(2)}`, 32, false],
    ['an IPv4 header longer than its total length', `4f${V4.slice(2)}`, 32, false],
    ['an IPv4 total length below the header', V4.replace('0020', '0013'), 32, false],
    ['an IPv4 header alone', V4.replace('0020', '0014'), 20, true],
    ['an IPv6 packet', v6Packet(17, UDP), 48, true],
    ['an IPv6 packet with bytes behind it', v6Packet(17, UDP), 50, true],
    ['an IPv6 packet cut by a byte', v6Packet(17, UDP), 47, false],
    ['39 bytes of IPv6', v6Packet(59, ''), 39, false],
    ['an IPv6 header alone', v6Packet(59, ''), 40, true],
    ['version 5', `55${V4.slice(2)}`, 32, false],
    ['version 0', '00'.repeat(60), 60, false],
    ['nothing, before stale bytes of a packet', V4, 0, false],
    ['one byte', V4, 1, false],
  ])('judges %s', (_, hex, len, expected) => {
    expect(checkPacket(viewOf(hex), AT, len)).toBe(expected);
  });
});

describe('ip.checkPacket() reads nothing behind the packet', () => {
  test.each([
    ['IPv4', V4.replaceAll(' ', '')],
    ['IPv6', v6Packet(17, UDP).replaceAll(' ', '')],
  ])('of %s, cut anywhere', (_, hex) => {
    for (let len = 0; len < hex.length / 2; len++) {
      expect(checkPacket(exactView(hex.slice(0, len * 2)), 0, len)).toBe(false);
    }
  });
});

describe('ip fields', () => {
  test('are found for IPv4', () => {
    const view = viewOf(V4);
    expect(ipVersion(view, AT)).toBe(4);
    expect(totalLen(view, AT)).toBe(32);
    expect(view.getUint32(sourceAt(view, AT))).toBe(0x0a4d0001);
    expect(view.getUint32(destinationAt(view, AT))).toBe(0x0a4d0002);
  });

  test('are found for IPv6', () => {
    const view = viewOf(v6Packet(17, UDP));
    expect(ipVersion(view, AT)).toBe(6);
    expect(totalLen(view, AT)).toBe(48);
    expect(view.getUint8(sourceAt(view, AT) + 15)).toBe(1);
    expect(view.getUint8(destinationAt(view, AT) + 15)).toBe(2);
  });
});

describe('ip.takeHop()', () => {
  /** A header whose checksum is right, with any other word. */
  function header(ttl: number, id: number): DataView {
    const view = viewOf(V4);
    view.setUint8(AT + 8, ttl);
    view.setUint16(AT + 4, id);
    view.setUint16(AT + 10, 0);
    view.setUint16(AT + 10, checksum(sumBytes(view, AT, 20)));
    return view;
  }

  test('takes one off the TTL, and leaves the checksum of any header right', () => {
    for (let id = 0; id <= 0xffff; id++) {
      const view = header(64, id);
      expect(takeHop(view, AT)).toBe(true);
      if (checksum(sumBytes(view, AT, 20)) !== 0 || view.getUint8(AT + 8) !== 63) expect.unreachable(`${id}`);
      // As computed anew: the one's complement of a sum that is not zero.
      expect(view.getUint16(AT + 10)).not.toBe(0xffff);
    }
  });

  test('leaves a wrong checksum wrong', () => {
    const view = header(64, 1);
    view.setUint16(AT + 10, view.getUint16(AT + 10) ^ 0x0101);
    takeHop(view, AT);
    expect(checksum(sumBytes(view, AT, 20))).not.toBe(0);
  });

  test('takes one off the hop limit', () => {
    const view = viewOf(v6Packet(17, UDP));
    expect(takeHop(view, AT)).toBe(true);
    expect(view.getUint8(AT + 7)).toBe(0x3f);
  });

  test.each([0, 1])('changes nothing where %i hops are left', (hops) => {
    for (const [hex, hopsAt] of [
      [V4, 8],
      [v6Packet(17, UDP), 7],
    ] as const) {
      const [view, before] = [viewOf(hex), viewOf(hex)];
      for (const each of [view, before]) each.setUint8(AT + hopsAt, hops);
      expect(takeHop(view, AT)).toBe(false);
      expect(Buffer.from(view.buffer)).toEqual(Buffer.from(before.buffer));
    }
  });
});
