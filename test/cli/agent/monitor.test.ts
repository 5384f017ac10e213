import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openMonitorPatiently } from '../../../cli/agent/monitor.ts';

const metrics = { contentType: 'text/plain', text: async () => '' };
const page = { metrics, health: () => null, readiness: () => null };

function collectingLog() {
  const lines: string[] = [];
  return { lines, log: pino({}, { write: (line: string) => lines.push(line) }) };
}

test('openMonitorPatiently() warns about an address that the host lacks, and does not fail', async () => {
  const { lines, log } = collectingLog();
  // TEST-NET-2 (RFC 5737) is on no host.
  const monitor = await openMonitorPatiently({ ...page, host: '198.51.100.1', port: 6083 }, log);
  await monitor.close();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('cannot serve metrics at 198.51.100.1:6083');
});

test('openMonitorPatiently() fails when the port is in use', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const { lines, log } = collectingLog();
  const opening = openMonitorPatiently({ ...page, host: '127.0.0.1', port }, log);
  await expect(opening).rejects.toMatchObject({ code: 'ERR_ICX_HTTP' });
  expect(lines).toEqual([]);
  holder.close();
});
