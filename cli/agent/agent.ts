/**
 * `icx up`: builds both planes and what they need on the host, and takes all of it down again.
 *
 * Whatever is made is put on an undo stack the moment it exists, so that a start that fails
 * half-way and an agent that ends leave the same behind: nothing.
 */
import { once } from 'node:events';
import { wipeIdentity } from '../../controlplane/identity.ts';
import { notifyServiceManager } from '../../dataplane/io/notify-socket.ts';
import { openAdminSocket } from '../admin-socket.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { Config } from '../config/types.ts';
import { runHooks } from '../host/hooks.ts';
import type { Logger } from '../logger.ts';
import { VERSION } from '../version.ts';
import { AgentService, type End } from './agent-service.ts';
import { openContainers } from './containers.ts';
import { Overlay } from './overlay.ts';
import { UndoStack } from './undo-stack.ts';

export interface RunOptions {
  readonly log: Logger;
  /** Absolute path, read again by reload. */
  readonly configFile: string;
  /** What the config becomes whenever it is read again. */
  adapt(config: Config): Config;
}

/** Longest time an orderly end may take before the process goes anyway. */
const STOP_MS = 1_800;
/** What pre_down has of it, and post_down again. */
const DOWN_HOOKS_MS = 600;

/**
 * Runs until SIGTERM, SIGINT or `icx down`, then resolves with everything removed. A start that is
 * interrupted ends the same way.
 *
 * @throws {Error} with a stable `code` when it can't start or go on; nothing is left then.
 */
export async function runAgent(config: Config, options: RunOptions): Promise<void> {
  const { log, configFile, adapt } = options;
  const undo = new UndoStack();
  const { ended, end } = endSignal(log);
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
    await start(new AgentService(config, configFile, log, end, adapt), undo, ended);
    log.info({ version: VERSION, pid: process.pid }, 'up');
    if (!ended.aborted) await once(ended, 'abort');
  } catch (error) {
    // What a start that is interrupted trips over is of no interest.
    if (!ended.aborted) throw error;
  } finally {
    await unwind();
  }
  log.info('down');
  if (ended.reason instanceof CliError) throw ended.reason;
}

/** @param ended Makes it throw at the next step. */
async function start(service: AgentService, undo: UndoStack, ended: AbortSignal): Promise<void> {
  const { config, log } = service;
  const { interface: own } = config;
  undo.push('keys in memory', () => wipeIdentity(service.identity));
  process.on('SIGHUP', () => service.hangUp());
  const admin = await openAdminSocket({
    info: { interface: own.name, pid: process.pid, version: VERSION },
    api: service,
  });
  undo.push('the admin socket', () => admin.close());
  process.once('exit', () => admin.removeSync());
  undo.push('post_down commands', () => runDownHooks('post_down', service));
  await runHooks('pre_up', own.preUp, own.name, log, { interrupt: ended });
  ended.throwIfAborted();
  // Loaded before the first handshake, which it counts.
  const monitoring = service.config.metrics === null ? null : await import('./monitoring.ts');
  const overlay = await Overlay.open(service, undo);
  const attachments = await openContainers(service, overlay, undo);
  await monitoring?.openMonitoring(service, overlay, attachments, undo);
  ended.throwIfAborted();
  undo.push('pre_down commands', () => runDownHooks('pre_down', service));
  await runHooks('post_up', own.postUp, own.name, log, { interrupt: ended });
  ended.throwIfAborted();
  service.ready(overlay, attachments);
  notify(`READY=1\nSTATUS=${own.name} is up`, log);
}

/** With a limit, so that a hook that hangs does not keep the interface. */
function runDownHooks(stage: 'pre_down' | 'post_down', { config, log }: AgentService): Promise<void> {
  const { name, preDown, postDown } = config.interface;
  const interrupt = AbortSignal.timeout(DOWN_HOOKS_MS);
  return runHooks(stage, stage === 'pre_down' ? preDown : postDown, name, log, { interrupt });
}

/**
 * What ends the agent, from now on and for good: a second Ctrl-C must not cut the first one short.
 *
 * However it stands then, the process is gone after {@link STOP_MS}; exit handlers take back what
 * would outlive it.
 */
function endSignal(log: Logger): { ended: AbortSignal; end: End } {
  const controller = new AbortController();
  const end: End = (reason, fault) => {
    if (controller.signal.aborted) return;
    log.info({ reason }, 'going down');
    setTimeout(() => process.exit(fault?.exit ?? Exit.done), STOP_MS).unref();
    notify('STOPPING=1', log);
    controller.abort(fault);
  };
  process.on('SIGTERM', () => end('SIGTERM')).on('SIGINT', () => end('SIGINT'));
  return { ended: controller.signal, end };
}

/** Tells systemd, if it asked to be told; packets flow whether it hears or not. @see sd_notify(3) */
function notify(state: string, log: Logger): void {
  const path = process.env.NOTIFY_SOCKET;
  if (path === undefined || path === '') return;
  try {
    notifyServiceManager(path, state);
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'the service manager was not told');
  }
}
