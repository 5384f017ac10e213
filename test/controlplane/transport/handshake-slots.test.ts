import { describe, expect, test } from 'vitest';
import { HandshakeSlots } from '../../../controlplane/transport/handshake-slots.ts';
import { MAX_HANDSHAKES, MAX_HANDSHAKES_PER_SOURCE } from '../../../controlplane/transport/limits.ts';

describe('HandshakeSlots.take()', () => {
  test('gives one source its share and another one still gets in', () => {
    const slots = new HandshakeSlots();
    for (let count = 0; count < MAX_HANDSHAKES_PER_SOURCE; count += 1) {
      expect(slots.take('192.0.2.1')).not.toBe(null);
    }
    expect(slots.take('192.0.2.1')).toBe(null);
    expect(slots.take('192.0.2.2')).not.toBe(null);
  });

  test('gives no more than all', () => {
    const slots = new HandshakeSlots();
    for (let count = 0; count < MAX_HANDSHAKES; count += 1) slots.take(`192.0.2.${count}`);
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
