/** `icx completion`: scripts that complete commands, options and names in a shell. */
import { Argument, type Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { completionScript, SHELLS, type Shell } from '../completion.ts';

export function addCompletion(program: Command, context: CliContext): void {
  program
    .command('completion')
    .description('print a completion script (for bash: source <(icx completion bash))')
    .addArgument(new Argument('<SHELL>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => context.write(completionScript(program, shell)));
}
