/** The metrics of an agent and the port that serves them; not loaded where they are switched off. */
import type { Attachments } from '../containers/attachments.ts';
import { Metrics } from '../metrics.ts';
import { VERSION } from '../version.ts';
import type { AgentService } from './agent-service.ts';
import { openMonitorPatiently } from './monitor.ts';
import type { Overlay } from './overlay.ts';
import { readMetrics } from './readings.ts';
import type { UndoStack } from './undo-stack.ts';

/** Does nothing where the config says so. */
export async function openMonitoring(
  service: AgentService,
  overlay: Overlay,
  attachments: Attachments,
  undo: UndoStack,
): Promise<void> {
  const { interface: own, metrics: listen, networks } = service.config;
  if (listen === null) return;
  const [only] = networks.length === 1 ? networks : [];
  const metrics = new Metrics({
    interfaceName: only?.name ?? own.name,
    vni: only?.vni ?? null,
    version: VERSION,
    aead: overlay.pool.aead,
    carrier: overlay.control.carrier,
    startedAtMs: service.startedAtMs,
    snapshot: () => readMetrics(overlay, attachments.counts()),
  });
  overlay.observer.recordTo(metrics);
  const monitor = await openMonitorPatiently(
    {
      ...listen,
      metrics,
      health: () => overlay.fault,
      readiness: () => service.missing ?? overlay.fault,
    },
    service.log,
  );
  undo.push('the metrics port', () => monitor.close());
}
