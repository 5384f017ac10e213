/** Datagrams that come side by side, merged, and both in turn: all there, each with its own source. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import * as libc from '../../../dataplane/io/libc.ts';
import { UdpReceiver } from '../../../dataplane/port/udp-receiver.ts';
import { formatEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { type Datagram, SocketSet, TestReceiver, TestSender } from './udp-ports.ts';

vi.mock('../../../dataplane/io/libc.ts', async (importOriginal) => {
  const original = await importOriginal<typeof libc>();
  return { ...original, recvmmsg: vi.fn(original.recvmmsg) };
});

const LOOPBACK = '127.0.0.1';
/** Messages that a call takes at most, and after merged ones. */
const WIDE = 16;
const NARROW = 2;
const recvmmsg = vi.mocked(libc.recvmmsg);
const sockets = new SocketSet();
beforeEach(() => {
  recvmmsg.mockClear();
});
afterEach(() => sockets.close());

interface Source {
  readonly tx: TestSender;
  readonly address: string;
  readonly port: number;
}

function sourceAt(listen = LOOPBACK): Source {
  const socket = sockets.open({ listen });
  return { tx: new TestSender(socket), address: listen, port: socket.port };
}

function setUp(sources: number) {
  const to = sockets.open();
  return {
    gro: to.gro,
    to: to.port,
    rx: new TestReceiver(to),
    from: Array.from({ length: sources }, () => sourceAt()),
  };
}

interface Expected {
  readonly bytes: Buffer;
  readonly from: Source;
}

/** Sends frames of one length, merged when there are several. */
function send(from: Source | undefined, to: number, frames: number, len = 100): Expected[] {
  if (from === undefined) throw new TypeError('no such source');
  const sent = Array.from({ length: frames }, () => ({ bytes: from.tx.commit(len, from.address, to), from }));
  from.tx.sender.flush();
  return sent;
}

function expectReceived(received: readonly Datagram[], sent: readonly Expected[]): void {
  expect(received.map(({ bytes }) => bytes.length)).toEqual(sent.map(({ bytes }) => bytes.length));
  const all = (datagrams: readonly { bytes: Buffer }[]) => Buffer.concat(datagrams.map(({ bytes }) => bytes));
  expect(all(received).equals(all(sent))).toBe(true);
  expect(received.map(({ source }) => formatEndpoint(source))).toEqual(
    sent.map(({ from }) => ({ address: from.address, port: from.port })),
  );
}

/** How many messages each call asked for. */
const widths = () => recvmmsg.mock.calls.map(([, , count]) => count);

