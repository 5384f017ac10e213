/** `icx down`: stops a running agent and waits until it is gone. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliError } from '../cli-error.ts';

const PATIENCE_MS = 15_000;
const POLL_MS = 50;

export function addDown(program: Command, context: CliContext): void {
  program
    .command('down')
    .description('stop a running agent and wait until it is gone')
    .argument('<NAME>', 'its interface')
    .action((name: string) => down(name, context));
}

async function down(name: string, context: CliContext): Promise<void> {
  const { isAlive, namedAgent } = await import('../agents.ts');
  const client = namedAgent(name, context.runDir);
  const { pid } = await client.info();
  const startTime = processStart(pid);
  await client.down();
  const attempts = PATIENCE_MS / POLL_MS;
  for (let attempt = 0; attempt < attempts; attempt++) {
    // The same number with another start time is another process. One in another PID namespace has
    // no start time for us: we ask it.
    if (processStart(pid) !== startTime || (startTime === null && !(await isAlive(client)))) return;
    await sleep(POLL_MS);
  }
  throw new CliError(
    `${client.name} (pid ${pid}) is still running after ${PATIENCE_MS / 1000} s`,
    `look at its log; kill -9 ${pid} ends it at once`,
  );
}

/** Start time of a live process in clock ticks since boot; null where there is none. @see proc(5) */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' || state === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
