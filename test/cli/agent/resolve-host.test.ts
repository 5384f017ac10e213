/** Names become addresses that the listening socket can reach. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { hostResolver } from '../../../cli/agent/resolve-host.ts';

const { lookup } = vi.hoisted(() => ({ lookup: vi.fn() }));
vi.mock('node:dns/promises', () => ({ lookup }));

const FOUND = [
  { address: '2001:db8::7', family: 6 },
  { address: '192.0.2.7', family: 4 },
  { address: '192.0.2.8', family: 4 },
];
beforeEach(() => {
  lookup.mockReset().mockResolvedValue(FOUND);
});

describe('hostResolver()', () => {
  test.each([
    ['0.0.0.0', ['192.0.2.7', '192.0.2.8']],
    ['192.0.2.1', ['192.0.2.7', '192.0.2.8']],
    ['::', ['2001:db8::7', '192.0.2.7', '192.0.2.8']],
    ['2001:db8::1', ['2001:db8::7']],
  ])(
    'from %s gives the addresses that it reaches, in the order of the resolver',
    async (listen, expected) => {
      expect(await hostResolver(listen)('b.example')).toEqual(expected);
      expect(lookup).toHaveBeenCalledExactlyOnceWith('b.example', { all: true, order: 'verbatim' });
    },
  );

  test('asks nobody about an address', async () => {
    expect(await hostResolver('0.0.0.0')('192.0.2.9')).toEqual(['192.0.2.9']);
    expect(await hostResolver('::')('2001:db8::9')).toEqual(['2001:db8::9']);
    expect(lookup).not.toHaveBeenCalled();
  });

  test.each([
    ['0.0.0.0', '2001:db8::9'],
    ['2001:db8::1', '192.0.2.9'],
  ])('from %s refuses %s, and says why', async (listen, host) => {
    await expect(hostResolver(listen)(host)).rejects.toMatchObject({
      code: 'ERR_ICX_RESOLVE',
      message: `Cannot reach ${host} (${host}) from listen address ${listen}`,
    });
  });

  test.each([
    [new Error('getaddrinfo failed'), 'getaddrinfo failed'],
    [
      Object.assign(new Error('getaddrinfo ENOTFOUND b.example'), { code: 'ENOTFOUND' }),
      'no such name (ENOTFOUND)',
    ],
  ])('refuses a name that does not resolve, with the reason', async (error, reason) => {
    lookup.mockRejectedValue(error);
    await expect(hostResolver('0.0.0.0')('b.example')).rejects.toMatchObject({
      code: 'ERR_ICX_RESOLVE',
      message: `Cannot resolve b.example: ${reason}`,
      hint: expect.stringContaining('endpoint'),
    });
  });
});
