/** What is measured of a whole tunnel, in the order of the tables. */

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
}

export const METRICS = [
  { key: 'tcp1', title: 'TCP 1 stream', unit: 'Gbit/s' },
  { key: 'tcp4', title: 'TCP 4 streams', unit: 'Gbit/s' },
  { key: 'tcpReverse', title: 'TCP reverse', unit: 'Gbit/s' },
  { key: 'udpSmall', title: 'UDP 64 B', unit: 'kpps' },
  { key: 'udpLarge', title: 'UDP largest', unit: 'Gbit/s' },
  { key: 'rttFresh', title: 'RTT before traffic', unit: 'ms' },
  { key: 'rttMedian', title: 'RTT median', unit: 'ms' },
  { key: 'rttP99', title: 'RTT p99', unit: 'ms' },
  { key: 'rttLoaded', title: 'RTT under TCP', unit: 'ms' },
  { key: 'cpu', title: 'CPU', unit: 's/GiB' },
  { key: 'rss', title: 'peak RSS', unit: 'MB' },
] as const satisfies readonly Metric[];

export type MetricKey = (typeof METRICS)[number]['key'];

/** Values of one round; null is what can't be measured of this tunnel. */
export type Round = Record<MetricKey, number | null>;
