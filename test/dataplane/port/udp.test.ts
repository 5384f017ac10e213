/** Batches of datagrams through real sockets on loopback: split and merged without a byte changed. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { SendResult } from '../../../dataplane/port/udp-sender.ts';
import { formatEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { SocketSet, TestReceiver, TestSender } from './udp-ports.ts';

const LOOPBACK = '127.0.0.1';
const sockets = new SocketSet();
afterEach(() => sockets.close());

function pair(listen = LOOPBACK) {
  const from = sockets.open({ listen });
  const to = sockets.open({ listen });
  return { to, from, tx: new TestSender(from), rx: new TestReceiver(to) };
}

function framesOf(received: readonly { bytes: Buffer }[]): Buffer[] {
  return received.map(({ bytes }) => bytes);
}

describe('UdpSender', () => {
  test.each([
    ['one frame', [100], [1]],
    ['frames of one size', [500, 500, 500], [3]],
    ['a shorter last frame', [500, 500, 120], [3]],
    ['nothing behind a shorter frame', [500, 120, 120, 120], [2, 2]],
    ['a longer frame', [120, 500, 500], [1, 2]],
    ['as many frames as the kernel segments', Array(65).fill(60), [64, 1]],
    ['as many bytes as a datagram holds', Array(50).fill(1_500), [43, 7]],
    ['frames so large that each is a batch', [40_000, 40_000], [1, 1]],
  ])('commit() merges %s', (_, lengths, expected) => {
    const { tx, rx, to } = pair();
    const frames = lengths.map((len) => tx.commit(len, LOOPBACK, to.port));
    tx.sender.flush();
    expect(tx.results.map(({ frames }) => frames)).toEqual(expected);
    expect(tx.results.every(({ result }) => result === SendResult.sent)).toBe(true);
    expect(tx.results.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(lengths.reduce((a, b) => a + b));
    expect(framesOf(rx.drain())).toEqual(frames);
  });

  test('commit() starts another batch for another endpoint, address or port', () => {
    const from = sockets.open();
    const tx = new TestSender(from);
    const targets = [sockets.open(), sockets.open(), sockets.open({ listen: '127.0.0.2' })];
    const [a, b, c] = targets.map((to) => ({ port: to.port, rx: new TestReceiver(to) }));
    const toA = [tx.commit(200, LOOPBACK, a?.port ?? 0), tx.commit(200, LOOPBACK, a?.port ?? 0)];
    const toB = [tx.commit(200, LOOPBACK, b?.port ?? 0)];
    const toC = [tx.commit(200, '127.0.0.2', c?.port ?? 0)];
    tx.sender.flush();
    expect(tx.results.map(({ frames }) => frames)).toEqual([2, 1, 1]);
    expect([a, b, c].map((target) => framesOf(target?.rx.drain() ?? []))).toEqual([toA, toB, toC]);
  });

  test('commit() does not mix contexts, whose results are told apart', () => {
    const { tx, to } = pair();
    for (const context of [1, 1, 2]) tx.commit(100, LOOPBACK, to.port, context);
    tx.sender.flush();
    expect(tx.results).toEqual([
      { result: SendResult.sent, frames: 2, bytes: 200, context: 1 },
      { result: SendResult.sent, frames: 1, bytes: 100, context: 2 },
    ]);
  });

  test('flush() without frames sends and reports nothing', () => {
    const { tx, rx } = pair();
    tx.sender.flush();
    expect(tx.results).toEqual([]);
    expect(rx.drain(20)).toEqual([]);
  });

  test('sends each frame by itself once the device below cannot segment', () => {
    const { tx, rx, to } = pair();
    tx.sender.gso = false;
    const frames = [300, 300, 300].map((len) => tx.commit(len, LOOPBACK, to.port));
    tx.sender.flush();
    expect(tx.results.map(({ frames }) => frames)).toEqual([1, 1, 1]);
    expect(framesOf(rx.drain())).toEqual(frames);
  });

  test('reports a frame that no datagram can hold as too large, and goes on', () => {
    const { tx, rx, to } = pair();
    tx.commit(65_535, LOOPBACK, to.port, 7);
    tx.sender.flush();
    expect(tx.results).toEqual([{ result: SendResult.tooLarge, frames: 1, bytes: 65_535, context: 7 }]);
    const after = tx.commit(65_507, LOOPBACK, to.port);
    tx.sender.flush();
    expect(framesOf(rx.drain())).toEqual([after]);
  });

  test('reports an endpoint of a family that the socket cannot reach as failed', () => {
    const { tx } = pair();
    for (let i = 0; i < 2; i++) tx.commit(100, '::1', 9);
    tx.sender.flush();
    expect(tx.results).toEqual([{ result: SendResult.failed, frames: 2, bytes: 200, context: 1 }]);
  });

  test('delivers any sequence of lengths in order, byte for byte', () => {
    const { tx, rx, to } = pair();
    const len = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(48, 1_424, 1_424, 1_424) },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 3_000, max: 65_507 }) },
    );
    const step = fc.record({ len, flush: fc.boolean(), context: fc.integer({ min: 1, max: 2 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
        tx.results.length = 0;
        const frames: Buffer[] = [];
        const received: Buffer[] = [];
        for (const { len, flush, context } of steps) {
          frames.push(tx.commit(len, LOOPBACK, to.port, context));
          if (flush) tx.sender.flush();
          // The receive buffer may be small without privileges.
          if (frames.length % 20 === 0) received.push(...framesOf(rx.drain(0)));
        }
        tx.sender.flush();
        received.push(...framesOf(rx.drain(100)));
        expect(received.map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
        expect(Buffer.concat(received).equals(Buffer.concat(frames))).toBe(true);
        expect(tx.results.reduce((sum, { frames }) => sum + frames, 0)).toBe(frames.length);
        expect(tx.results.every(({ frames }) => frames <= 64)).toBe(true);
      }),
      { numRuns: 60, seed: 20_260_101 },
    );
  });
});

describe('UdpReceiver', () => {
  test('receive() is -1 when nothing waits and 0 for an empty datagram', () => {
    const { tx, rx, to } = pair();
    expect(rx.receiver.receive()).toBe(-1);
    tx.commit(0, LOOPBACK, to.port);
    tx.sender.flush();
    expect(framesOf(rx.drain())).toEqual([Buffer.alloc(0)]);
    expect(rx.batches).toEqual([1]);
  });

  test('receive() takes the segment length anew with each batch', () => {
    const { tx, rx, to } = pair();
    const frames: Buffer[] = [];
    for (const len of [700, 700, 300, 90, 1_200, 1_200]) {
      frames.push(tx.commit(len, LOOPBACK, to.port));
      if (len === 300 || len === 90) tx.sender.flush();
    }
    tx.sender.flush();
    expect(framesOf(rx.drain())).toEqual(frames);
  });

  test('receive() comes merged where the kernel can: fewer calls than datagrams', ({ skip }) => {
    const { tx, rx, to } = pair();
    if (!to.gro) skip('needs UDP_GRO, Linux 5.0');
    for (let i = 0; i < 40; i++) tx.commit(1_200, LOOPBACK, to.port);
    tx.sender.flush();
    expect(rx.drain()).toHaveLength(40);
    expect(rx.batches.length).toBeLessThan(40);
  });

  test.each([
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['::1', '::1', '::1'],
    ['::', '::1', '::1'],
    ['::', '127.0.0.1', '127.0.0.1'],
  ])('bound to %s, sourceAt of a datagram to %s is %s and the port', (listen, target, source) => {
    const to = sockets.open({ listen });
    const from = sockets.open({ listen: target });
    const tx = new TestSender(from);
    const frames = [600, 600, 50].map((len) => tx.commit(len, target, to.port));
    tx.sender.flush();
    const received = new TestReceiver(to).drain();
    expect(framesOf(received)).toEqual(frames);
    for (const datagram of received) {
      expect(formatEndpoint(datagram.source)).toEqual({ address: source, port: from.port });
    }
  });

  test.each(['127.0.0.1', '::1'])("a socket on '::' sends to %s", (target) => {
    const to = sockets.open({ listen: target });
    const tx = new TestSender(sockets.open({ listen: '::' }));
    const frames = [900, 900, 900].map((len) => tx.commit(len, target, to.port));
    tx.sender.flush();
    expect(tx.results.map(({ result }) => result)).toEqual([SendResult.sent]);
    expect(framesOf(new TestReceiver(to).drain())).toEqual(frames);
  });
});
