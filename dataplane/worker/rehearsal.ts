/**
 * Runs packets of all kinds through a queue's code before the first real one comes.
 *
 * V8 interprets what is new to it and compiles what has run a thousand times. A tunnel that only
 * pings would be interpreted for minutes, at 80 µs a packet instead of 15. So the whole loop runs
 * for some tenths of a second, over sockets of its own on loopback: one peer to send to, another
 * that receives what the first was sent. An agent's networks may be of two kinds: each that it begins
 * with gets its share of the time.
 */
import { randomBytes } from 'node:crypto';
import type { Endpoint, PeerSpec, SaSpec } from '../contract.ts';
import type { Arena } from '../io/arena.ts';
import { close, read, SystemCallError, write } from '../io/libc.ts';
import { openSocketPair } from '../io/socket-pair.ts';
import { CounterBlock } from '../path/counters.ts';
import { Engine } from '../path/engine.ts';
import { boundPort, openUdpSocket } from '../port/udp-socket.ts';
import type { AeadProvider } from '../sa/aead.ts';
import { AF_INET } from '../wire/endpoint.ts';
import type { WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import type { Offload } from './offload-select.ts';
import { QueueLoop } from './queue-loop.ts';
import { ADDRESSES, CONTROL_PORT, rehearsalPackets } from './rehearsal-packets.ts';
import { exchangeFrames, type PortPair, put } from './rehearsal-switch.ts';
import { RoutedLink } from './routed-link.ts';

interface Pass extends Pick<PeerSpec, 'validateSource' | 'rxRateLimitPps'> {
  readonly spi: number;
}

/**
 * Once is not enough: what V8 took for constant with the first engine changes with the second.
 * And what it has never met makes it throw code away: half of all SPIs are no small integers.
 */
const PASSES: readonly Pass[] = [
  { spi: 0xc000_0001, validateSource: true, rxRateLimitPps: 1e9 },
  { spi: 0x4000_0001, validateSource: false, rxRateLimitPps: 0 },
  { spi: 0xc000_0001, validateSource: false, rxRateLimitPps: 0 },
];
/** Rounds of a pass after which V8 has compiled all of it, and when to stop in any case. */
const ROUNDS = 300;
const LIMIT_MS = 300;
const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
const VNI = 1;
/** The peer that is sent to, the one that the same frames come from, and one without keys. */
const SLOTS = { to: 1, from: 2, keyless: 3 } as const;
const READ_LEN = 66_000;
const NO_EVENTS = { onPathTooSmall() {}, onHousekeeping() {} };

/**
 * What is called must be the same as later, functions that belong to an instance too (those of
 * WebAssembly do): V8 throws code away that meets another.
 *
 * Leaves nothing behind: descriptors are closed, the arena is as it was. Where there is no
 * loopback interface it does nothing.
 *
 * @param limitMs Longest time to take: on a busy machine it ends half done.
 */
export function rehearse(
  setup: WorkerSetup,
  arena: Arena,
  aead: AeadProvider,
  offload: Offload,
  limitMs = LIMIT_MS,
): void {
  const startedAtMs = nowMs();
  const { packets, frames } = setup.carries;
  const kinds = [...(packets ? [false] : []), ...(frames ? [true] : [])];
  for (const [i, isEthernet] of kinds.entries()) {
    const untilMs = startedAtMs + (limitMs * (i + 1)) / kinds.length;
    for (const pass of PASSES) {
      try {
        perform(setup, { arena, aead, offload }, pass, isEthernet, untilMs);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
      }
    }
  }
}

interface Props {
  readonly arena: Arena;
  readonly aead: AeadProvider;
  readonly offload: Offload;
}

/** One pass with one kind of network. @throws {SystemCallError} */
function perform(setup: WorkerSetup, props: Props, pass: Pass, isEthernet: boolean, untilMs: number): void {
  const { arena, aead, offload } = props;
  const loopback = LOOPBACK[setup.socketFamily === AF_INET ? 4 : 6];
  const fds: number[] = [];
  const openPair = () => {
    const pair = openSocketPair();
    fds.push(...pair);
    return pair;
  };
  try {
    const [first, second] = [openPair(), openPair()];
    const udp = openUdpSocket({ listen: loopback, port: 0, joinPort: false, fragment: false });
    fds.push(udp.fd);
    const own = { ...setup, udpFd: udp.fd, sendFd: udp.fd, socketFamily: udp.family };
    const endpoint = { address: loopback, port: boundPort(udp.fd) };
    arena.borrow(() => {
      const engine = makeEngine(arena, aead, endpoint, pass, isEthernet);
      const loop = new QueueLoop(own, arena, engine, offload, NO_EVENTS);
      if (isEthernet) exchangeFrames(VNI, loop, SLOTS, [first, second], untilMs);
      else exchangePackets(loop, first, untilMs);
      engine.removeNetwork(VNI);
    });
  } finally {
    for (const fd of fds) close(fd);
  }
}

function exchangePackets(loop: QueueLoop, [tunFd, outerFd]: PortPair, untilMs: number): void {
  const { arena } = loop.parts;
  const link = new RoutedLink(VNI, loop.parts);
  loop.addLink(link);
  loop.addSource(link.attachTun(tunFd, () => {}));
  const packets = rehearsalPackets().map((packet) => put(arena, packet));
  const outAddress = arena.base + arena.take(READ_LEN);
  for (let round = 0; round < ROUNDS && nowMs() < untilMs; round++) {
    for (const { address, len } of packets) {
      write(outerFd, address, len);
      // Out through the socket, in again.
      loop.turn(0);
      loop.turn(0);
      while (read(outerFd, outAddress, READ_LEN) > 0);
    }
    loop.sendKeepalive(SLOTS.to, nowMs());
  }
}

function makeEngine(
  memory: Arena,
  aead: AeadProvider,
  endpoint: Endpoint,
  pass: Pass,
  isEthernet: boolean,
): Engine {
  const capacity = SLOTS.keyless + 1;
  const counters = new CounterBlock(CounterBlock.allocate(capacity), capacity);
  const engine = new Engine({
    memory,
    aead,
    counters,
    flowHashKey: randomBytes(16),
    controlPort: CONTROL_PORT,
  });
  engine.addNetwork(VNI, isEthernet);
  for (const side of ['to', 'from', 'keyless'] as const) engine.setPeer(peerSpec(side, endpoint, pass));
  const key = randomBytes(16);
  engine.installRx(saSpec(SLOTS.from, pass.spi, key), nowMs());
  engine.installTx(saSpec(SLOTS.to, pass.spi, key), nowMs());
  key.fill(0);
  return engine;
}

function peerSpec(side: keyof typeof SLOTS, endpoint: Endpoint, pass: Pass): PeerSpec {
  const { rxRateLimitPps, validateSource } = pass;
  return {
    slot: SLOTS[side],
    vni: VNI,
    routes: [
      { dst: ADDRESSES[4][side], src: '0.0.0.0/0' },
      { dst: ADDRESSES[6][side], src: '::/0' },
    ],
    endpoint,
    rxRateLimitPps,
    validateSource,
    exit: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    controlPort: CONTROL_PORT,
  };
}

function saSpec(slot: number, spi: number, key: Uint8Array): SaSpec {
  return { slot, vni: VNI, lane: 0, spi, suite: 0, key: Uint8Array.from(key), lifetimeMs: 60_000 };
}
