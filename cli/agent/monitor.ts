/** Serves metrics and health as soon as the address to serve them at exists. */
import { type Monitor, type MonitorOptions, NO_ADDRESS, openMonitor } from '../http.ts';
import type { Logger } from '../logger.ts';

const RETRY_MS = 2_000;

/**
 * As `openMonitor`, but an address that the host lacks (a loopback interface that is down, an
 * address that comes later) is waited for: monitoring must not keep packets from flowing.
 *
 * @throws {CliError} when the port is in use.
 */
export async function openMonitorPatiently(
  options: MonitorOptions,
  log: Logger,
): Promise<Pick<Monitor, 'close'>> {
  try {
    return await openMonitor(options);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === NO_ADDRESS)) throw error;
    log.warn(`${error.message}; trying again every ${RETRY_MS / 1_000} s`);
    return retry(options, log);
  }
}

function retry(options: MonitorOptions, log: Logger): Pick<Monitor, 'close'> {
  let monitor: Monitor | null = null;
  const timer = setInterval(async () => {
    if (monitor !== null) return;
    try {
      monitor = await openMonitor(options);
      log.info({ host: options.host, port: options.port }, 'metrics are served');
      clearInterval(timer);
    } catch {
      // Still missing.
    }
  }, RETRY_MS);
  return {
    async close() {
      clearInterval(timer);
      await monitor?.close();
    },
  };
}
