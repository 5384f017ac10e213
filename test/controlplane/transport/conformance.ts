/**
 * What every control transport has to do, run over each of them.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_CONNECTIONS_PER_KEY } from '../../../controlplane/transport/limits.ts';
import {
  type CloseInfo,
  type ControlConnection,
  TransportError,
} from '../../../controlplane/transport/transport.ts';
import {
  closedWithin,
  connect,
  type End,
  type EndOptions,
  echo,
  freePort,
  type OpenTransport,
  openEnd,
  readBytes,
  targetOf,
} from './harness.ts';

/** @param pinned Whether the transport itself verifies keys. */
export function describeConformance(label: string, openTransport: OpenTransport, pinned = true): void {
  const ends: End[] = [];
  const open = async (options?: EndOptions): Promise<End> => {
    const end = await openEnd(openTransport, options);
    ends.push(end);
    return end;
  };

  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end.transport.close()));
  });

  describe(`${label} carries bytes`, () => {
    test('read() yields 1 MiB in the order written, in both directions at once', async () => {
      const [dialled, accepted] = await connect(await open(), await open());
      void echo(accepted);
      const sent = randomBytes(1_048_576);
      const received = readBytes(dialled, sent.length);
      for (let at = 0; at < sent.length; at += 50_000) await dialled.write(sent.subarray(at, at + 50_000));
      expect((await received).equals(sent)).toBe(true);
    });

    test('write() keeps the order of calls that overlap', async () => {
      const [dialled, accepted] = await connect(await open(), await open());
      const pieces = Array.from({ length: 400 }, (_, i) => new Uint8Array(1 + (i % 7) * 150).fill(i));
      const received = readBytes(
        accepted,
        pieces.reduce((sum, piece) => sum + piece.length, 0),
      );
      await Promise.all(pieces.map((piece) => dialled.write(piece)));
      expect((await received).equals(Buffer.concat(pieces))).toBe(true);
    });

    test('write() waits for a peer that does not read, and goes on when it does', async () => {
      const [dialled, accepted] = await connect(await open(), await open());
      const total = 8 * 1_048_576;
      let written = 0;
      const writing = (async () => {
        while (written < total) {
          await dialled.write(new Uint8Array(65_536));
          written += 65_536;
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(written).toBeLessThan(total);
      expect((await readBytes(accepted, total)).length).toBe(total);
      await writing;
    });

    test('every end knows who dialled, the peer key where verified, and the address', async () => {
      const [a, b] = [await open(), await open()];
      const [dialled, accepted] = await connect(a, b);
      expect(dialled.dialled).toBe(true);
      expect(accepted.dialled).toBe(false);
      expect(dialled.peerKey).toEqual(pinned ? new Uint8Array(b.key) : null);
      expect(accepted.peerKey).toEqual(pinned ? new Uint8Array(a.key) : null);
      expect(dialled.remoteAddress).toBe('127.0.0.1');
      expect(accepted.remoteAddress).toBe('127.0.0.1');
    });

    test.each(['::1', '::'])('IPv6: a transport on %s is reached at ::1', async (listen) => {
      const [a, b] = [await open({ listen }), await open({ listen })];
      const incoming = b.nextConnection();
      const dialled = await a.transport.dial(targetOf(b, '::1'));
      await dialled.write(Uint8Array.of(1, 2, 3));
      const accepted = await incoming;
      expect(accepted.remoteAddress).toBe('::1');
      expect([...(await readBytes(accepted, 3))]).toEqual([1, 2, 3]);
    });

    test("a transport on '::' is reached over IPv4 too", async () => {
      const [dialled] = await connect(await open(), await open({ listen: '::' }));
      expect(dialled.remoteAddress).toBe('127.0.0.1');
    });
  });

  describe(`${label} closes`, () => {
    test.each(['dialler', 'acceptor'])('the reason of the %s reaches the other side', async (who) => {
      const [dialled, accepted] = await connect(await open(), await open());
      const [closer, other] = who === 'dialler' ? [dialled, accepted] : [accepted, dialled];
      closer.close('the operator wanted it');
      expect(await closedWithin(other, 2_000)).toEqual({ code: 'closed', message: 'the operator wanted it' });
      expect((await closedWithin(closer, 2_000))?.code).toBe('closed');
      expect(await other.read()).toBe(null);
      await expect(closer.write(Uint8Array.of(1))).rejects.toThrow(TransportError);
      await expect(other.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'ERR_ICX_TRANSPORT_CLOSED' });
    });

    test('what was written before close() still arrives', async () => {
      const [dialled, accepted] = await connect(await open(), await open());
      const reading = readBytes(dialled, 3);
      await accepted.write(Uint8Array.of(7, 8, 9));
      accepted.close('refused');
      expect([...(await reading)]).toEqual([7, 8, 9]);
    });

    test('control characters of a peer do not reach the reason', async () => {
      const [dialled, accepted] = await connect(await open(), await open());
      dialled.close('red\u001b[31m\nalert');
      expect((await closedWithin(accepted, 2_000))?.message).toBe('red [31m alert');
    });

    test('transport.close() ends its connections within a second and frees the port', async () => {
      const [a, b] = [await open(), await open()];
      const [, accepted] = await connect(a, b);
      const startedAt = performance.now();
      await a.transport.close();
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      expect((await closedWithin(accepted, 2_000))?.message).toBe('shutting down');
      await expect(a.transport.dial(targetOf(b))).rejects.toMatchObject({ code: 'ERR_ICX_TRANSPORT_CLOSED' });
      await connect(await open({ port: a.port }), b);
    });

    test('transport.close() takes no longer while a dial is unanswered', async () => {
      const a = await open();
      const dial = a.transport
        .dial({ ...targetOf(a), port: await freePort(), host: '127.0.0.2' })
        .catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      const startedAt = performance.now();
      await a.transport.close();
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      await dial;
    });
  });

  describe(`${label} refuses`, () => {
    test.runIf(pinned)(
      'a key that authorize() does not know: no connection on one side, a refusal on the other',
      async () => {
        const asked: Buffer[] = [];
        const b = await open({ authorize: (key) => asked.push(Buffer.from(key)) === 0 });
        const a = await open();
        const outcome = await a.transport.dial(targetOf(b)).then(
          (connection) => closedWithin(connection, 3_000),
          (error) => error,
        );
        expect(outcome?.code).toBe('ERR_ICX_TRANSPORT_REFUSED');
        expect(asked.every((key) => key.equals(a.key)) && asked.length > 0).toBe(true);
        expect(b.accepted).toEqual([]);
        expect(b.notices.join()).toMatch(/127\.0\.0\.1/);
      },
    );

    test.runIf(pinned)('a peer that answers with another key than the pinned one', async () => {
      const [a, b] = [await open(), await open()];
      const target = { ...targetOf(b), peerKey: (await open()).key };
      const startedAt = performance.now();
      await expect(a.transport.dial(target)).rejects.toMatchObject({ code: 'ERR_ICX_TRANSPORT_PEER_KEY' });
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(b.accepted).toEqual([]);
    });

    test('a port that is taken, with a hint', async () => {
      const a = await open();
      const second = openEnd(openTransport, { port: a.port });
      await expect(second).rejects.toMatchObject({
        code: 'ERR_ICX_TRANSPORT_BIND',
        message: expect.stringMatching(/in use/),
        hint: expect.stringMatching(/control_port/),
      });
    });

    test('host names, and the family it does not listen on', async () => {
      const a = await open();
      const error = { code: 'ERR_ICX_TRANSPORT_UNREACHABLE' };
      await expect(a.transport.dial({ ...targetOf(a), host: 'example.org' })).rejects.toMatchObject(error);
      await expect(a.transport.dial({ ...targetOf(a), host: '2001:db8::1' })).rejects.toMatchObject(error);
    });
  });

  describe(`${label} lasts`, () => {
    test('64 connections between two ends, dialled by both at once, are each for themselves', async () => {
      const [a, b] = [await open(), await open()];
      const dialled = await connectBothWays(a, b, 64);
      for (const accepted of [...a.accepted, ...b.accepted]) void echo(accepted);
      const heard = dialled.map(async (connection) => [...(await readBytes(connection, 1))]);
      expect(await Promise.all(heard)).toEqual(dialled.map((_, name) => [name]));
      // The end of one is the end of that one only.
      dialled[0]?.close('this one');
      dialled[1]?.close('and this one');
      await expect.poll(() => closedOf([...a.accepted, ...b.accepted])).toHaveLength(2);
      for (const connection of dialled.slice(2)) await connection.write(Uint8Array.of(77));
      const again = dialled.slice(2).map(async (connection) => [...(await readBytes(connection, 1))]);
      expect(await Promise.all(again)).toEqual(dialled.slice(2).map(() => [77]));
      expect([a, b].flatMap(({ notices }) => notices)).toEqual([]);
    });

    test('100 dials one after the other leave no connection behind', async () => {
      const [a, b] = [await open(), await open()];
      for (let round = 0; round < 100; round += 1) {
        const [dialled, accepted] = await connect(a, b);
        dialled.close(`round ${round}`);
        expect((await closedWithin(accepted, 2_000))?.message).toBe(`round ${round}`);
      }
    });

    test.runIf(pinned)('one key holds a bounded number of connections', async () => {
      const [a, b] = [await open(), await open()];
      for (let count = 0; count < MAX_CONNECTIONS_PER_KEY; count += 64) await connectBothWays(a, b, 64);
      const outcome = await a.transport.dial(targetOf(b)).then(
        (connection) => closedWithin(connection, 3_000),
        (error) => error,
      );
      expect(outcome?.code).toBe('ERR_ICX_TRANSPORT_REFUSED');
    });
  });
}

/** Dials `count` connections at once, half of them from each end; the first byte of each is its number. */
async function connectBothWays(a: End, b: End, count: number): Promise<ControlConnection[]> {
  const dials = Array.from({ length: count }, async (_, name) => {
    const [from, to] = name % 2 === 0 ? [a, b] : [b, a];
    const connection = await from.transport.dial(targetOf(to));
    await connection.write(Uint8Array.of(name));
    return connection;
  });
  const [dialled] = await Promise.all([
    Promise.all(dials),
    acceptedOf(a, count / 2),
    acceptedOf(b, count / 2),
  ]);
  return dialled;
}

async function acceptedOf(end: End, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await end.nextConnection();
}

async function closedOf(connections: readonly ControlConnection[]): Promise<CloseInfo[]> {
  const states = await Promise.all(connections.map((connection) => closedWithin(connection, 1)));
  return states.filter((state) => state !== null);
}
