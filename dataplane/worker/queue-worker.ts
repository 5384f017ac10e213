/**
 * Entry of a queue's thread: builds the engine and its ports, then runs the loop until told
 * to stop. Nothing here returns to the event loop in between.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena } from '../io/arena.ts';
import { CounterBlock } from '../path/counters.ts';
import { Engine } from '../path/engine.ts';
import { selectAead } from './aead-select.ts';
import { applyCommand } from './commands.ts';
import type { WorkerReport, WorkerRequest, WorkerSetup } from './messages.ts';
import { nowMs } from './now.ts';
import { selectOffload } from './offload-select.ts';
import { QueueLoop } from './queue-loop.ts';

/** Read, batch and send buffers, message headers and scratch; measured need is 420 KiB. */
const ARENA_LEN = 1 << 20;

function run(setup: WorkerSetup, report: (message: WorkerReport) => void): void {
  const arena = new Arena(ARENA_LEN);
  const { provider, warning } = selectAead(arena, arena.base);
  const engine = new Engine({
    memory: arena,
    aead: provider,
    counters: new CounterBlock(setup.counters, setup.peerSlots),
    flowHashKey: setup.flowHashKey,
    controlPort: setup.controlPort,
    onEndpoint: (peer) => report({ kind: 'endpoint', slot: peer.slot, words: peer.endpointWords.slice() }),
  });
  engine.addNetwork(setup.vni);
  const offload = selectOffload(arena, setup.offloads);
  const loop = new QueueLoop(setup, arena, engine, offload, (slot) => report({ kind: 'pathTooSmall', slot }));
  const warnings = [warning, offload.fallbackReason].filter((text) => text != null);
  report({
    kind: 'ready',
    aead: provider.name,
    offloadCode: offload.segmenter.name,
    warning: warnings.length === 0 ? null : warnings.join('; '),
  });
  loop.run(() => takeMessages(engine, loop, report));
  for (const peer of [...engine.peers()]) engine.removePeer(peer.slot);
  report({ kind: 'stopped' });
}

/** @returns Whether to go on. */
function takeMessages(engine: Engine, loop: QueueLoop, report: (message: WorkerReport) => void): boolean {
  for (let received = nextMessage(); received; received = nextMessage()) {
    const { id, command } = received.message as WorkerRequest;
    if (command.kind === 'stop') return false;
    try {
      report({ kind: 'done', id, result: applyCommand(command, engine, loop, nowMs()) });
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
