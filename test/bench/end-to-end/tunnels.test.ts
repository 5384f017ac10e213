import { describe, expect, test } from 'vitest';
import type { Tunnel } from '../../../bench/end-to-end/tunnel.ts';
import { selectTunnels } from '../../../bench/end-to-end/tunnels.ts';

const tunnel = (name: string, hint: string | null = null): Tunnel => ({
  name,
  about: () => name,
  target: '10.77.0.2',
  missing: () => hint,
  start: () => {},
});
const ALL = [
  tunnel('plain'),
  tunnel('icx'),
  tunnel('wireguard-go'),
  tunnel('fastd', 'apt-get install fastd'),
];
const select = (tunnels: readonly string[] | null, base: string | null = null) =>
  selectTunnels({ tunnels, base }, ALL);

describe('selectTunnels()', () => {
  test('takes all that are there, and says how to have the others', () => {
    const { tunnels, missing } = select(null);
    expect(tunnels.map(({ name }) => name)).toEqual(['plain', 'icx', 'wireguard-go']);
    expect(missing).toEqual([{ name: 'fastd', hint: 'apt-get install fastd' }]);
  });

  test('compares with wireguard-go, else with the bare link, else with the first', () => {
    expect(select(null).base).toBe('wireguard-go');
    expect(select(['icx', 'plain']).base).toBe('plain');
    expect(select(['icx']).base).toBe('icx');
    expect(select(null, 'icx').base).toBe('icx');
  });

  test('refuses a name that is none, and a base that is not compared', () => {
    expect(() => select(['icy'])).toThrow("no tunnel 'icy'");
    expect(() => select(['icx'], 'plain')).toThrow("Cannot compare with 'plain'");
    expect(() => select(null, 'fastd')).toThrow("Cannot compare with 'fastd'");
  });
});
