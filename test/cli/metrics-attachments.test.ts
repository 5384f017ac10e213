/** The metrics of containers, as Prometheus reads them. */
import { describe, expect, test } from 'vitest';
import { Metrics } from '../../cli/metrics.ts';
import type { AttachmentSnapshot } from '../../cli/metrics-snapshot.ts';
import { parseExposition } from './exposition.ts';
import { snapshot } from './sample-metrics.ts';

function metrics(attachments: () => readonly AttachmentSnapshot[]): Metrics {
  return new Metrics({
    interfaceName: 'icx0',
    vni: 7,
    version: '0.1.0',
    aead: 'OpenSSL',
    carrier: 'QUIC',
    startedAtMs: 0,
    snapshot: async () => snapshot({ attachments: attachments() }),
  });
}

async function samples(all: Metrics, prefix: string): Promise<Record<string, number>> {
  const found = parseExposition(await all.text());
  return Object.fromEntries([...found].filter(([key]) => key.startsWith(prefix)));
}

describe('AttachmentMetrics', () => {
  test('export each network as it is, and none that went away', async () => {
    let networks: AttachmentSnapshot[] = [
      { network: 'icx0', vni: 7, attachments: 2 },
      { network: 'lan0', vni: 8, attachments: 0 },
    ];
    const all = metrics(() => networks);
    await all.text();
    expect(await samples(all, 'icx_attachments')).toEqual({
      'icx_attachments{interface="icx0",vni="7"}': 2,
      'icx_attachments{interface="lan0",vni="8"}': 0,
    });
    networks = [{ network: 'icx0', vni: 7, attachments: 1 }];
    expect(await samples(all, 'icx_attachments')).toEqual({ 'icx_attachments{interface="icx0",vni="7"}': 1 });
  });

  test('time what ended, by operation and result, from 0 on', async () => {
    const all = metrics(() => []);
    all.recordAttachment('attach', true, 0.04);
    all.recordAttachment('attach', false, 0.2);
    const key = (operation: string, result: string) =>
      `icx_attachment_duration_seconds_count{interface="icx0",operation="${operation}",result="${result}",vni="7"}`;
    expect(await samples(all, 'icx_attachment_duration_seconds_count')).toEqual({
      [key('attach', 'ok')]: 1,
      [key('attach', 'failed')]: 1,
      [key('detach', 'ok')]: 0,
      [key('detach', 'failed')]: 0,
    });
  });
});
