/** `icx help`: what `--help` prints, for those who ask in this order. */
import type { Command } from 'commander';
import { findCommand } from '../command-tree.ts';

export function addHelp(program: Command): void {
  program
    .command('help')
    .description('print help for a command')
    .argument('[COMMAND...]', 'the command; the overview by default')
    .action((names: readonly string[]) => {
      let command = program;
      for (const name of names) command = findCommand(command, name);
      command.outputHelp();
    });
}
