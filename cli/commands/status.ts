/** `icx status`: what an agent does, for people and for programs. */
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';

interface StatusOptions {
  readonly json?: boolean;
  readonly schema?: boolean;
}

export function addStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('show interface, peers, security associations and drops')
    .argument('[NAME]', 'one agent; all that run by default')
    .option('-j, --json', 'print JSON, one document for each agent')
    .option('--schema', 'print the JSON Schema of --json')
    .action((name: string | undefined, options: StatusOptions) => showStatus(name, options, context));
}

async function showStatus(
  name: string | undefined,
  options: StatusOptions,
  context: CliContext,
): Promise<void> {
  if (options.schema === true) {
    const { statusJsonSchema } = await import('../status-schema.ts');
    context.write(`${JSON.stringify(statusJsonSchema(), null, 2)}\n`);
    return;
  }
  const { namedAgent, noAgents, runningAgents } = await import('../agents.ts');
  const { renderStatus } = await import('../status-text.ts');
  const clients =
    name === undefined ? await runningAgents(context.runDir) : [namedAgent(name, context.runDir)];
  if (clients.length === 0) throw noAgents(context.runDir);
  const all = await Promise.all(clients.map((client) => client.status()));
  const texts = all.map((status) =>
    options.json === true ? `${JSON.stringify(status, null, 2)}\n` : renderStatus(status, context.colors),
  );
  context.write(texts.join(options.json === true ? '' : '\n'));
}
