import { describe, expect, test } from 'vitest';
import { formatSpi, STATUS, statusJsonSchema } from '../../cli/status-schema.ts';
import { sampleStatus } from './sample-status.ts';

/** Names of all properties of a JSON Schema, at any depth. */
function propertyNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [...Object.keys(properties), ...Object.values(schema).flatMap(propertyNames)];
}

describe('STATUS', () => {
  test('takes a full status and gives it back unchanged', () => {
    expect(STATUS.parse(sampleStatus())).toEqual(sampleStatus());
  });

  test('takes the status of an agent that names no networks', () => {
    const { networks, ...older } = sampleStatus();
    const peers = older.peers.map(({ network, vni, ...peer }) => peer);
    expect(STATUS.parse({ ...older, peers })).toEqual({ ...older, peers });
  });

  test('leaves out what it does not know, such as a key that slipped in', () => {
    const status = sampleStatus();
    const leaky = { ...status, interface: { ...status.interface, private_key: 'secret' } };
    expect(JSON.stringify(STATUS.parse(leaky))).not.toContain('secret');
  });

  test.each([
    ['another version', { version: 2 }],
    ['a negative uptime', { uptime_seconds: -1 }],
    ['no peers', { peers: undefined }],
    ['a network of another kind', { networks: [{ ...sampleStatus().networks?.[0], mode: 'l4' }] }],
  ])('refuses %s', (_, change) => {
    expect(STATUS.safeParse({ ...sampleStatus(), ...change }).success).toBe(false);
  });
});

describe('statusJsonSchema()', () => {
  const schema = statusJsonSchema();

  test('names the version and its dialect', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: { version: { const: 1 } },
    });
  });

  test('has no place for a secret', () => {
    const names = propertyNames(schema);
    expect(names).toContain('budget_used_ratio');
    expect(names.filter((name) => /seed|psk|preshared|private|secret|(^|[^c])_key$/.test(name))).toEqual([]);
  });
});

describe('formatSpi()', () => {
  test.each([
    [1, '00000001'],
    [0xc0000001, 'c0000001'],
    [-1, 'ffffffff'],
  ])('%d → %s', (spi, text) => expect(formatSpi(spi)).toBe(text));
});
