/** Dials that nobody answers, over an endpoint of our making. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { deferred } from '../../../controlplane/deferred.ts';
import { ConnectionSet } from '../../../controlplane/transport/connection-set.ts';
import type { QuicConnection } from '../../../controlplane/transport/quic-connection.ts';
import { dialQuic } from '../../../controlplane/transport/quic-dial.ts';
import { type IrohEndpoint, loadIroh } from '../../../controlplane/transport/quic-library.ts';
import { publicKeyOf } from './harness.ts';

const PEER_KEY = publicKeyOf(new Uint8Array(32).fill(1));
const OTHER_KEY = publicKeyOf(new Uint8Array(32).fill(2));
const TARGET = { host: '127.0.0.1', port: 6082, peerKey: PEER_KEY, timeoutMs: 5_000 };

function fakeConnection(): { connection: QuicConnection; close: ReturnType<typeof vi.fn> } {
  const { promise: closed, resolve } = deferred<unknown>();
  const close = vi.fn((reason: string) => resolve({ code: 'closed', message: reason }));
  return { connection: { close, closed } as unknown as QuicConnection, close };
}

describe('dialQuic(), unanswered', () => {
  const connect = vi.fn(() => new Promise(() => {}));
  const endpoint = { connect } as unknown as IrohEndpoint;
  let connections: ConnectionSet<QuicConnection>;

  beforeAll(() => loadIroh(() => {}));
  beforeEach(() => {
    vi.useFakeTimers();
    connect.mockClear();
    connections = new ConnectionSet();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** @param meanwhile Whose connection comes about while the dial waits. */
  async function dial(older: QuicConnection | null, meanwhile: Uint8Array | null): Promise<number> {
    if (older !== null) connections.add(older, PEER_KEY);
    const dialled = dialQuic(endpoint, TARGET, connections, 5_000).catch((error) => error.code);
    await vi.advanceTimersByTimeAsync(1_000);
    if (meanwhile !== null) connections.add(fakeConnection().connection, meanwhile);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await dialled).toBe('ERR_ICX_TRANSPORT_TIMEOUT');
    return connect.mock.calls.length;
  }

  test('tries once where no connection to the peer stands', async () => {
    expect(await dial(null, OTHER_KEY)).toBe(1);
  });

  test.each([
    ['nobody', null],
    ['another peer', OTHER_KEY],
  ])('gives up one that stands, whose path is dead, and tries again: %s answers', async (_, meanwhile) => {
    const older = fakeConnection();
    expect(await dial(older.connection, meanwhile)).toBe(2);
    expect(older.close).toHaveBeenCalledExactlyOnceWith('the path to the peer is dead');
  });

  test('keeps one that stands, and tries again, when the peer came through in another network', async () => {
    const older = fakeConnection();
    expect(await dial(older.connection, PEER_KEY)).toBe(2);
    expect(older.close).not.toHaveBeenCalled();
  });

  test('tries again beside first connections that came through', async () => {
    expect(await dial(null, PEER_KEY)).toBe(2);
  });
});
