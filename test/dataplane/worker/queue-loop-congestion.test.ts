/** A queue that never empties tells the senders of bulk flows, and nobody else. */
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, sendto, setsockopt, write } from '../../../dataplane/io/libc.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { Engine } from '../../../dataplane/path/engine.ts';
import { boundPort, openUdpSocket } from '../../../dataplane/port/udp-socket.ts';
import { AF_INET, SOCKADDR_IN_LEN } from '../../../dataplane/wire/endpoint.ts';
import { selectAead } from '../../../dataplane/worker/aead-select.ts';
import type { WorkerSetup } from '../../../dataplane/worker/messages.ts';
import { nowMs } from '../../../dataplane/worker/now.ts';
import { selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { QueueLoop } from '../../../dataplane/worker/queue-loop.ts';
import { RoutedLink } from '../../../dataplane/worker/routed-link.ts';
import { INTERVAL_MS } from '../../../dataplane/worker/standing-queue.ts';
import { asSuper } from '../../support/super-packets.ts';
import { pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';
import { peerSpec, saSpec, VNI } from '../path/host.ts';

const SLOT = 1;
const FLOW = { src: '10.77.0.1', dst: '10.77.0.2', payload: pattern(40_000) };
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_SNDBUF = 7;

const fds: number[] = [];
afterEach(() => {
  for (const fd of fds.splice(0)) closeFd(fd);
});

/** A loop whose interface is a socket, and whose frames go to one that nobody reads. */
function makeLoop() {
  const arena = new Arena(2 << 20);
  const counters = new CounterBlock(CounterBlock.allocate(2), 2);
  const { provider } = selectAead(arena, arena.base);
  const engine = new Engine({
    memory: arena,
    aead: provider,
    counters,
    flowHashKey: new Uint8Array(16),
    controlPort: 0,
  });
  const [tunFd, outerFd] = openSocketPair();
  const options = { listen: '127.0.0.1', port: 0, joinPort: false, fragment: false };
  const [own, peer] = [openUdpSocket(options), openUdpSocket(options)];
  fds.push(tunFd, outerFd, own.fd, peer.fd);
  const size = Buffer.alloc(128);
  size.writeInt32LE(4 << 20);
  for (const option of [SO_SNDBUF, SO_SNDBUFFORCE])
    setsockopt(outerFd, SOL_SOCKET, option, addressOf(size), 4);
  engine.addNetwork(VNI);
  engine.setPeer(peerSpec({ endpoint: { address: '127.0.0.1', port: boundPort(peer.fd) } }));
  engine.installTx(saSpec(), nowMs());
  const offloads = { tcp: true, udp: true };
  const setup = {
    queue: 0,
    udpFd: own.fd,
    sendFd: own.fd,
    socketFamily: own.family,
    wakeFd: -1,
    offloads,
  };
  const events = { onPathTooSmall() {}, onHousekeeping() {} };
  const offload = selectOffload(arena, offloads);
  const loop = new QueueLoop(setup as unknown as WorkerSetup, arena, engine, offload, events);
  const link = new RoutedLink(VNI, loop.parts);
  loop.addLink(link);
  loop.addSource(link.attachTun(tunFd, () => {}));
  return { loop, outerFd, counters, ownPort: boundPort(own.fd), peerFd: peer.fd };
}

function totalsOf(counters: CounterBlock) {
  const totals = CounterBlock.sum([counters], SLOT);
  return { ...totals, congestion: totals.drops.get(DropCode.txCongestion) ?? 0 };
}

/** Packets that fill a turn: it ends before it finds the queue empty. */
const FULL_TURN = 4;

/** Sends what fills a turn again and again, each time followed by a turn for a datagram alone. */
function runInBursts(packet: Uint8Array) {
  const { loop, outerFd, counters, ownPort, peerFd } = makeLoop();
  const address = Buffer.alloc(128);
  address.writeUInt16LE(AF_INET);
  address.writeUInt16BE(ownPort, 2);
  address.writeUInt32BE(0x7f000001, 4);
  const bytes = new Uint8Array(131_072);
  bytes.set(packet);
  for (const untilMs = nowMs() + 4 * INTERVAL_MS; nowMs() < untilMs; ) {
    for (let i = 0; i < FULL_TURN; i++) write(outerFd, addressOf(bytes), packet.length);
    loop.turn(0);
    sendto(peerFd, addressOf(bytes), 1, 0, addressOf(address), SOCKADDR_IN_LEN);
    loop.turn(0);
  }
  return totalsOf(counters);
}

/** Sends for some intervals. @param isStanding Whether the queue holds more than a turn takes. */
function run(packet: Uint8Array, isStanding: boolean) {
  const { loop, outerFd, counters } = makeLoop();
  const bytes = new Uint8Array(131_072);
  bytes.set(packet);
  // Seen empty once, behind the first.
  write(outerFd, addressOf(bytes), packet.length);
  loop.turn(0);
  for (const untilMs = nowMs() + 4 * INTERVAL_MS; nowMs() < untilMs; ) {
    for (let i = 0; i < (isStanding ? 20 : 1); i++) write(outerFd, addressOf(bytes), packet.length);
    loop.turn(0);
  }
  return totalsOf(counters);
}

describe('QueueLoop', () => {
  test('drops single packets of bulk flows once its queue stands', () => {
    const { congestion, txReceived, txPackets } = run(asSuper(tcpPacket(FLOW), 1_000), true);
    expect(congestion).toBeGreaterThanOrEqual(2);
    expect(congestion).toBeLessThan(30);
    expect(txReceived).toBe(txPackets + congestion);
  });

  test.each([
    ['of a queue that empties', asSuper(tcpPacket(FLOW), 1_000), false],
    ['whose sender takes marks', asSuper(tcpPacket({ ...FLOW, tos: 2 }), 1_000), true],
    ['of UDP', asSuper(udpPacket(FLOW), 1_000), true],
    ['that stand alone', asSuper(tcpPacket({ ...FLOW, payload: pattern(1_000) }), 0), true],
  ])('drops no packets %s', (_, packet, isStanding) => {
    const { congestion, txPackets } = run(packet, isStanding);
    expect(congestion).toBe(0);
    expect(txPackets).toBeGreaterThan(100);
  });

  test('drops no packets where poll(2) finds the queue empty between full turns', () => {
    const { congestion, txPackets } = runInBursts(asSuper(tcpPacket(FLOW), 1_000));
    expect(congestion).toBe(0);
    expect(txPackets).toBeGreaterThan(1_000);
  });
});
