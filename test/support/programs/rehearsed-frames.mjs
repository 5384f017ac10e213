// Rehearses, then runs frames of a new queue's Ethernet network; meanwhile V8 prints which code it throws away.
// Usage: node rehearsed-frames.mjs DIST ROUNDS SPI CARRIES, the last being what is rehearsed, in JSON
import { randomBytes } from 'node:crypto';
import v8 from 'node:v8';

const [, , dist, rounds, spi, carries] = process.argv;
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
const { QueueNetworks } = await load('worker/queue-networks');
const { rehearse } = await load('worker/rehearsal');
const { MAC_HIGH, rehearsalFrames, STATIONS } = await load('worker/rehearsal-frames');
const { writeAddress } = await load('wire/ethernet');

const VNI = 77;
const PEER_SLOTS = 4;
const OUT_LEN = 66_000;

const arena = new Arena(2 << 20, true);
const { provider } = selectAead(arena, arena.base);
const offload = selectOffload(arena, { tcp: true, udp: true });
const [tapFd, outerFd] = openSocketPair();
const udp = openUdpSocket({ listen: '127.0.0.1', port: 0, joinPort: false, fragment: false });
const setup = {
  queue: 0,
  udpFd: udp.fd,
  sendFd: udp.fd,
  socketFamily: udp.family,
  offloads: { tcp: true, udp: true },
  wakeFd: -1,
  controlPort: 6_082,
  counters: CounterBlock.allocate(PEER_SLOTS),
  peerSlots: PEER_SLOTS,
  flowHashKey: randomBytes(16),
  carries: JSON.parse(carries),
};
// However busy the machine is.
rehearse(setup, arena, provider, offload, 30_000);

const counters = new CounterBlock(setup.counters, PEER_SLOTS);
const engine = new Engine({
  memory: arena,
  aead: provider,
  counters,
  flowHashKey: setup.flowHashKey,
  controlPort: 6_082,
  onEndpoint() {},
});
const loop = new QueueLoop(setup, arena, engine, offload, { onPathTooSmall() {}, onHousekeeping() {} });
const networks = new QueueNetworks(engine, loop, PEER_SLOTS, () => {});
networks.add({
  vni: VNI,
  switch: {
    seed: 0x9abcdef0,
    ageingMs: 300_000,
    maxStations: 1_000,
    maxStationsPerPort: 100,
    snooping: true,
    suppress: true,
  },
});
for (const slot of [1, 2]) {
  const peer = {
    slot,
    vni: VNI,
    routes: [],
    endpoint: { address: '127.0.0.1', port: boundPort(udp.fd) },
    rxRateLimitPps: 0,
    validateSource: false,
    keepaliveMs: 0,
    mtuBytes: 1_400,
    controlPort: 6_082,
  };
  engine.setPeer(peer);
  networks.setPeer(peer);
}
const key = randomBytes(16);
const sa = { vni: VNI, lane: 0, spi: Number(spi), suite: 0, lifetimeMs: 3_600_000 };
engine.installRx({ ...sa, slot: 2, key: Uint8Array.from(key) }, nowMs());
engine.installTx({ ...sa, slot: 1, key: Uint8Array.from(key) }, nowMs());
networks.addPort(VNI, { kind: 'tap', id: PEER_SLOTS, maxStations: null, tap: { fd: tapFd } });
const { fdb } = networks.switched(VNI).switch;
const frames = rehearsalFrames().map((bytes) => {
  const at = arena.take(bytes.length);
  arena.bytes.set(bytes, at);
  return { address: arena.base + at, len: bytes.length };
});
const outAddress = arena.base + arena.take(OUT_LEN);
const macAt = arena.take(8);
writeAddress(arena.view, macAt, MAC_HIGH, STATIONS.to);
v8.setFlagsFromString('--trace-deopt');
// Also of code that is only marked: it is gone when it is called next.
v8.setFlagsFromString('--trace-deopt-verbose');

for (let round = 0; round < Number(rounds); round++) {
  for (const { address, len } of frames) {
    fdb.flush();
    fdb.learn(arena.view, macAt, 1, nowMs());
    write(outerFd, address, len);
    loop.turn(0);
    fdb.flush();
    fdb.learn(arena.view, macAt, PEER_SLOTS, nowMs());
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
