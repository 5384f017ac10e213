// Rehearses, then runs a new queue's packets; meanwhile V8 prints which code it throws away.
// Usage: node rehearsed.mjs DIST ROUNDS LISTEN SPI PEER CARRIES: settings of a peer, and what is rehearsed, in JSON
import { randomBytes } from 'node:crypto';
import v8 from 'node:v8';

const [, , dist, rounds, listen, spi, peer, carries] = process.argv;
const load = (path) => import(`${dist}/dataplane/${path}.js`);
const { Arena } = await load('io/arena');
const { read, write } = await load('io/libc');
const { openSocketPair } = await load('io/socket-pair');
const { CounterBlock } = await load('path/counters');
const { Engine } = await load('path/engine');
const { boundPort, openUdpSocket } = await load('port/udp-socket');
const { selectAead } = await load('worker/aead-select');
const { nowMs } = await load('worker/now');
const { selectOffload } = await load('worker/offload-select');
const { QueueLoop } = await load('worker/queue-loop');
const { rehearse } = await load('worker/rehearsal');
const { ADDRESSES, CONTROL_PORT, rehearsalPackets } = await load('worker/rehearsal-packets');
const { RoutedLink } = await load('worker/routed-link');

const VNI = 77;
const PEER_SLOTS = 4;
const OUT_LEN = 66_000;

// Sockets and arena as in a queue's worker, a socket pair for the TUN queue.
const arena = new Arena(2 << 20, true);
const { provider } = selectAead(arena, arena.base);
const offload = selectOffload(arena, { tcp: true, udp: true });
const [tunFd, outerFd] = openSocketPair();
const udp = openUdpSocket({ listen, port: 0, joinPort: false, fragment: false });
const setup = {
  queue: 0,
  udpFd: udp.fd,
  sendFd: udp.fd,
  socketFamily: udp.family,
  offloads: { tcp: true, udp: true },
  wakeFd: -1,
  vni: VNI,
  controlPort: CONTROL_PORT,
  counters: CounterBlock.allocate(PEER_SLOTS),
  peerSlots: PEER_SLOTS,
  flowHashKey: randomBytes(16),
  carries: JSON.parse(carries),
};
// However busy the machine is.
rehearse(setup, arena, provider, offload, 20_000);
v8.setFlagsFromString('--trace-deopt');
// Also of code that is only marked: it is gone when it is called next.
v8.setFlagsFromString('--trace-deopt-verbose');

const counters = new CounterBlock(setup.counters, PEER_SLOTS);
const engine = new Engine({
  memory: arena,
  aead: provider,
  counters,
  flowHashKey: setup.flowHashKey,
  controlPort: CONTROL_PORT,
  onEndpoint() {},
});
engine.addNetwork(VNI);
['to', 'from'].forEach((side, i) => {
  engine.setPeer({
    slot: i + 1,
    vni: VNI,
    routes: [
      { dst: ADDRESSES[4][side], src: '0.0.0.0/0' },
      { dst: ADDRESSES[6][side], src: '::/0' },
    ],
    endpoint: { address: listen, port: boundPort(udp.fd) },
    rxRateLimitPps: 0,
    validateSource: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    controlPort: CONTROL_PORT,
    ...JSON.parse(peer),
  });
});
const key = randomBytes(16);
const sa = { vni: VNI, lane: 0, spi: Number(spi), suite: 0, lifetimeMs: 3_600_000 };
engine.installRx({ ...sa, slot: 2, key: Uint8Array.from(key) }, nowMs());
engine.installTx({ ...sa, slot: 1, key: Uint8Array.from(key) }, nowMs());
const loop = new QueueLoop(setup, arena, engine, offload, {
  onPathTooSmall() {},
  onHousekeeping() {},
});
const link = new RoutedLink(VNI, loop.parts);
loop.addLink(link);
loop.addSource(link.attachTun(tunFd, () => {}));
const packets = rehearsalPackets().map((bytes) => {
  const at = arena.take(bytes.length);
  arena.bytes.set(bytes, at);
  return { address: arena.base + at, len: bytes.length };
});
const outAddress = arena.base + arena.take(OUT_LEN);

for (let round = 0; round < Number(rounds); round++) {
  for (const { address, len } of packets) {
    write(outerFd, address, len);
    loop.turn(0);
    loop.turn(0);
    while (read(outerFd, outAddress, OUT_LEN) > 0);
  }
}

// One that is thrown away for certain: so that who reads sees whether V8 tells at all.
function canary(a, b) {
  return a + b;
}
v8.setFlagsFromString('--allow-natives-syntax');
const compile = new Function(
  'f',
  '%PrepareFunctionForOptimization(f); f(1, 2); %OptimizeFunctionOnNextCall(f); f(1, 2);',
);
compile(canary);
canary('a', {});
const { rxPackets } = CounterBlock.sumAll([counters]);
process.stdout.write(`\ndelivered ${rxPackets}\n`);
process.exit(0);
