import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Monitor, type MonitorOptions, openMonitor } from '../../cli/http.ts';

let monitor: Monitor | null = null;
afterEach(async () => {
  await monitor?.close();
  monitor = null;
});

async function start(changes: Partial<MonitorOptions> = {}): Promise<string> {
  monitor = await openMonitor({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'icx_peer_up 1\n' },
    health: () => null,
    readiness: () => null,
    ...changes,
  });
  return `http://127.0.0.1:${monitor.port}`;
}

async function get(url: string, method = 'GET'): Promise<[number, string]> {
  const response = await fetch(url, { method });
  return [response.status, await response.text()];
}

describe('openMonitor()', () => {
  test.each([
    ['/metrics', 200, 'icx_peer_up 1\n'],
    ['/metrics?x=1', 200, 'icx_peer_up 1\n'],
    ['/healthz', 200, 'ok\n'],
    ['/readyz', 200, 'ok\n'],
    ['/', 404, 'here are /metrics, /healthz and /readyz\n'],
    ['/metrics/', 404, 'here are /metrics, /healthz and /readyz\n'],
    ['//metrics', 404, 'here are /metrics, /healthz and /readyz\n'],
  ])('answers %s with %d', async (path, status, body) => {
    expect(await get(`${await start()}${path}`)).toEqual([status, body]);
  });

  test('names the content type of Prometheus text', async () => {
    const response = await fetch(`${await start()}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  });

  test('answers 503 with the reason while not ready', async () => {
    const base = await start({ readiness: () => 'no peer is up', health: () => 'worker 1 died' });
    expect(await get(`${base}/readyz`)).toEqual([503, 'no peer is up\n']);
    expect(await get(`${base}/healthz`)).toEqual([503, 'worker 1 died\n']);
  });

  test('answers 503 when the counters cannot be read', async () => {
    const text = () => Promise.reject(new Error('a worker is gone'));
    const base = await start({ metrics: { contentType: 'text/plain', text } });
    expect(await get(`${base}/metrics`)).toEqual([503, 'no metrics now: a worker is gone\n']);
  });

  test('takes nothing but GET and HEAD', async () => {
    const base = await start();
    expect((await get(`${base}/metrics`, 'POST'))[0]).toBe(405);
    expect(await get(`${base}/metrics`, 'HEAD')).toEqual([200, '']);
  });

  test('says when the port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({
      code: 'ERR_ICX_HTTP',
      message: `cannot serve metrics at 127.0.0.1:${port}: the port is in use`,
      hint: 'set another listen in [metrics], or false',
    });
    await new Promise((resolve) => other.close(resolve));
  });

  test('says when the host has no such address', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({
      message: 'cannot serve metrics at 192.0.2.1:0: this host has no such address',
    });
  });
});
