import { describe, expect, test } from 'vitest';
import type { PortMapping } from '../../cni/attach-api.ts';
import { addressesMeet, findConflict } from '../../cni/port-conflict.ts';

const mapping = (changes: Partial<PortMapping> = {}): PortMapping => ({
  hostPort: 80,
  containerPort: 8080,
  protocol: 'tcp',
  ...changes,
});
const web = { containerId: 'web', ifname: 'eth0', portMappings: [mapping({ hostPort: 443 }), mapping()] };

describe('findConflict()', () => {
  test.each<[string, PortMapping, string | null]>([
    ['the same port', mapping({ containerPort: 1 }), 'web'],
    ['another port', mapping({ hostPort: 81 }), null],
    ['another protocol', mapping({ protocol: 'udp' }), null],
    ['one address of all', mapping({ hostIP: '192.0.2.1' }), 'web'],
  ])('%s', (_, wanted, owner) => {
    expect(
      findConflict(wanted, [{ ...web, containerId: 'a', portMappings: [] }, web])?.containerId ?? null,
    ).toBe(owner);
  });
});

describe('addressesMeet()', () => {
  test.each<[string | undefined, string | undefined, boolean]>([
    [undefined, undefined, true],
    [undefined, 'fd00::1', true],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['0.0.0.0', '192.0.2.2', true],
    ['0.0.0.0', 'fd00::1', false],
    ['0.0.0.0', '::', false],
    ['::', 'fd00::1', true],
  ])('%s and %s: %s', (a, b, meet) => {
    expect([addressesMeet(a, b), addressesMeet(b, a)]).toEqual([meet, meet]);
  });
});