describe('UdpReceiver.receive()', () => {
  test('takes 40 datagrams of several sources with three calls', () => {
    const { rx, to, from } = setUp(5);
    const sent = Array.from({ length: 40 }, (_, i) => send(from[i % 5], to, 1, 60 + i)).flat();
    expectReceived(rx.drain(), sent);
    expect(widths()).toEqual([WIDE, WIDE, WIDE]);
  });

  test.each([1, 2, WIDE - 1, WIDE, WIDE + 1, 2 * WIDE])('gives %i datagrams, then -1', (count) => {
    const { rx, to, from } = setUp(3);
    const sent = Array.from({ length: count }, (_, i) => send(from[i % 3], to, 1)).flat();
    expectReceived(rx.drain(), sent);
    expect(rx.receiver.hasMore).toBe(false);
    expect(rx.drain(0)).toEqual([]);
  });

  test('hasMore tells of what a call brought and nobody took yet', () => {
    const { rx, to, from } = setUp(2);
    expect(rx.receiver.hasMore).toBe(false);
    for (let i = 0; i < 3; i++) send(from[i % 2], to, 1);
    const seen = Array.from({ length: 4 }, () => [rx.receiver.receive(), rx.receiver.hasMore]);
    expect(seen).toEqual([
      [100, true],
      [100, true],
      [100, false],
      [-1, false],
    ]);
    expect(widths()).toEqual([WIDE]);
  });

  test('says -1 once after a call that was not filled, without asking, and then asks again', () => {
    const { rx, to, from } = setUp(1);
    send(from[0], to, 1, 50);
    expect(rx.receiver.receive()).toBe(50);
    // What comes now wakes poll(2); until then the other side has its turn.
    send(from[0], to, 1, 70);
    expect(rx.receiver.receive()).toBe(-1);
    expect(widths()).toEqual([WIDE]);
    expect(rx.receiver.receive()).toBe(70);
    expect([rx.receiver.receive(), rx.receiver.receive()]).toEqual([-1, -1]);
  });

  test('asks at once after a call that was filled', () => {
    const { rx, to, from } = setUp(1);
    for (let i = 0; i < WIDE; i++) send(from[0], to, 1, 50);
    for (let i = 0; i < WIDE; i++) expect(rx.receiver.receive()).toBe(50);
    send(from[0], to, 1, 70);
    expect(rx.receiver.receive()).toBe(70);
    expect(rx.receiver.receive()).toBe(-1);
  });

  test('asks for few while they come merged, and for many again when they do not', ({ skip }) => {
    const { rx, to, from, gro } = setUp(2);
    if (!gro) skip('needs UDP_GRO, Linux 5.0');
    const merged = Array.from({ length: 5 }, (_, i) => send(from[i % 2], to, 10)).flat();
    expectReceived(rx.drain(), merged);
    // All five fit the first call, which did not know yet.
    expect(widths()).toEqual([WIDE]);
    recvmmsg.mockClear();
    const again = Array.from({ length: 4 }, (_, i) => send(from[i % 2], to, 10)).flat();
    const single = Array.from({ length: 20 }, (_, i) => send(from[i % 2], to, 1)).flat();
    expectReceived(rx.drain(), [...again, ...single]);
    expect(widths()).toEqual([NARROW, NARROW, NARROW, WIDE, WIDE]);
    expect(rx.batches.slice(-24)).toEqual([...Array(4).fill(10), ...Array(20).fill(1)]);
  });

  test('a merged message among others in a wide call is cut at its own length', ({ skip }) => {
    const { rx, to, from, gro } = setUp(3);
    if (!gro) skip('needs UDP_GRO, Linux 5.0');
    const sent = [
      ...send(from[0], to, 1, 900),
      ...send(from[1], to, 7, 300),
      ...send(from[2], to, 1, 40),
      ...send(from[0], to, 3, 1_200),
      ...send(from[1], to, 1, 1_200),
    ];
    expectReceived(rx.drain(), sent);
    expect(rx.batches).toEqual([1, 7, 1, 3, 1]);
    expect(widths()).toEqual([WIDE]);
  });

  test('gives each datagram of one call its own source, of both families', () => {
    const to = sockets.open({ listen: '::' });
    const rx = new TestReceiver(to);
    const from = [sourceAt('127.0.0.1'), sourceAt('::1'), sourceAt('127.0.0.2'), sourceAt('::1')];
    const sent = Array.from({ length: 12 }, (_, i) => send(from[i % 4], to.port, 1, 100 + i)).flat();
    expectReceived(rx.drain(), sent);
    expect(widths()).toEqual([WIDE]);
  });

  test('gives empty datagrams between others as what they are', () => {
    const { rx, to, from } = setUp(2);
    const sent = [10, 0, 0, 20, 0].flatMap((len, i) => send(from[i % 2], to, 1, len));
    expectReceived(rx.drain(), sent);
  });

  test('gives the largest datagrams side by side, none touching the next', () => {
    const { rx, to, from } = setUp(1);
    const sent: Expected[] = [];
    const received: Datagram[] = [];
    for (let i = 0; i < 20; i++) {
      sent.push(...send(from[0], to, 1, 65_507 - i));
      // The receive buffer may be small without privileges.
      if (i % 2 === 1) received.push(...rx.drain());
    }
    expectReceived(received, sent);
  });

  test('is -1 for a socket that is none any more', () => {
    const receiver = new UdpReceiver(-1, new Arena(2 << 20));
    expect([receiver.receive(), receiver.receive(), receiver.hasMore]).toEqual([-1, -1, false]);
  });

  test('gives any sequence of merged and single datagrams whole and in order', () => {
    const { rx, to, from } = setUp(4);
    const burst = fc.record({
      source: fc.nat(3),
      frames: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 20 })),
      len: fc.oneof(fc.constantFrom(48, 1_424), fc.integer({ min: 1, max: 3_000 })),
      drain: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(burst, { minLength: 1, maxLength: 30 }), (bursts) => {
        const sent: Expected[] = [];
        const received: Datagram[] = [];
        bursts.forEach(({ source, frames, len, drain }, i) => {
          sent.push(...send(from[source], to, frames, len));
          if (drain || i % 4 === 3) received.push(...rx.drain(0));
        });
        // The first may be the answer without asking.
        received.push(...rx.drain(0), ...rx.drain(0));
        expectReceived(received, sent);
      }),
      { numRuns: 100, seed: 20_260_105 },
    );
  });
});
