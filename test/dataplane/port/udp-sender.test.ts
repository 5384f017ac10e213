/** Messages to many endpoints with one call: all leave, in order, whatever becomes of one of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as libc from '../../../dataplane/io/libc.ts';
import { SendResult } from '../../../dataplane/port/udp-sender.ts';
import { type Datagram, type Sent, SocketSet, TestReceiver, TestSender } from './udp-ports.ts';

vi.mock('../../../dataplane/io/libc.ts', async (importOriginal) => {
  const original = await importOriginal<typeof libc>();
  return { ...original, sendmmsg: vi.fn(original.sendmmsg) };
});

const LOOPBACK = '127.0.0.1';
/** What waits for one call at most. */
const MAX_MESSAGES = 32;
const MAX_WAITING_LEN = 32_768;
const sendmmsg = vi.mocked(libc.sendmmsg);
const sockets = new SocketSet();
beforeEach(() => {
  sendmmsg.mockClear();
});
afterEach(() => sockets.close());

function setUp(targets: number, listen = LOOPBACK) {
  const ports = Array.from({ length: targets }, () => {
    const socket = sockets.open({ listen });
    return { port: socket.port, rx: new TestReceiver(socket) };
  });
  return { tx: new TestSender(sockets.open({ listen })), ports };
}

const bytesOf = (received: readonly Datagram[]) => received.map(({ bytes }) => bytes);
/** How many messages each call had. */
const sizes = () => sendmmsg.mock.calls.map(([, , count]) => count);
const contexts = (results: readonly Sent[]) => results.map(({ context }) => context);

