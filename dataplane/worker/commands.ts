/** Applies what the main thread asks to a worker's engine, between two batches. */
import type { Engine } from '../path/engine.ts';
import type { WorkerCommand, WorkerProgress } from './messages.ts';
import type { QueueLoop } from './queue-loop.ts';

/**
 * @returns The answer of a query, null for a change.
 * @throws {Error} with a stable `code` when the engine's guards refuse; nothing changed then.
 */
export function applyCommand(
  command: WorkerCommand,
  engine: Engine,
  loop: QueueLoop,
  nowMs: number,
): WorkerProgress | null {
  switch (command.kind) {
    case 'setPeers':
      for (const peer of command.peers) engine.setPeer(peer);
      return null;
    case 'removePeer':
      engine.removePeer(command.slot);
      return null;
    case 'learnEndpoint':
      learnEndpoint(engine, command.slot, command.words);
      return null;
    case 'installRx':
      for (const sa of command.sas) engine.installRx(sa, nowMs);
      return null;
    case 'installTx':
      for (const sa of command.sas) engine.installTx(sa, nowMs);
      return null;
    case 'retireRx':
      for (const spi of command.spis) engine.retireRx(spi, command.graceMs, nowMs);
      return null;
    case 'removeRx':
      for (const spi of command.spis) engine.removeRx(spi);
      return null;
    case 'removeTx':
      engine.removeTx(command.slot);
      return null;
    case 'sendKeepalive':
      loop.sendKeepalive(command.slot, nowMs);
      return null;
    case 'progress':
      return progressOf(engine, command.slot);
    case 'stop':
      throw new TypeError('stop is handled by the loop');
  }
}

/** Another queue learned where the peer is. */
function learnEndpoint(engine: Engine, slot: number, words: Uint32Array): void {
  const peer = engine.peer(slot);
  if (peer === undefined) return;
  peer.endpointWords.set(words);
  peer.hasEndpoint = true;
}

function progressOf(engine: Engine, slot: number): WorkerProgress {
  const peer = engine.peer(slot);
  return {
    endpointWords: peer?.hasEndpoint ? peer.endpointWords.slice() : null,
    rx: engine.rxProgress(slot),
    tx: engine.txProgress(slot),
  };
}
