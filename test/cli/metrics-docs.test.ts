/** Holds docs/metrics.md to what is exported. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Metrics } from '../../cli/metrics.ts';
import { L2_NETWORK, L3_NETWORK, RELAY, snapshot } from './sample-metrics.ts';

interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** Rows of the tables, by name. */
function documented(): Map<string, Metric> {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(icx_\w+)` \| (\w+) \| ([\w, ]+) \|/gm)];
  return new Map(
    rows.map(([, name = '', type = '', labels = '']) => [name, { type, labels: labels.split(', ').sort() }]),
  );
}

/** Of a text that has at least one sample of every metric. */
function exported(text: string): Map<string, Metric> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Map(
    types.map(([, name = '', type = '']) => {
      const sample = type === 'histogram' ? `${name}_sum` : name;
      const [, labels = ''] = new RegExp(`^${sample}\\{(.*)\\} `, 'm').exec(text) ?? [];
      return [name, { type, labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label).sort() }];
    }),
  );
}

test('docs/metrics.md has every metric with its type and labels', async () => {
  const metrics = new Metrics({
    interfaceName: 'icx0',
    vni: 7,
    version: '0.1.0',
    aead: 'OpenSSL',
    carrier: 'QUIC',
    startedAtMs: 0,
    snapshot: async () => snapshot({ networks: [{ ...L2_NETWORK, relay: RELAY }, L3_NETWORK] }),
  });
  const found = exported(await metrics.text());
  expect(found.size).toBeGreaterThan(30);
  expect(Object.fromEntries(documented())).toEqual(Object.fromEntries(found));
});
