/** The metrics of an agent and the port that serves them; not loaded where they are switched off. */
import { Metrics } from '../metrics.ts';
import { VERSION } from '../version.ts';
import type { AgentService } from './agent-service.ts';
import { openMonitorPatiently } from './monitor.ts';
import type { Network } from './network.ts';
import { readMetrics } from './readings.ts';
import type { UndoStack } from './undo-stack.ts';

/** Does nothing where the config says so. */
export async function openMonitoring(
  service: AgentService,
  network: Network,
  undo: UndoStack,
): Promise<void> {
  const { interface: own, metrics: listen } = service.config;
  if (listen === null) return;
  const metrics = new Metrics({
    interfaceName: own.name,
    vni: own.vni,
    version: VERSION,
    aead: network.pool.aead,
    carrier: network.control.carrier,
    startedAtMs: service.startedAtMs,
    snapshot: () => readMetrics(service, network),
  });
  network.observer.recordTo(metrics);
  const monitor = await openMonitorPatiently(
    {
      ...listen,
      metrics,
      health: () => network.fault,
      readiness: () => service.missing ?? network.fault,
    },
    service.log,
  );
  undo.push('the metrics port', () => monitor.close());
}
