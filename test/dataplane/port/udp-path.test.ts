import { afterAll, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { close } from '../../../dataplane/io/libc.ts';
import { UdpReceiver } from '../../../dataplane/port/udp-receiver.ts';
import { SendResult, UdpSender } from '../../../dataplane/port/udp-sender.ts';
import { boundPort, openUdpSocket, type UdpSocket } from '../../../dataplane/port/udp-socket.ts';
import { parseEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';

const FRAME_CAPACITY = 2_048;
const CONTEXT = 7;

interface Loop {
  readonly sender: UdpSender;
  readonly results: { result: SendResult; frames: number }[];
  /** Sends frames of one length as one batch. @returns How many arrived. */
  exchange(frames: number, len: number): number;
  close(): void;
}

/** A sender and a receiver on the loopback of the network that the caller is in. */
function openLoop(fragment: boolean): Loop {
  const arena = new Arena(2 << 20);
  const options = { listen: '127.0.0.1', port: 0, joinPort: false, fragment };
  const [from, to]: UdpSocket[] = [openUdpSocket(options), openUdpSocket(options)];
  if (from === undefined || to === undefined) throw new TypeError('two sockets expected');
  const results: Loop['results'] = [];
  const sender = new UdpSender(from.fd, from.family, arena, FRAME_CAPACITY, {
    onSent(result, frames, _, context) {
      expect(context).toBe(CONTEXT);
      results.push({ result, frames });
    },
  });
  const receiver = new UdpReceiver(to.fd, arena);
  const words = parseEndpoint({ address: '127.0.0.1', port: boundPort(to.fd) });
  return {
    sender,
    results,
    exchange(frames, len) {
      results.length = 0;
      for (let i = 0; i < frames; i++) sender.commit(len, words, CONTEXT);
      sender.flush();
      let received = 0;
      for (let got = receiver.receive(); got >= 0; got = receiver.receive()) {
        received += Math.ceil(got / receiver.segmentLen);
      }
      return received;
    },
    close() {
      for (const { fd } of [from, to]) close(fd);
    },
  };
}

describeHosts('UdpSender on a path of MTU 1300', () => {
  const lab = new Lab();
  const host = lab.addHost('p');
  host.ip('link set lo mtu 1300');
  afterAll(() => lab.close());

  test('sends frames beyond the path one by one where they may be fragmented', async () => {
    await host.enter(() => {
      const loop = openLoop(true);
      expect(loop.exchange(10, 1_328)).toBe(10);
      expect(loop.results).toEqual(Array(10).fill({ result: SendResult.sent, frames: 1 }));
      // What fits is merged as before.
      expect(loop.exchange(10, 1_200)).toBe(10);
      expect(loop.results).toEqual([{ result: SendResult.sent, frames: 10 }]);
      loop.close();
    });
  });

  test('reports each frame beyond the path as too large where none may be fragmented', async () => {
    await host.enter(() => {
      const loop = openLoop(false);
      expect(loop.exchange(10, 1_328)).toBe(0);
      expect(loop.results).toEqual(Array(10).fill({ result: SendResult.tooLarge, frames: 1 }));
      expect(loop.exchange(1, 1_328)).toBe(0);
      expect(loop.results).toEqual([{ result: SendResult.tooLarge, frames: 1 }]);
      expect(loop.exchange(10, 1_272)).toBe(10);
      expect(loop.results).toEqual([{ result: SendResult.sent, frames: 10 }]);
      loop.close();
    });
  });
});
