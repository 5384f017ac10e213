import { describe, expect, test } from 'vitest';
import { networkFor, networksFor } from '../../../cli/agent/l2-networks.ts';

const LAN = { name: 'lan0', vni: 7 };
/** Its name is the VNI of another. */
const SEVEN = { name: '7', vni: 8 };

describe('networksFor()', () => {
  test.each([
    ['all where none is named', [LAN, SEVEN], undefined, [LAN, SEVEN]],
    ['the one of a name', [LAN, SEVEN], 'lan0', [LAN]],
    ['the one of a VNI', [LAN, SEVEN], '8', [SEVEN]],
    ['a name before a VNI', [LAN, SEVEN], '7', [SEVEN]],
  ])('gives %s', (_, all, wanted, found) => expect(networksFor(all, wanted)).toEqual(found));

  test('says which there are', () => {
    expect(() => networksFor([LAN, SEVEN], 'lan9')).toThrow(
      expect.objectContaining({
        message: 'there is no L2 network lan9',
        hint: 'here are lan0 (vni 7), 7 (vni 8)',
        code: 'ERR_ICX_USAGE',
      }),
    );
    expect(() => networksFor([], 'lan0')).toThrow('no L2 network');
  });
});

describe('networkFor()', () => {
  test('needs no name where there is one network', () => {
    expect(networkFor([LAN])).toBe(LAN);
    expect(networkFor([LAN, SEVEN], 'lan0')).toBe(LAN);
  });

  test('asks for a name where there are several', () => {
    expect(() => networkFor([LAN, SEVEN])).toThrow(
      expect.objectContaining({
        message: 'there are several L2 networks',
        hint: 'name one with --network: lan0 (vni 7), 7 (vni 8)',
        code: 'ERR_ICX_USAGE',
      }),
    );
    expect(() => networkFor([])).toThrow('no L2 network');
  });
});
