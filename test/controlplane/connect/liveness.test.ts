import { describe, expect, test } from 'vitest';
import { DEAD_AFTER_MS, Liveness, PING_INTERVAL_MS } from '../../../controlplane/connect/liveness.ts';

describe('Liveness', () => {
  test('step() pings at once, then every 2 s', () => {
    const liveness = new Liveness(0);
    expect(liveness.step(0)).toEqual({ kind: 'ping', id: 1 });
    expect(liveness.step(0)).toEqual({ kind: 'wait', untilMs: PING_INTERVAL_MS });
    expect(liveness.step(PING_INTERVAL_MS - 1)).toEqual({ kind: 'wait', untilMs: PING_INTERVAL_MS });
    expect(liveness.step(PING_INTERVAL_MS)).toEqual({ kind: 'ping', id: 2 });
  });

  test('step() says dead after 7 s of silence and not before', () => {
    const liveness = new Liveness(0);
    expect(liveness.step(DEAD_AFTER_MS - 1).kind).not.toBe('dead');
    expect(liveness.step(DEAD_AFTER_MS)).toEqual({ kind: 'dead', silentMs: 7_000 });
  });

  test('heard() postpones death, and never advances it', () => {
    const liveness = new Liveness(0);
    liveness.heard(5_000);
    liveness.heard(4_000);
    expect(liveness.step(11_999).kind).not.toBe('dead');
    expect(liveness.step(12_000).kind).toBe('dead');
  });

  test('step() waits no longer than until death', () => {
    const liveness = new Liveness(0);
    liveness.step(6_900);
    expect(liveness.step(6_900)).toEqual({ kind: 'wait', untilMs: 7_000 });
  });

  test('pong() measures the round trip and smooths it by an eighth', () => {
    const liveness = new Liveness(0);
    liveness.step(0);
    liveness.pong(1, 80);
    expect(liveness.rttMs).toBe(80);
    liveness.step(2_000);
    liveness.pong(2, 2_000);
    expect(liveness.rttMs).toBe(70);
  });

  test('pong() ignores ids that were not asked, and second answers', () => {
    const liveness = new Liveness(0);
    liveness.step(0);
    liveness.pong(7, 10);
    expect(liveness.rttMs).toBeNull();
    liveness.pong(1, 10);
    liveness.pong(1, 5_000);
    expect(liveness.rttMs).toBe(10);
  });

  test('forgets pings that nobody answers', () => {
    const liveness = new Liveness(0);
    for (let nowMs = 0; nowMs <= 20_000; nowMs += 2_000) {
      liveness.heard(nowMs);
      liveness.step(nowMs);
    }
    liveness.pong(1, 20_000);
    expect(liveness.rttMs).toBeNull();
    liveness.pong(11, 20_000);
    expect(liveness.rttMs).toBe(0);
  });
});
