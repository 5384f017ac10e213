/** The containers of a running agent: takes over those of the agent before, and lets go of them at the end. */
import { join } from 'node:path';
import { Attachments } from '../containers/attachments.ts';
import { RecordStore } from '../containers/record.ts';
import { RUN_DIR } from '../run-dir.ts';
import type { AgentService } from './agent-service.ts';
import { containerNetworks } from './container-networks.ts';
import type { Overlay } from './overlay.ts';
import type { UndoStack } from './undo-stack.ts';

export async function openContainers(
  service: AgentService,
  overlay: Overlay,
  undo: UndoStack,
): Promise<Attachments> {
  const { log, config } = service;
  const { name } = config.interface;
  const attachments = new Attachments({
    agent: name,
    store: new RecordStore(join(RUN_DIR, `${name}.attachments`)),
    networks: () => containerNetworks(overlay),
    fault: () => overlay.fault,
    onEnd: (operation, ok, durationMs) => overlay.observer.attachmentEnded(operation, ok, durationMs),
    log,
  });
  await attachments.start();
  undo.push('what is done for containers', () => attachments.close());
  return attachments;
}
