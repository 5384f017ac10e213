import { describe, expect, test } from 'vitest';
import { type DialAddressOptions, dialAddresses } from '../../../controlplane/connect/dial-address.ts';

const resolve = (changes: Partial<DialAddressOptions>): Promise<readonly string[]> =>
  dialAddresses({
    host: null,
    learned: null,
    resolveHost: async () => ['192.0.2.9', '2001:db8::9'],
    isOverlayAddress: (address) => address.startsWith('10.77.'),
    ...changes,
  });

describe('dialAddresses()', () => {
  test('takes a literal address without asking a resolver', async () => {
    const resolveHost = async (): Promise<string[]> => {
      throw new Error('asked');
    };
    expect(await resolve({ host: '192.0.2.1', resolveHost })).toEqual(['192.0.2.1']);
    expect(await resolve({ host: '2001:db8::1', resolveHost })).toEqual(['2001:db8::1']);
  });

  test('puts the configured host before the learned address, each once', async () => {
    const addresses = await resolve({ host: 'b.example', learned: '198.51.100.1' });
    expect(addresses).toEqual(['192.0.2.9', '2001:db8::9', '198.51.100.1']);
    expect(await resolve({ host: 'b.example', learned: '192.0.2.9' })).toHaveLength(2);
  });

  test('leaves overlay addresses out', async () => {
    expect(await resolve({ host: '10.77.0.2', learned: '192.0.2.1' })).toEqual(['192.0.2.1']);
  });

  test.each([
    ['only overlay addresses', { host: '10.77.0.2' }, /10\.77\.0\.2: an address of the overlay/],
    ['no endpoint at all', {}, /no endpoint is configured and none was learned/],
    [
      'a name without address',
      { host: 'b.example', resolveHost: async () => [] },
      /b\.example has no address/,
    ],
    [
      'a name that does not resolve',
      { host: 'b.example', resolveHost: () => Promise.reject(new Error('ENOTFOUND')) },
      /cannot resolve b\.example: ENOTFOUND/,
    ],
    [
      'a name whose resolver says it all',
      { host: 'b.example', resolveHost: () => Promise.reject(new Error('Cannot resolve b.example: no')) },
      /^Cannot dial: cannot resolve b\.example: no$/,
    ],
  ])('refuses %s with a reason', async (_, changes, message) => {
    await expect(resolve(changes)).rejects.toMatchObject({
      code: 'ERR_ICX_CONTROL_ADDRESS',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/./),
    });
  });

  test('falls back on the learned address when the name does not resolve', async () => {
    const resolveHost = () => Promise.reject(new Error('ENOTFOUND'));
    expect(await resolve({ host: 'b.example', learned: '192.0.2.1', resolveHost })).toEqual(['192.0.2.1']);
  });
});
