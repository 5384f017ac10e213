import { afterAll, describe, expect, test } from 'vitest';
import { IcmpEcho } from '../../../dataplane/io/icmp-echo.ts';
import { SystemCallError } from '../../../dataplane/io/libc.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';

describeHosts('IcmpEcho', () => {
  const lab = new Lab();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  lab.link(a, b, {
    addresses: [
      ['192.0.2.1/24', 'fd00::1/64'],
      ['192.0.2.2/24', 'fd00::2/64'],
    ],
  });
  afterAll(() => lab.close());

  describe.each(['192.0.2.2', 'fd00::2'])('to %s', (address) => {
    test('ping() gives the round trip in ms', async () => {
      await a.enter(async () => {
        const echo = new IcmpEcho(address);
        for (const dataLen of [8, 56, 1_400, 9_000]) {
          const rttMs = await echo.ping({ dataLen });
          expect(rttMs).toBeGreaterThan(0);
          expect(rttMs).toBeLessThan(100);
        }
        echo.close();
      });
    });

    test('ping() without fragmentation throws when the link takes less', async () => {
      await a.enter(async () => {
        const echo = new IcmpEcho(address, true);
        expect(await echo.ping({ dataLen: 1_400 })).not.toBeNull();
        await expect(echo.ping({ dataLen: 1_500 })).rejects.toThrow(/echo request of 1508 bytes.*EMSGSIZE/);
        echo.close();
        echo.close();
      });
    });

    test('two at once keep their replies apart', async () => {
      await a.enter(async () => {
        const echoes = [1, 2, 3].map(() => new IcmpEcho(address));
        const rtts = await Promise.all(echoes.map((echo) => echo.ping()));
        expect(rtts.every((rttMs) => rttMs !== null)).toBe(true);
        for (const echo of echoes) echo.close();
      });
    });
  });

  test('ping() gives null when nobody answers in time, and lets timers run meanwhile', async () => {
    b.ip('route add blackhole 198.51.100.0/24');
    a.ip('route add 198.51.100.0/24 via 192.0.2.2');
    await a.enter(async () => {
      const echo = new IcmpEcho('198.51.100.9');
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      expect(await echo.ping({ timeoutMs: 200 })).toBeNull();
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(10);
      echo.close();
    });
  });

  test('the constructor throws without a route', async () => {
    await a.enter(() => {
      expect(() => new IcmpEcho('203.0.113.1')).toThrow(SystemCallError);
      expect(() => new IcmpEcho('2001:db8::1')).toThrow(/ENETUNREACH/);
      expect(() => new IcmpEcho('host')).toThrow(RangeError);
    });
  });
});
