import { describe, expect, test } from 'vitest';
import { parsePing, parseTcp, parseUdp } from '../../../bench/end-to-end/traffic.ts';

describe('parseTcp()', () => {
  test('takes what the receiver got', () => {
    const end = {
      sum_sent: { bytes: 9, bits_per_second: 9 },
      sum_received: { bytes: 5, bits_per_second: 40 },
    };
    expect(parseTcp(JSON.stringify({ end }))).toEqual({ bytes: 5, bitsPerSecond: 40 });
  });

  test('throws what iperf3 reports', () => {
    expect(() => parseTcp('{"error":"unable to connect"}')).toThrow('unable to connect');
    expect(() => parseTcp('{"end":{}}')).toThrow('no result');
  });
});

describe('parseUdp()', () => {
  const json = (sum: object) => JSON.stringify({ end: { sum } });

  test('counts what arrived', () => {
    const result = parseUdp(json({ packets: 1_000, lost_packets: 600, seconds: 2 }), 64);
    expect(result).toEqual({ packetsPerSecond: 200, bitsPerSecond: 200 * 64 * 8 });
  });

  test('is never less than nothing', () => {
    expect(parseUdp(json({ packets: 1, lost_packets: 3, seconds: 1 }), 64).packetsPerSecond).toBe(0);
  });

  test('throws without a result', () => {
    expect(() => parseUdp(json({ packets: 1, lost_packets: 0, seconds: 0 }), 64)).toThrow('no result');
    expect(() => parseUdp('{}', 64)).toThrow('no result');
  });
});

test('parsePing() reads every round trip', () => {
  const text = `PING 10.77.0.2 (10.77.0.2) 56(84) bytes of data.
64 bytes from 10.77.0.2: icmp_seq=1 ttl=64 time=0.123 ms
64 bytes from 10.77.0.2: icmp_seq=2 ttl=64 time=12 ms

rtt min/avg/max/mdev = 0.123/6.0/12/5.9 ms`;
  expect(parsePing(text)).toEqual([0.123, 12]);
});
