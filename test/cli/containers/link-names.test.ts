/** Names and MAC addresses of containers' interfaces. */
import { describe, expect, test } from 'vitest';
import {
  containerMac,
  hostEndMac,
  hostEndName,
  isHostEnd,
  portLabel,
} from '../../../cli/containers/link-names.ts';

const KEY = { confName: 'pods', containerId: '0123456789abcdef', ifname: 'eth0' };

describe('hostEndName()', () => {
  test('is the same for the same attachment and another for every other', () => {
    const others = [
      { ...KEY, confName: 'others' },
      { ...KEY, containerId: '0123456789abcdee' },
      { ...KEY, ifname: 'eth1' },
      // Joined without a mark between, these two would be one.
      { ...KEY, containerId: 'a', ifname: 'bc' },
      { ...KEY, containerId: 'ab', ifname: 'c' },
    ];
    const names = [KEY, ...others].map(hostEndName);
    expect(hostEndName({ ...KEY })).toBe(names[0]);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^icx[0-9a-f]{11}$/);
  });

  test('isHostEnd() knows them, and no network of a like name', () => {
    expect(isHostEnd(hostEndName(KEY))).toBe(true);
    for (const name of ['icx0', 'icx0123456789', 'icx0123456789ab', 'icx0123456789z', 'xicx0123456789a']) {
      expect(isHostEnd(name)).toBe(false);
    }
  });
});

test('portLabel() is the short id and the interface', () => {
  expect(portLabel(KEY)).toBe('0123456789ab-eth0');
});

describe('MAC addresses', () => {
  test('containerMac() is made from the first IPv4 address', () => {
    expect(containerMac(['fd01::5/64', '172.17.0.2/16', '10.1.0.5/24'])).toBe('02:42:ac:11:00:02');
    expect(containerMac(['255.254.253.252/8'])).toBe('02:42:ff:fe:fd:fc');
  });

  test('without one they are random, of one station and locally administered', () => {
    const macs = Array.from({ length: 50 }, () => [containerMac(['fd01::5/64']), hostEndMac()]).flat();
    expect(new Set(macs).size).toBe(macs.length);
    for (const mac of macs) expect(mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  });
});