describe('UdpSender', () => {
  test('flush() makes one call for what waits, one more for each that fails', () => {
    const { tx, ports } = setUp(20);
    for (const { port } of ports) tx.commit(100, LOOPBACK, port);
    tx.sender.flush();
    expect(sizes()).toEqual([20]);
    sendmmsg.mockClear();
    ports.forEach(({ port }, i) => {
      tx.commit(100, i === 7 ? '::1' : LOOPBACK, port);
    });
    tx.sender.flush();
    // The one that fails ends the first call and is first in the second, whose error it is.
    expect(sizes()).toEqual([20, 13, 12]);
  });

  test.each([2, MAX_MESSAGES - 1, MAX_MESSAGES, MAX_MESSAGES + 1, 3 * MAX_MESSAGES + 5])(
    'flush() sends to %i endpoints, results in order',
    (count) => {
      const { tx, ports } = setUp(count);
      const frames = ports.map(({ port }, i) => tx.commit(100, LOOPBACK, port, i));
      tx.sender.flush();
      expect(contexts(tx.results)).toEqual(ports.map((_, i) => i));
      expect(tx.results.every(({ result, frames }) => result === SendResult.sent && frames === 1)).toBe(true);
      expect(ports.map(({ rx }) => bytesOf(rx.drain()))).toEqual(frames.map((frame) => [frame]));
    },
  );

  test('commit() sends nothing until as many messages wait as one call takes', () => {
    const { tx, ports } = setUp(2);
    const send = (i: number) => tx.commit(100, LOOPBACK, ports[i % 2]?.port ?? 0, i);
    for (let i = 0; i < MAX_MESSAGES; i++) send(i);
    expect(tx.results).toEqual([]);
    send(MAX_MESSAGES);
    expect(tx.results).toHaveLength(MAX_MESSAGES);
    tx.sender.flush();
    expect(contexts(tx.results)).toEqual(Array.from({ length: MAX_MESSAGES + 1 }, (_, i) => i));
  });

  test('commit() sends what waits when another message comes behind 32 KB', () => {
    const { tx, ports } = setUp(2);
    const [a = 0, b = 0] = ports.map(({ port }) => port);
    const len = MAX_WAITING_LEN / 2;
    tx.commit(len, LOOPBACK, a, 1);
    tx.commit(len - 1, LOOPBACK, b, 2);
    // A byte short: another still waits with them.
    tx.commit(1, LOOPBACK, a, 3);
    expect(tx.results).toEqual([]);
    tx.commit(500, LOOPBACK, b, 4);
    expect(contexts(tx.results)).toEqual([1, 2, 3]);
    tx.sender.flush();
    expect(contexts(tx.results)).toEqual([1, 2, 3, 4]);
  });

  test('commit() goes on merging frames of one endpoint beyond 32 KB', () => {
    const { tx, ports } = setUp(1);
    const port = ports[0]?.port ?? 0;
    const frames = Array.from({ length: 40 }, () => tx.commit(1_400, LOOPBACK, port));
    expect(tx.results).toEqual([]);
    tx.sender.flush();
    expect(tx.results).toMatchObject([{ result: SendResult.sent, frames: 40 }]);
    expect(bytesOf(ports[0]?.rx.drain() ?? [])).toEqual(frames);
  });

  test('one who commits without end never runs out of room', () => {
    const { tx, ports } = setUp(3);
    const start = tx.sender.nextAt;
    for (let i = 0; i < 400; i++) {
      tx.commit(1_424, LOOPBACK, ports[Math.floor(i / 50) % 3]?.port ?? 0, i >> 3);
      expect(tx.sender.nextAt - start).toBeLessThanOrEqual(2 * 65_507);
      for (const { rx } of ports) rx.drain(0);
    }
    tx.sender.flush();
    expect(tx.sender.nextAt).toBe(start);
    expect(tx.results.reduce((sum, { frames }) => sum + frames, 0)).toBe(400);
    expect(tx.results.every(({ result }) => result === SendResult.sent)).toBe(true);
  });

  test.each<[string, number, string, SendResult]>([
    ['an endpoint of the other family', 100, '::1', SendResult.failed],
    ['a frame that no datagram holds', 65_508, LOOPBACK, SendResult.tooLarge],
    ['an address that nothing is sent to', 100, '255.255.255.255', SendResult.failed],
  ])('%s does not stop the messages behind it', (_, len, address, result) => {
    for (const place of [0, 1, 4, 9]) {
      const { tx, ports } = setUp(10);
      const frames = ports.map(({ port }, i) =>
        i === place ? [tx.commit(len, address, port, i)].slice(1) : [tx.commit(100, LOOPBACK, port, i)],
      );
      tx.sender.flush();
      expect(tx.results).toEqual(
        ports.map((_, i) => ({
          result: i === place ? result : SendResult.sent,
          frames: 1,
          bytes: i === place ? len : 100,
          context: i,
        })),
      );
      expect(ports.map(({ rx }, i) => bytesOf(rx.drain(i === place ? 0 : 2_000)))).toEqual(frames);
      sockets.close();
    }
  });

  test('many failures in one call are each reported, between those that were sent', () => {
    const { tx, ports } = setUp(1);
    const port = ports[0]?.port ?? 0;
    const frames: Buffer[] = [];
    for (let i = 0; i < 30; i++) {
      const frame = tx.commit(200, i % 3 === 0 ? LOOPBACK : '::1', port, i);
      if (i % 3 === 0) frames.push(frame);
    }
    tx.sender.flush();
    const results = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? SendResult.sent : SendResult.failed));
    expect(tx.results.map(({ result }) => result)).toEqual(results);
    expect(contexts(tx.results)).toEqual(results.map((_, i) => i));
    expect(bytesOf(ports[0]?.rx.drain() ?? [])).toEqual(frames);
  });

  test('a merged message and a single one keep to themselves whether they are cut', () => {
    const { tx, ports } = setUp(4);
    for (let round = 0; round < 3; round++) {
      // Places in the row are used again, merged and not in turn.
      const sent = ports.map(({ port }, i) => {
        const count = (i + round) % 2 === 0 ? 5 : 1;
        return Array.from({ length: count }, () => tx.commit(300 + i, LOOPBACK, port, i));
      });
      tx.sender.flush();
      expect(ports.map(({ rx }) => bytesOf(rx.drain()))).toEqual(sent);
    }
  });

  test('an IPv6 socket sends to both families in one call', () => {
    const to4 = sockets.open({ listen: LOOPBACK });
    const to6 = sockets.open({ listen: '::1' });
    const tx = new TestSender(sockets.open({ listen: '::' }));
    const frames4: Buffer[] = [];
    const frames6: Buffer[] = [];
    for (let i = 0; i < 6; i++) {
      frames4.push(tx.commit(100 + i, LOOPBACK, to4.port, i));
      frames6.push(tx.commit(100 + i, '::1', to6.port, i));
    }
    tx.sender.flush();
    expect(tx.results.every(({ result }) => result === SendResult.sent)).toBe(true);
    expect(bytesOf(new TestReceiver(to4).drain())).toEqual(frames4);
    expect(bytesOf(new TestReceiver(to6).drain())).toEqual(frames6);
  });

  test('any sequence of frames to several endpoints keeps the order of each', () => {
    const { tx, ports } = setUp(5);
    const step = fc.record({
      to: fc.nat(5),
      len: fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(48, 112, 1_424) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 9_000 }) },
      ),
      repeat: fc.integer({ min: 1, max: 6 }),
      flush: fc.oneof(
        { weight: 5, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        tx.results.length = 0;
        const sent: Buffer[][] = ports.map(() => []);
        const received: Buffer[][] = ports.map(() => []);
        const collect = () => {
          ports.forEach(({ rx }, i) => {
            received[i]?.push(...bytesOf(rx.drain(0)));
          });
        };
        let committed = 0;
        for (const { to, len, repeat, flush } of steps) {
          for (let i = 0; i < repeat; i++, committed++) {
            // The one endpoint too many can't be reached.
            const target = ports[to];
            const frame = tx.commit(len, target === undefined ? '::1' : LOOPBACK, target?.port ?? 9, to);
            sent[to]?.push(frame);
          }
          if (flush) tx.sender.flush();
          // The receive buffer may be small without privileges.
          if (committed % 4 === 0) collect();
        }
        tx.sender.flush();
        collect();
        const lengths = (all: readonly Buffer[][]) => all.map((each) => each.map((frame) => frame.length));
        expect(lengths(received)).toEqual(lengths(sent));
        expect(Buffer.concat(received.flat()).equals(Buffer.concat(sent.flat()))).toBe(true);
        expect(tx.results.reduce((sum, { frames }) => sum + frames, 0)).toBe(committed);
        for (const { result, context } of tx.results) {
          expect(result).toBe(context === ports.length ? SendResult.failed : SendResult.sent);
        }
      }),
      { numRuns: 60, seed: 20_260_104 },
    );
  });
});
