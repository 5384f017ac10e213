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

describe('dialQuic(), unanswered beside a connection that stands', () => {
  const endpoint = { connect: () => new Promise(() => {}) } as unknown as IrohEndpoint;
  let connections: ConnectionSet<QuicConnection>;

  beforeAll(() => loadIroh(() => {}));
  beforeEach(() => {
    vi.useFakeTimers();
    connections = new ConnectionSet();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** @param meanwhile Whose connection comes about while the dial waits. */
  async function olderCloses(meanwhile: Uint8Array | null): Promise<number> {
    const older = fakeConnection();
    connections.add(older.connection, PEER_KEY);
    const dial = dialQuic(endpoint, TARGET, connections, 5_000).catch((error) => error.code);
    await vi.advanceTimersByTimeAsync(1_000);
    if (meanwhile !== null) connections.add(fakeConnection().connection, meanwhile);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await dial).toBe('ERR_ICX_TRANSPORT_TIMEOUT');
    return older.close.mock.calls.length;
  }

  test('gives that one up: its path is dead', async () => {
    expect(await olderCloses(null)).toBe(1);
  });

  test('gives it up although another peer answers', async () => {
    expect(await olderCloses(OTHER_KEY)).toBe(1);
  });

  test('keeps it when the peer came through in another network meanwhile', async () => {
    expect(await olderCloses(PEER_KEY)).toBe(0);
  });
});
