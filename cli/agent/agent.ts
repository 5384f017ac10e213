/**
 * `icx up`: builds both planes and what they need on the host, and takes all of it down again.
 *
 * Whatever is made is put on an undo stack the moment it exists, so that a start that fails
 * half-way and an agent that ends leave the same behind: nothing.
 */
import { wipeIdentity } from '../../controlplane/identity.ts';
import { notifyServiceManager } from '../../dataplane/io/notify-socket.ts';
import { openAdminSocket } from '../admin-socket.ts';
import type { Config } from '../config/types.ts';
import { runHooks } from '../host/hooks.ts';
import type { Logger } from '../logger.ts';
import { Metrics } from '../metrics.ts';
import { VERSION } from '../version.ts';
import { AgentService } from './agent-service.ts';
import { openMonitorPatiently } from './monitor.ts';
import { Network } from './network.ts';
import { readMetrics } from './readings.ts';
import { UndoStack } from './undo-stack.ts';

export interface RunOptions {
  readonly log: Logger;
  /** Absolute path, read again by reload. */
  readonly configFile: string;
}

/** Longest time an orderly end may take before the process goes anyway. */
const STOP_MS = 1_800;

/**
 * Runs until SIGTERM, SIGINT or `icx down`, then resolves with everything removed.
 *
 * @throws {Error} with a stable `code` when it can't start; nothing is left then.
 */
export async function runAgent(config: Config, { log, configFile }: RunOptions): Promise<void> {
  const undo = new UndoStack();
  const { ended, end } = endSignal();
  const unwind = (): Promise<void> =>
    undo.unwind((what, error) => log.error({ err: error }, `cannot remove ${what}`));
  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'internal error; the agent ends');
    const leave = (): never => process.exit(1);
    setTimeout(leave, STOP_MS).unref();
    unwind().then(leave, leave);
  };
  process.once('uncaughtException', crash).once('unhandledRejection', crash);
  try {
    await start(config, log, configFile, undo, end);
    log.info({ version: VERSION, pid: process.pid }, 'up');
    log.info({ reason: await ended }, 'going down');
    notify('STOPPING=1');
    setTimeout(() => process.exit(0), STOP_MS).unref();
  } finally {
    await unwind();
  }
  log.info('down');
}

async function start(
  config: Config,
  log: Logger,
  configFile: string,
  undo: UndoStack,
  end: (reason: string) => void,
): Promise<void> {
  const { interface: own } = config;
  const service = new AgentService(config, configFile, log, end);
  undo.push('keys in memory', () => wipeIdentity(service.identity));
  const admin = await openAdminSocket({
    info: { interface: own.name, pid: process.pid, version: VERSION },
    api: service,
  });
  undo.push('the admin socket', () => admin.close());
  process.once('exit', () => admin.removeSync());
  undo.push('post_down commands', () =>
    runHooks('post_down', service.config.interface.postDown, own.name, log),
  );
  await runHooks('pre_up', own.preUp, own.name, log);
  const network = await Network.open(service, undo);
  await openMetrics(service, network, undo);
  await runHooks('post_up', own.postUp, own.name, log);
  undo.push('pre_down commands', () => runHooks('pre_down', service.config.interface.preDown, own.name, log));
  service.ready(network);
  notify(`READY=1\nSTATUS=${own.name} is up`);
}

async function openMetrics(service: AgentService, network: Network, undo: UndoStack): Promise<void> {
  const { interface: own, metrics: listen } = service.config;
  const metrics = new Metrics({
    interfaceName: own.name,
    vni: own.vni,
    version: VERSION,
    aead: network.pool.aead,
    carrier: network.control.carrier,
    startedAtMs: service.startedAtMs,
    snapshot: () => readMetrics(network),
  });
  network.observer.recordTo(metrics);
  if (listen === null) return;
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

/** Resolves `ended` with the first reason to end. */
function endSignal(): { ended: Promise<string>; end: (reason: string) => void } {
  let end: (reason: string) => void = () => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  process.once('SIGTERM', () => end('SIGTERM')).once('SIGINT', () => end('SIGINT'));
  return { ended, end };
}

/** Tells systemd, if it asked to be told. @see sd_notify(3) */
function notify(state: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (path !== undefined && path !== '') notifyServiceManager(path, state);
}
