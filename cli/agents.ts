/** Finds the running agent that a command means. */
import { AdminClient, listAgents } from './admin-client.ts';
import { AdminCode, AdminError } from './admin-error.ts';
import { CliError, Exit } from './cli-error.ts';
import { parseInterfaceName, ValueError } from './config/text-values.ts';

/** A name from the command line that becomes part of a path. @throws {CliError} */
export function checkedName(name: string): string {
  try {
    return parseInterfaceName(name);
  } catch (error) {
    if (error instanceof ValueError) throw new CliError(error.message, error.hint, Exit.usage);
    throw error;
  }
}

/** Clients of all agents that answer, by name. Sockets of dead agents are passed over. */
export async function runningAgents(runDir: string): Promise<AdminClient[]> {
  const clients = listAgents(runDir).map((name) => new AdminClient(name, runDir));
  const alive = await Promise.all(clients.map(isAlive));
  return clients.filter((_, index) => alive[index]);
}

/** Every failure but "nobody listens" is left to the command that follows: it tells more. */
async function isAlive(client: AdminClient): Promise<boolean> {
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
  if (first === undefined) throw noAgents();
  if (others.length === 0) return first;
  const names = [first, ...others].map((client) => client.name).join(', ');
  throw new CliError('several agents are running', `name one of ${names}`, Exit.usage);
}

export function noAgents(): CliError {
  return new CliError('no agent is running', 'start one with icx up NAME', Exit.failed, AdminCode.notRunning);
}
