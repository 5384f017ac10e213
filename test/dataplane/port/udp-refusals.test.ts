/** What the underlay may do to sent frames: paths too narrow, no segmentation, a full send queue. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { addressOf, setsockopt } from '../../../dataplane/io/libc.ts';
import { SendResult } from '../../../dataplane/port/udp-sender.ts';
import { setFragmentation } from '../../../dataplane/port/udp-socket.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { SocketSet, TestReceiver, TestSender } from './udp-ports.ts';

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_NO_CHECK = 11;

function setOption(fd: number, option: number, value: number): void {
  const bytes = Buffer.alloc(128);
  bytes.writeInt32LE(value);
  expect(setsockopt(fd, SOL_SOCKET, option, addressOf(bytes), 4)).toBe(0);
}

describeHosts('UdpSender', () => {
  const sockets = new SocketSet();
  let lab: Lab;
  let host: Namespace;

  beforeAll(() => {
    lab = new Lab();
    host = lab.addHost('m');
    // IPv6 needs a path of 1,280 bytes at least.
    host.ip('link set lo mtu 1300');
    host.ip('link add eth0 type veth peer name eth1');
    host.ip('link set eth0 up');
    host.ip('link set eth1 up');
    host.ip('address add 192.0.2.1/24 dev eth0');
  });
  afterEach(() => sockets.close());
  afterAll(() => lab?.close());

  function pair(listen: string, fragment: boolean) {
    return host.enter(() => {
      const from = sockets.open({ listen, fragment });
      const to = sockets.open({ listen });
      return { from, to, tx: new TestSender(from), rx: new TestReceiver(to) };
    });
  }

  /** `len` less the headers of IP and UDP is what a path of 1,300 bytes takes. */
  describe.each([
    ['127.0.0.1', 1_272],
    ['::1', 1_252],
  ])('to %s, whose path takes %i bytes', (address, fits) => {
    test('sends a batch of frames that just fit', async () => {
      const { tx, rx, to } = await pair(address, false);
      const frames = [fits, fits, fits].map((len) => tx.commit(len, address, to.port));
      tx.sender.flush();
      expect(tx.results.map(({ result }) => result)).toEqual([SendResult.sent]);
      expect(rx.drain().map(({ bytes }) => bytes)).toEqual(frames);
    });

    test('reports a frame of one byte more as too large', async () => {
      const { tx, rx, to } = await pair(address, false);
      tx.commit(fits + 1, address, to.port);
      tx.sender.flush();
      expect(tx.results).toEqual([{ result: SendResult.tooLarge, frames: 1, bytes: fits + 1, context: 1 }]);
      expect(rx.drain(20)).toEqual([]);
    });

    test('of a batch, sends what the path takes and reports the rest as too large', async () => {
      const { tx, rx, to } = await pair(address, false);
      for (let i = 0; i < 3; i++) tx.commit(fits + 40, address, to.port);
      const last = tx.commit(300, address, to.port);
      tx.sender.flush();
      const { sent, tooLarge } = SendResult;
      const framesOf = (wanted: SendResult) =>
        tx.results.filter(({ result }) => result === wanted).reduce((sum, { frames }) => sum + frames, 0);
      expect([framesOf(sent), framesOf(tooLarge)]).toEqual([1, 3]);
      expect(rx.drain().map(({ bytes }) => bytes)).toEqual([last]);
    });

    test('goes on merging frames after a batch that was too large', async () => {
      const { tx, rx, to } = await pair(address, false);
      for (let i = 0; i < 3; i++) tx.commit(fits + 40, address, to.port);
      tx.sender.flush();
      tx.results.length = 0;
      const frames = [fits, fits].map((len) => tx.commit(len, address, to.port));
      tx.sender.flush();
      expect(tx.results.map(({ result, frames }) => [result, frames])).toEqual([[SendResult.sent, 2]]);
      expect(rx.drain().map(({ bytes }) => bytes)).toEqual(frames);
    });

    test('delivers a batch of larger frames where they may be fragmented', async () => {
      const { tx, rx, to } = await pair(address, true);
      const frames = [fits + 40, fits + 40, 300].map((len) => tx.commit(len, address, to.port));
      tx.sender.flush();
      expect(tx.results.reduce((sum, { frames }) => sum + frames, 0)).toBe(3);
      expect(tx.results.every(({ result }) => result === SendResult.sent)).toBe(true);
      expect(rx.drain().map(({ bytes }) => bytes)).toEqual(frames);
    });

    test('setFragmentation() changes an open socket', async () => {
      const { tx, rx, to, from } = await pair(address, false);
      setFragmentation(from.fd, from.family, true);
      const frame = tx.commit(fits + 40, address, to.port);
      tx.sender.flush();
      setFragmentation(from.fd, from.family, false);
      tx.commit(fits + 40, address, to.port);
      tx.sender.flush();
      expect(tx.results.map(({ result }) => result)).toEqual([SendResult.sent, SendResult.tooLarge]);
      expect(rx.drain().map(({ bytes }) => bytes)).toEqual([frame]);
    });
  });

  test("a socket on '::' obeys the path to an IPv4 endpoint too", async () => {
    const { tx, from } = await pair('::', false);
    tx.commit(1_273, '127.0.0.1', from.port);
    tx.sender.flush();
    setFragmentation(from.fd, from.family, true);
    tx.commit(1_273, '127.0.0.1', from.port);
    tx.sender.flush();
    expect(tx.results.map(({ result }) => result)).toEqual([SendResult.tooLarge, SendResult.sent]);
  });

  test('sends a batch frame by frame when the kernel refuses to segment it', async () => {
    const { tx, rx, to, from } = await pair('127.0.0.1', false);
    // Segmentation needs checksums: without them the kernel refuses with EINVAL.
    setOption(from.fd, SO_NO_CHECK, 1);
    const frames = [400, 400, 100].map((len) => tx.commit(len, '127.0.0.1', to.port));
    tx.sender.flush();
    expect(tx.results.map(({ result, frames }) => [result, frames])).toEqual(
      Array(3).fill([SendResult.sent, 1]),
    );
    expect(rx.drain().map(({ bytes }) => bytes)).toEqual(frames);
  });

  test('waits for a full send queue, but not for long', async () => {
    const { tx, from } = await host.enter(() => {
      const from = sockets.open({ listen: '192.0.2.1' });
      return { from, tx: new TestSender(from) };
    });
    setOption(from.fd, SO_SNDBUF, 4_608);
    // Nobody answers for this neighbour: what is sent waits in the kernel, on the socket's account.
    const startedAtMs = performance.now();
    for (let context = 1; context <= 12; context++) tx.commit(1_000, '192.0.2.99', 6_081, context);
    tx.sender.flush();
    const waitedMs = performance.now() - startedAtMs;
    const failed = tx.results.filter(({ result }) => result === SendResult.failed).length;
    expect(tx.results).toHaveLength(12);
    expect(failed).toBeGreaterThan(5);
    expect(waitedMs).toBeGreaterThanOrEqual(failed * 9);
    expect(waitedMs).toBeLessThan(failed * 10 + 2_000);
  });
});
