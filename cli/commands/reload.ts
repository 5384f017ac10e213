/** `icx reload`: applies a changed config to a running agent. */
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';

interface ReloadOptions {
  readonly json?: boolean;
}

export function addReload(program: Command, context: CliContext): void {
  program
    .command('reload')
    .description('apply the changed config without touching unchanged peers')
    .argument('[NAME]', 'an agent; may be left out when only one runs')
    .option('-j, --json', 'print JSON')
    .action(async (name: string | undefined, options: ReloadOptions) => {
      const { namedAgent, onlyAgent } = await import('../agents.ts');
      const { renderChanges } = await import('../change-text.ts');
      const client = name === undefined ? await onlyAgent(context.runDir) : namedAgent(name, context.runDir);
      const report = await client.reload();
      context.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderChanges(report));
    });
}
