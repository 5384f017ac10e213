/** Runs of datagrams through real sockets: how they are put together, and what becomes of those that fail. */
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { addressOf, bind, close, connect, Errno, recvfrom, socket } from '../../../dataplane/io/libc.ts';
import { setBuffers } from '../../../dataplane/io/socket-option.ts';
import { RelayReceiver } from '../../../dataplane/port/relay-receiver.ts';
import { RelaySender } from '../../../dataplane/port/relay-sender.ts';
import { RelaySockets } from '../../../dataplane/port/relay-socket.ts';
import { boundPort } from '../../../dataplane/port/udp-socket.ts';
import { AF_INET, parseEndpoint, SOCKADDR_IN_LEN, writeSockaddr } from '../../../dataplane/wire/endpoint.ts';

const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const LOOPBACK = 0x7f000001;
const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) close(fd);
});

/** A bound socket. */
class Sink {
  readonly fd = socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0);
  readonly port: number;
  readonly #buffer = new Uint8Array(65_536);

  constructor() {
    open.push(this.fd);
    setBuffers(this.fd, 4 << 20, 4 << 20);
    const words = parseEndpoint({ address: '127.0.0.1', port: 1 });
    words[4] = 0;
    const name = new Uint8Array(64);
    writeSockaddr(new DataView(name.buffer), 0, words, AF_INET);
    expect(bind(this.fd, addressOf(name), SOCKADDR_IN_LEN)).toBe(0);
    this.port = boundPort(this.fd);
  }

  /** Length and first byte of what came. */
  take(): [len: number, mark: number][] {
    const came: [number, number][] = [];
    for (;;) {
      const len = recvfrom(this.fd, addressOf(this.#buffer), this.#buffer.length, 0, 0, 0);
      if (len < 0) return came;
      came.push([len, this.#buffer[0] ?? 0]);
    }
  }
}

class Rig {
  readonly arena = new Arena(1 << 20, true);
  readonly sockets = new RelaySockets(this.arena);
  readonly sent: [slot: number, datagrams: number, bytes: number][] = [];
  readonly failed: [slot: number, reason: number, len: number][] = [];
  readonly sender = new RelaySender(this.arena, {
    onSent: (...message) => this.sent.push(message),
    onFailed: (slot, reason, _at, len) => this.failed.push([slot, reason, len]),
  });
  /** Behind what the sender has. */
  readonly guardAt = this.arena.take(65_536);
  readonly #dataAt = this.arena.take(65_536);

  connect(port: number): number {
    this.arena.view.setUint32(this.sockets.addressAt4, LOOPBACK);
    const fd = this.sockets.open(4, port);
    expect(fd).toBeGreaterThan(0);
    open.push(fd);
    return fd;
  }

  add(fd: number, len: number, mark = 0, slot = 7): void {
    this.arena.bytes[this.#dataAt] = mark;
    this.sender.add(fd, slot, this.arena.base + this.#dataAt, len);
  }
}

describe('RelaySender', () => {
  test('joins datagrams of one size, so many and so long as the kernel takes', () => {
    const rig = new Rig();
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    for (let i = 0; i < 65; i++) rig.add(fd, 100, i);
    for (let i = 0; i < 47; i++) rig.add(fd, 1_400, i);
    rig.sender.flush();
    expect(rig.sent).toEqual([
      [7, 64, 6_400],
      [7, 1, 100],
      [7, 46, 64_400],
      [7, 1, 1_400],
    ]);
    const marks = (count: number, len: number) => Array.from({ length: count }, (_, i) => [len, i]);
    expect(sink.take()).toEqual([...marks(65, 100), ...marks(47, 1_400)]);
  });

  test('lets a shorter one end a message, and joins empty ones with nothing', () => {
    const rig = new Rig();
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    const lens = [500, 500, 300, 500, 600, 0, 0, 5, 5];
    for (const [i, len] of lens.entries()) rig.add(fd, len, i);
    rig.sender.flush();
    expect(rig.sent.map(([, datagrams]) => datagrams)).toEqual([3, 1, 1, 1, 1, 2]);
    expect(sink.take().map(([len]) => len)).toEqual(lens);
  });

  test('sends before it has too much, and more messages than one call takes', () => {
    const rig = new Rig();
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    rig.arena.bytes.fill(0, rig.guardAt, rig.guardAt + 65_536);
    const lens = [60_000, 60_001, 60_002, 60_003, ...Array.from({ length: 70 }, (_, i) => 100 + i)];
    for (const len of lens) rig.add(fd, len, 0xee);
    rig.sender.flush();
    expect(sink.take().map(([len]) => len)).toEqual(lens);
    expect(rig.failed).toEqual([]);
    expect(rig.arena.bytes.subarray(rig.guardAt, rig.guardAt + 65_536).every((byte) => byte === 0)).toBe(
      true,
    );
  });

  test('sends what waits for one socket before it takes for another, and when asked for that socket', () => {
    const rig = new Rig();
    const sinks = [new Sink(), new Sink()] as const;
    const [a, b] = [rig.connect(sinks[0].port), rig.connect(sinks[1].port)];
    rig.add(a, 10, 0, 1);
    rig.add(b, 11, 0, 2);
    expect(rig.sent).toEqual([[1, 1, 10]]);
    rig.sender.settle(a);
    expect(rig.sent.length).toBe(1);
    rig.sender.settle(b);
    expect(rig.sent).toEqual([
      [1, 1, 10],
      [2, 1, 11],
    ]);
    rig.sender.flush();
    expect([sinks[0].take(), sinks[1].take()]).toEqual([[[10, 0]], [[11, 0]]]);
  });

  test('sends again what failed for an earlier datagram', () => {
    const rig = new Rig();
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    close(sink.fd);
    open.splice(open.indexOf(sink.fd), 1);
    for (let round = 0; round < 3; round++) {
      rig.add(fd, 10);
      rig.add(fd, 10);
      rig.sender.flush();
    }
    expect(rig.failed).toEqual([]);
    expect(rig.sent.reduce((sum, [, datagrams]) => sum + datagrams, 0)).toBe(6);
  });

  test('tells of each datagram of a message that fails', () => {
    const rig = new Rig();
    for (let i = 0; i < 3; i++) rig.add(-5, 100 - i);
    rig.sender.flush();
    const [EBADF] = rig.failed[0]?.slice(1) ?? [];
    expect(EBADF).toBe(9);
    expect(rig.failed.map(([slot, , len]) => [slot, len])).toEqual([
      [7, 100],
      [7, 99],
      [7, 98],
    ]);
  });

  test('tells what is larger than the path, and what the path takes', () => {
    const rig = new Rig();
    const fd = rig.connect(9);
    expect(rig.sockets.pathMtu(fd, 4)).toBe(65_535);
    expect(rig.sockets.pathMtu(-1, 4)).toBe(0);
    rig.sockets.setFragmentation(fd, 4, false);
    rig.add(fd, 65_520);
    rig.sender.flush();
    expect(rig.failed).toEqual([[7, Errno.EMSGSIZE, 65_520]]);
  });
});

describe('RelaySockets.open()', () => {
  test('takes answers from whom it speaks to alone, and gives the errno where it can’t', () => {
    const rig = new Rig();
    const receiver = new RelayReceiver(rig.arena);
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    expect(receiver.receive(fd)).toBe(0);
    const stranger = rig.connect(boundPort(fd));
    rig.add(stranger, 10);
    rig.sender.flush();
    expect(receiver.receive(fd)).toBe(0);
    rig.arena.view.setUint32(rig.sockets.addressAt4, 0xffffffff);
    expect(rig.sockets.open(4, 9)).toBe(-Errno.EACCES);
  });

  test('takes what the kernel joined as one', () => {
    const rig = new Rig();
    const receiver = new RelayReceiver(rig.arena);
    const sink = new Sink();
    const fd = rig.connect(sink.port);
    const name = new Uint8Array(64);
    const words = parseEndpoint({ address: '127.0.0.1', port: boundPort(fd) });
    writeSockaddr(new DataView(name.buffer), 0, words, AF_INET);
    expect(connect(sink.fd, addressOf(name), SOCKADDR_IN_LEN)).toBe(0);
    for (const len of [100, 100, 100, 70]) rig.add(sink.fd, len);
    rig.sender.flush();
    expect(receiver.receive(fd)).toBe(1);
    expect([receiver.len(0), receiver.segmentLen(0)]).toEqual([370, 100]);
  });

  test('speaks to an IPv6 address after an IPv4 one', () => {
    const rig = new Rig();
    rig.arena.view.setUint32(rig.sockets.addressAt4, 0xffffffff);
    rig.sockets.open(4, 9);
    for (let i = 0; i < 16; i++) rig.arena.view.setUint8(rig.sockets.addressAt6 + i, i === 15 ? 1 : 0);
    const fd = rig.sockets.open(6, 9);
    expect(fd).toBeGreaterThan(0);
    open.push(fd);
  });
});
