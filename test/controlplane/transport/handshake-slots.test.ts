import { describe, expect, test } from 'vitest';
import { HandshakeSlots } from '../../../controlplane/transport/handshake-slots.ts';
import {
  HANDSHAKES_BURST,
  HANDSHAKES_PER_S,
  MAX_HANDSHAKES,
  MAX_HANDSHAKES_PER_SOURCE,
} from '../../../controlplane/transport/limits.ts';

describe('HandshakeSlots.take()', () => {
  test('gives one source its share and another one still gets in', () => {
    const slots = new HandshakeSlots();
    for (let count = 0; count < MAX_HANDSHAKES_PER_SOURCE; count += 1) {
      expect(slots.take('192.0.2.1')).not.toBe(null);
    }
    expect(slots.take('192.0.2.1')).toBe(null);
    expect(slots.take('192.0.2.2')).not.toBe(null);
  });

  test('gives one source slots for 64 handshakes at once, and for 64 more when it starts anew', () => {
    const slots = new HandshakeSlots();
    for (let round = 0; round < 2; round += 1) {
      const leaves = Array.from({ length: 64 }, () => slots.take('192.0.2.1', round * 1_000));
      expect(leaves).not.toContain(null);
      for (const leave of leaves) leave?.();
    }
  });

  test('counts all addresses that one IPv6 host can take as one source', () => {
    const slots = new HandshakeSlots();
    for (let n = 0; n < MAX_HANDSHAKES_PER_SOURCE; n += 1) slots.take(`2001:db8::${n.toString(16)}`);
    expect(slots.take('2001:db8::ffff')).toBe(null);
    expect(slots.take('2001:db8:0:1::1')).not.toBe(null);
  });

  test('bounds how often one source may try, however short each try is', () => {
    const slots = new HandshakeSlots();
    const tries = (source: string, nowMs: number): number => {
      let taken = 0;
      for (let n = 0; n < 1_000; n += 1) {
        const leave = slots.take(source, nowMs);
        if (leave !== null) taken += 1;
        leave?.();
      }
      return taken;
    };
    expect(tries('192.0.2.1', 0)).toBe(HANDSHAKES_BURST);
    expect(tries('192.0.2.1', 1_000)).toBe(HANDSHAKES_PER_S);
    expect(tries('192.0.2.2', 1_000)).toBe(HANDSHAKES_BURST);
  });

  test('gives no more than all', () => {
    const slots = new HandshakeSlots();
    for (let count = 0; count < MAX_HANDSHAKES; count += 1) {
      expect(slots.take(`192.0.${count >> 8}.${count & 0xff}`)).not.toBe(null);
    }
    expect(slots.take('198.51.100.1')).toBe(null);
  });

  test('a slot given back twice is given back once', () => {
    const slots = new HandshakeSlots();
    const leave = slots.take('192.0.2.1');
    slots.take('192.0.2.1');
    leave?.();
    leave?.();
    expect(slots.taken).toBe(1);
    for (let count = 1; count < MAX_HANDSHAKES_PER_SOURCE; count += 1) slots.take('192.0.2.1');
    expect(slots.take('192.0.2.1')).toBe(null);
  });
});
