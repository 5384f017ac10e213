/**
 * Entry of a queue's thread: builds the engine and its ports, then runs the loop until told
 * to stop. Nothing here returns to the event loop in between.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena } from '../io/arena.ts';
import { CounterBlock } from '../path/counters.ts';
import { Engine } from '../path/engine.ts';
import { selectAead } from './aead-select.ts';
import { Commands } from './commands.ts';
import { EndpointReports } from './endpoint-reports.ts';
import type { WorkerReport, WorkerRequest, WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import { selectOffload } from './offload-select.ts';
import { QueueLoop } from './queue-loop.ts';
import { QueueNetworks } from './queue-networks.ts';
import { rehearse } from './rehearsal.ts';

/** Read, batch and send buffers, message headers and scratch; measured need is 1,968 KiB with the rehearsal. */
const ARENA_LEN = 2 << 20;

function run(setup: WorkerSetup, report: (message: WorkerReport) => void): void {
  const arena = new Arena(ARENA_LEN, true);
  const { provider, warning } = selectAead(arena, arena.base);
  const offload = selectOffload(arena, setup.offloads);
  rehearse(setup, arena, provider, offload);
  const endpoints = new EndpointReports((slot) => {
    const peer = engine.peer(slot);
    if (peer?.hasEndpoint) report({ kind: 'endpoint', slot, words: peer.endpointWords.slice() });
  });
  const engine = new Engine({
    memory: arena,
    aead: provider,
    counters: new CounterBlock(setup.counters, setup.peerSlots),
    flowHashKey: setup.flowHashKey,
    controlPort: setup.controlPort,
    onEndpoint: ({ slot }) => endpoints.moved(slot, nowMs()),
  });
  const loop = new QueueLoop(setup, arena, engine, offload, {
    onPathTooSmall: (slot) => report({ kind: 'pathTooSmall', slot }),
    onHousekeeping: (now) => endpoints.due(now),
  });
  const warnings = [warning, offload.fallbackReason].filter((text) => text != null);
  report({
    kind: 'ready',
    aead: provider.name,
    offloadCode: offload.segmenter.name,
    warning: warnings.length === 0 ? null : warnings.join('; '),
  });
  const networks = new QueueNetworks(engine, loop, setup.peerSlots, (vni, id) =>
    report({ kind: 'portLost', vni, id }),
  );
  const commands = new Commands(engine, loop, networks);
  loop.run(() => takeMessages(commands, report));
  for (const peer of [...engine.peers()]) engine.removePeer(peer.slot);
  arena.close();
  report({ kind: 'stopped' });
}

/** @returns Whether to go on. */
function takeMessages(commands: Commands, report: (message: WorkerReport) => void): boolean {
  for (let received = nextMessage(); received; received = nextMessage()) {
    const { id, command } = received.message as WorkerRequest;
    if (command.kind === 'stop') return false;
    try {
      report({ kind: 'done', id, result: commands.apply(command, nowMs()) });
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      report({ kind: 'refused', id, code: code ?? 'ERR_ICX_DATAPLANE', message });
    }
  }
  return true;
}

function nextMessage(): { message: unknown } | undefined {
  return parentPort === null ? undefined : receiveMessageOnPort(parentPort);
}

if (parentPort !== null) {
  const port = parentPort;
  run(workerData as WorkerSetup, (message) => port.postMessage(message));
}
