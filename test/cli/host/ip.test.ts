import { describe, expect, test } from 'vitest';
import {
  IpError,
  ip,
  ipBatch,
  ipBatchForced,
  ipBatchSync,
  ipJson,
  ipJsonBatch,
} from '../../../cli/host/ip.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

describe('IpError', () => {
  test.each([
    ['ip not found', 'apt-get install iproute2'],
    ['RTNETLINK answers: Operation not permitted', 'run as root, or with CAP_NET_ADMIN'],
    ['RTNETLINK answers: File exists', /something else on this host made the same/],
    ['something new', ''],
  ])("'%s' has its hint", (came, hint) => {
    const error = new IpError('route add 10.0.0.0/8 dev icx0', came);
    expect(error.message).toBe(`Cannot run 'ip route add 10.0.0.0/8 dev icx0': ${came}`);
    expect(error.hint).toMatch(hint);
    expect(error.code).toBe('ERR_ICX_IP');
  });
});

describe('ip()', () => {
  test('throws IpError with what was tried and what came', async () => {
    const error = await failure(ip(['link', 'show', 'dev', 'no-such-device']));
    expect(error).toBeInstanceOf(IpError);
    expect(error).toHaveProperty(
      'message',
      `Cannot run 'ip link show dev no-such-device': Device "no-such-device" does not exist.`,
    );
  });
});

describe('ipJsonBatch()', () => {
  test('answers each command in its place, null where it failed', async () => {
    const lo = 'link show dev lo';
    const answers = await ipJsonBatch(['link show dev no-such', lo, 'nonsense', 'route get ::1', lo]);
    const link = [expect.objectContaining({ ifname: 'lo' })];
    expect(answers).toEqual([null, link, null, [expect.objectContaining({ dst: '::1' })], link]);
    expect(await ipJsonBatch([])).toEqual([]);
  });
});

describe('ipJson()', () => {
  test('parses, and gives an empty array for empty output', async () => {
    expect(await ipJson(['link', 'show', 'dev', 'lo'])).toMatchObject([{ ifname: 'lo' }]);
    expect(await ipJson(['route', 'show', 'table', '4242', '192.0.2.0/24']).catch(() => [])).toEqual([]);
  });
});

describeHosts('ipBatch()', () => {
  test('ends at the first failure and tells how many commands took effect', async () => {
    const lab = new Lab();
    const host = lab.addHost('a');
    await host.enter(async () => {
      const commands = [
        'address add 10.1.0.1/32 dev lo',
        'address add 10.1.0.2/32 dev lo',
        'address add 10.1.0.1/32 dev lo',
        'address add 10.1.0.3/32 dev lo',
      ];
      const error = await failure(ipBatch(commands, 4));
      expect(error).toBeInstanceOf(IpError);
      expect(error).toHaveProperty('applied', 2);
      expect(error).toHaveProperty('message', expect.stringContaining("'ip address add 10.1.0.1/32 dev lo'"));
      expect(host.ip('address show dev lo')).not.toContain('10.1.0.3');
    });
    lab.close();
  });

  test('ipBatchForced() goes on after failures and tells why each failed', async () => {
    const lab = new Lab();
    const host = lab.addHost('a');
    await host.enter(async () => {
      const commands = ['1.1', '1.1', '2.1', '2.1', '3.1'].map((ip) => `address add 10.1.${ip}/32 dev lo`);
      const taken = expect.stringMatching(/File exists|already assigned/);
      expect(await ipBatchForced(commands, 4)).toEqual([null, taken, null, taken, null]);
      expect(host.ip('address show dev lo')).toContain('10.1.3.1');
      expect(await ipBatchForced([], 4)).toEqual([]);
    });
    lab.close();
  });

  test('ipBatchSync() goes on after failures and tells only those that matter', async () => {
    const lab = new Lab();
    const host = lab.addHost('a');
    await host.enter(() => {
      const problems = ipBatchSync(
        [
          'address del 10.1.0.1/32 dev lo', // not there
          'rule del priority 77 lookup 77', // not there
          'link del gone', // not there
          'route del 10.9.0.0/16 dev lo', // not there
          'address add 127.0.0.1/8 dev lo',
          'address add 10.1.0.3/32 dev lo',
        ],
        4,
      );
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^ip address add 127\.0\.0\.1.*: .*(File exists|already assigned)/);
      expect(host.ip('address show dev lo')).toContain('10.1.0.3');
    });
    lab.close();
  });
});
