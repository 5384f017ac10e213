/** The underlay's sockets: families, shared ports, steering by SPI. */
import { afterEach, describe, expect, test } from 'vitest';
import { fcntl } from '../../../dataplane/io/libc.ts';
import { sharePort, steerBySpi } from '../../../dataplane/port/udp-socket.ts';
import { SocketSet, TestReceiver, TestSender } from './udp-ports.ts';

const F_GETFD = 1;
const F_GETFL = 3;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0x800;
const SPI_AT = 12;
const sockets = new SocketSet();
afterEach(() => sockets.close());

/** A group of `count` sockets on one port that the kernel chose, steered. */
function group(count: number, listen = '127.0.0.1') {
  const first = sockets.open({ listen });
  sharePort(first.fd);
  const rest = Array.from({ length: count - 1 }, () =>
    sockets.open({ listen, joinPort: true, port: first.port }),
  );
  const all = [first, ...rest];
  return { port: first.port, fds: all.map(({ fd }) => fd), receivers: all.map((s) => new TestReceiver(s)) };
}

describe('openUdpSocket()', () => {
  test.each([
    ['127.0.0.1', 2],
    ['0.0.0.0', 2],
    ['::1', 10],
    ['::', 10],
  ])('opens %s with its family, non-blocking, closed to programs', (listen, family) => {
    const socket = sockets.open({ listen });
    expect(socket.family).toBe(family);
    expect(socket.port).toBeGreaterThan(0);
    expect(fcntl(socket.fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    expect(fcntl(socket.fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
  });

  test.each(['127.0.0.1', '::1', '::'])('says what to do when the port of %s is in use', (listen) => {
    const { port } = sockets.open({ listen });
    expect(() => sockets.open({ listen, port })).toThrow(
      `Cannot bind UDP ${listen} port ${port}: address already in use (EADDRINUSE); ` +
        'is another agent running, or set listen_port',
    );
  });

  test('refuses to join a port that is not shared', () => {
    const { port } = sockets.open();
    expect(() => sockets.open({ port, joinPort: true })).toThrow(/EADDRINUSE/);
  });

  test('refuses a port that other sockets share, unless told to join them', () => {
    const { port } = group(2);
    expect(() => sockets.open({ port })).toThrow(/EADDRINUSE/);
    expect(sockets.open({ port, joinPort: true }).port).toBe(port);
  });

  test('names an address that this host does not have', () => {
    expect(() => sockets.open({ listen: '192.0.2.77', port: 6_081 })).toThrow(
      /Cannot bind UDP 192\.0\.2\.77 port 6081: .*EADDRNOTAVAIL/,
    );
  });

  test('a failure leaves no descriptor behind', () => {
    const probe = sockets.open();
    for (let i = 0; i < 5; i++) expect(() => sockets.open({ port: probe.port })).toThrow();
    // The kernel gives the lowest number that is free.
    expect(sockets.open().fd).toBe(probe.fd + 1);
  });
});

describe('steerBySpi()', () => {
  test.each(['127.0.0.1', '::1'])('gives each SPI on %s to the socket that owns it', (listen) => {
    const { port, fds, receivers } = group(3, listen);
    steerBySpi(fds[1] ?? -1, 3);
    const senders = Array.from({ length: 4 }, () => new TestSender(sockets.open({ listen })));
    // Master-key index and role are not part of the number.
    const spis = Array.from({ length: 24 }, (_, i) => (((i % 4) << 30) | (i + 1)) >>> 0);
    spis.forEach((spi, i) => {
      sendSpi(senders[i % 4], spi, listen, port);
    });
    const seen = receivers.map((rx) => rx.drain(200).map(({ bytes }) => bytes.readUInt32BE(SPI_AT)));
    for (let queue = 0; queue < 3; queue++) {
      const own = spis.filter((spi) => (spi & 0x3fffffff) % 3 === queue);
      expect([...(seen[queue] ?? [])].sort()).toEqual(own.sort());
    }
  });

  test('gives what is too short for an SPI to the first socket', () => {
    const { port, fds, receivers } = group(3);
    steerBySpi(fds[0] ?? -1, 3);
    const tx = new TestSender(sockets.open());
    for (const len of [0, 1, 12, 15]) {
      tx.commit(len, '127.0.0.1', port);
      tx.sender.flush();
    }
    expect(receivers.map((rx) => rx.drain(100).length)).toEqual([4, 0, 0]);
  });

  test('throws for a socket that is in no group', () => {
    expect(() => steerBySpi(-1, 2)).toThrow(/Cannot steer datagrams to queues by SPI: .*EBADF/);
  });
});

function sendSpi(tx: TestSender | undefined, spi: number, address: string, port: number): void {
  tx?.commitBytes(64, (frame) => frame.writeUInt32BE(spi, SPI_AT), address, port);
  tx?.sender.flush();
}
