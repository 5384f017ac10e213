/** `icx demo`: shows on this machine that it works. */
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { Exit, SilentExit } from '../cli-error.ts';

interface DemoOptions {
  readonly json?: boolean;
}

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('run two agents in network namespaces of this machine and measure the tunnel (root)')
    .option('-j, --json', 'print the results as JSON')
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import('../demo/demo.ts');
      const passed = await runDemo({ json: options.json === true, write: context.write });
      if (!passed) throw new SilentExit(Exit.failed);
    });
}
