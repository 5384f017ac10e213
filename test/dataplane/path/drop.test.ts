import { describe, expect, test } from 'vitest';
import { DROP_COUNT, DROPS, DropCode, dropInfo } from '../../../dataplane/path/drop.ts';

/** Reasons that operators' dashboards rely on. */
const PROMISED_RX = [
  'malformed',
  'unknown_vni',
  'bad_peer',
  'missing_option',
  'unknown_option',
  'unknown_spi',
  'expired_sa',
  'spi_mismatch',
  'rate_limited',
  'auth_failed',
  'replay',
  'inner_malformed',
  'inner_source',
  'inner_destination',
];
const PROMISED_TX = ['no_route', 'no_sa', 'budget', 'too_large'];

function reasons(direction: 'rx' | 'tx'): string[] {
  return DROPS.map(dropInfo)
    .filter((info) => info.direction === direction)
    .map((info) => info.reason);
}

describe('DROP_TABLE', () => {
  test('codes run from 1 to DROP_COUNT without a gap', () => {
    expect([...DROPS].sort((a, b) => a - b)).toEqual(Array.from({ length: DROP_COUNT }, (_, i) => i + 1));
  });

  test('a code is of the direction that its name begins with', () => {
    for (const [name, code] of Object.entries(DropCode)) {
      expect([name, dropInfo(code).direction]).toEqual([name, name.slice(0, 2)]);
    }
  });

  test.each(['rx', 'tx'] as const)('%s reasons are unique label values', (direction) => {
    expect(new Set(reasons(direction)).size).toBe(reasons(direction).length);
    for (const reason of reasons(direction)) expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  test('every promised reason exists', () => {
    expect(reasons('rx')).toEqual(expect.arrayContaining(PROMISED_RX));
    expect(reasons('tx')).toEqual(expect.arrayContaining(PROMISED_TX));
  });

  test('every help text is one sentence', () => {
    for (const code of DROPS) expect(dropInfo(code).help).toMatch(/^[A-Z][^\n]{10,}\.$/);
  });
});
