/** `icx man`: manual pages made from the commands themselves. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit } from '../cli-error.ts';
import { configPage, manPage, visibleCommands } from '../man-page.ts';

const CONFIG_PAGE = 'icx.toml';

interface ManOptions {
  readonly dir?: string;
}

export function addMan(program: Command, context: CliContext): void {
  program
    .command('man')
    .description('print a manual page (try: icx man status | man -l -)')
    .argument('[COMMAND]', 'the page of a command, or icx.toml for the config; the overview by default')
    .option('-d, --dir <DIR>', 'write all pages to a directory instead')
    .action((name: string | undefined, options: ManOptions) => {
      if (options.dir !== undefined) writePages(program, options.dir);
      else context.write(page(program, name));
    });
}

function page(program: Command, name: string | undefined): string {
  if (name === undefined) return manPage(program);
  return name === CONFIG_PAGE ? configPage() : manPage(find(program, name));
}

function find(program: Command, name: string): Command {
  const command = visibleCommands(program).find((candidate) => candidate.name() === name);
  if (command !== undefined) return command;
  throw new CliError(`there is no command ${name}`, 'icx --help lists them', Exit.usage);
}

function writePages(program: Command, dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'icx.1'), manPage(program));
    writeFileSync(join(dir, `${CONFIG_PAGE}.5`), configPage());
    for (const command of visibleCommands(program)) {
      writeFileSync(join(dir, `icx-${command.name()}.1`), manPage(command));
    }
  } catch (error) {
    throw new CliError(`cannot write manual pages to ${dir}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
