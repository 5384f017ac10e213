/** Where the config says that peers are. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Endpoints } from '../../../cli/agent/endpoints.ts';
import type { Logger } from '../../../cli/logger.ts';
import { peerConfig } from './samples.ts';

const warn = vi.fn();
const log = { warn } as unknown as Logger;

function entry(slot: number, host: string | null, port = 6_081) {
  return { slot, vni: 7, config: peerConfig(slot, { endpoint: host === null ? null : { host, port } }) };
}

beforeEach(() => {
  warn.mockClear();
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('Endpoints', () => {
  test('refresh() keeps the first address and the port', async () => {
    const endpoints = new Endpoints(async () => ['192.0.2.7', '192.0.2.8'], log);
    expect(endpoints.get(1)).toBeNull();
    await endpoints.refresh(entry(1, 'b.example', 7_000));
    expect(endpoints.get(1)).toEqual({ address: '192.0.2.7', port: 7_000 });
    endpoints.forget(1);
    expect(endpoints.get(1)).toBeNull();
  });

  test('refresh() forgets the endpoint of a peer that has none any more', async () => {
    const resolve = vi.fn(async () => ['192.0.2.7']);
    const endpoints = new Endpoints(resolve, log);
    await endpoints.refresh(entry(1, 'b.example'));
    await endpoints.refresh(entry(1, null));
    expect(endpoints.get(1)).toBeNull();
    expect(resolve).toHaveBeenCalledOnce();
  });

  test('refresh() logs a name that does not resolve, and does not throw', async () => {
    const endpoints = new Endpoints(() => Promise.reject(new Error('no such name')), log);
    await endpoints.refresh(entry(1, 'b.example'));
    expect(endpoints.get(1)).toBeNull();
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      { peer: 'peer-1', reason: 'no such name' },
      'no address for the endpoint yet',
    );
  });

  test('refresh() waits no longer than 3 s', async () => {
    const endpoints = new Endpoints(() => new Promise(() => {}), log);
    const refreshed = endpoints.refresh(entry(1, 'slow.example'));
    await vi.advanceTimersByTimeAsync(3_000);
    await refreshed;
    expect(warn.mock.calls[0]?.[0].reason).toBe('resolving slow.example takes more than 3 s');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('noteResolved() moves the peers that the name was resolved for and whose address is gone', async () => {
    const endpoints = new Endpoints(async () => ['192.0.2.7'], log);
    const peers = [entry(1, 'b.example', 7_000), entry(2, 'c.example'), entry(3, null)];
    for (const peer of peers) await endpoints.refresh(peer);
    expect(endpoints.noteResolved('b.example', ['192.0.2.9', '192.0.2.7'], peers)).toEqual([]);
    expect(endpoints.noteResolved('b.example', [], peers)).toEqual([]);
    expect(endpoints.noteResolved('b.example', ['192.0.2.9'], peers)).toEqual([peers[0]]);
    expect(endpoints.get(1)).toEqual({ address: '192.0.2.9', port: 7_000 });
    expect(endpoints.get(2)).toEqual({ address: '192.0.2.7', port: 6_081 });
  });

  test('noteResolved() gives an address to a peer that had none', async () => {
    const endpoints = new Endpoints(() => Promise.reject(new Error('no such name')), log);
    const peers = [entry(1, 'b.example')];
    for (const peer of peers) await endpoints.refresh(peer);
    expect(endpoints.noteResolved('b.example', ['2001:db8::7'], peers)).toEqual(peers);
    expect(endpoints.get(1)).toEqual({ address: '2001:db8::7', port: 6_081 });
  });
});
