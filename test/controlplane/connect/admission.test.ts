import { describe, expect, test } from 'vitest';
import { Admission, BURST, MAX_HALF_OPEN } from '../../../controlplane/connect/admission.ts';

describe('Admission.enter()', () => {
  test('lets a burst in, then 10 a second from one address', () => {
    const admission = new Admission();
    const tries = (nowMs: number, count: number): number =>
      Array.from({ length: count }, () => {
        const full = admission.enter('192.0.2.1', nowMs);
        if (full === null) admission.leave();
        return full;
      }).filter((full) => full === null).length;
    expect(tries(0, 500)).toBe(BURST);
    expect(tries(1_000, 50)).toBe(10);
    expect(tries(1_050, 50)).toBe(0);
    expect(tries(60_000, 500)).toBe(BURST);
  });

  test('counts each address by itself', () => {
    const admission = new Admission();
    for (let i = 0; i <= BURST; i++) if (admission.enter('192.0.2.1', 0) === null) admission.leave();
    expect(admission.enter('192.0.2.1', 0)).not.toBeNull();
    expect(admission.enter('192.0.2.2', 0)).toBeNull();
  });

  test('counts all addresses that one IPv6 host can take as one', () => {
    const admission = new Admission();
    for (let i = 0; i <= BURST; i++)
      if (admission.enter(`2001:db8::${i.toString(16)}`, 0) === null) admission.leave();
    expect(admission.enter('2001:db8::ffff', 0)).not.toBeNull();
    expect(admission.enter('2001:db8:0:1::1', 0)).toBeNull();
  });

  test('lets two rounds of 64 calls in from one address at once', () => {
    const admission = new Admission();
    for (let i = 0; i < 2 * 64; i++) {
      expect(admission.enter('192.0.2.1', 0)).toBeNull();
      if (i < 64) admission.leave();
    }
  });

  test('leaves room for others whatever one address does with its handshakes of 10 s', () => {
    const admission = new Admission();
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) admission.enter('192.0.2.1', nowMs);
    expect(admission.halfOpen).toBeGreaterThan(BURST);
    expect(admission.enter('192.0.2.2', 10_000)).toBeNull();
  });

  test('bounds half-open handshakes in all, and leave() makes room', () => {
    const admission = new Admission();
    for (let i = 0; i < MAX_HALF_OPEN; i++) expect(admission.enter(`192.0.2.${i}`, 0)).toBeNull();
    expect(admission.enter('198.51.100.1', 0)).toBe('too many handshakes under way');
    expect(admission.enter(null, 0)).toBe('too many handshakes under way');
    admission.leave();
    expect(admission.enter(null, 0)).toBeNull();
    expect(admission.halfOpen).toBe(MAX_HALF_OPEN);
  });

  test('remembers a bounded number of addresses, the quietest forgotten first', () => {
    const admission = new Admission();
    const knock = (source: string): string | null => {
      const full = admission.enter(source, 0);
      if (full === null) admission.leave();
      return full;
    };
    for (let i = 0; i < BURST; i++) knock('192.0.2.1');
    expect(knock('192.0.2.1')).not.toBeNull();
    for (let i = 0; i < 1_024; i++) knock(`2001:db8:0:${i.toString(16)}::1`);
    expect(knock('192.0.2.1')).toBeNull();
  });
});
