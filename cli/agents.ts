/** Finds the running agent that a command means. */
import { AdminClient, listAgents } from './admin-client.ts';
import { AdminCode, AdminError } from './admin-error.ts';
import { checkedName } from './checked-name.ts';
import { CliError, Exit } from './cli-error.ts';
import { orAsRoot } from './run-dir.ts';

/** Client of the agent of that name, whether it runs or not. @throws {CliError} */
export function namedAgent(name: string, runDir: string): AdminClient {
  return new AdminClient(checkedName(name), runDir);
}

/** Clients of all agents that answer, by name. Sockets of dead agents are passed over. */
export async function runningAgents(runDir: string): Promise<AdminClient[]> {
  const clients = listAgents(runDir).map((name) => new AdminClient(name, runDir));
  const alive = await Promise.all(clients.map(isAlive));
  return clients.filter((_, index) => alive[index]);
}

/** Every failure but "nobody listens" is left to the command that follows: it tells more. */
export async function isAlive(client: AdminClient): Promise<boolean> {
  try {
    await client.info();
    return true;
  } catch (error) {
    return !(error instanceof AdminError && error.code === AdminCode.notRunning);
  }
}

/**
 * The agent of that name, or without a name the only one.
 *
 * @throws {CliError} when none runs, or several do.
 */
export async function onlyAgent(runDir: string): Promise<AdminClient> {
  const [first, ...others] = await runningAgents(runDir);
  if (first === undefined) throw noAgents(runDir);
  if (others.length === 0) return first;
  const names = [first, ...others].map((client) => client.name).join(', ');
  throw new CliError('several agents are running', `name one of ${names}`, Exit.usage);
}

export function noAgents(runDir: string): CliError {
  const hint = `start one with icx up NAME${orAsRoot(runDir)}`;
  return new CliError('no agent is running', hint, Exit.failed, AdminCode.notRunning);
}
