/** `icx man`: manual pages made from the commands themselves. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliError } from '../cli-error.ts';
import { CONFIG_PAGE, findCommand, visibleCommands } from '../command-tree.ts';

type Pages = typeof import('../man-page.ts');

interface ManOptions {
  readonly dir?: string;
}

export function addMan(program: Command, context: CliContext): void {
  program
    .command('man')
    .description('print a manual page (try: icx man status | man -l -)')
    .argument('[COMMAND]', 'the page of a command, or icx.toml for the config; the overview by default')
    .option('-d, --dir <DIR>', 'write all pages instead, where man looks, such as /usr/local/share/man')
    .action(async (name: string | undefined, options: ManOptions) => {
      const pages = await import('../man-page.ts');
      if (options.dir !== undefined) writePages(program, options.dir, pages);
      else context.write(page(program, name, pages));
    });
}

function page(program: Command, name: string | undefined, { configPage, manPage }: Pages): string {
  if (name === undefined) return manPage(program);
  return name === CONFIG_PAGE ? configPage() : manPage(findCommand(program, name));
}

function writePages(program: Command, dir: string, { configPage, manPage }: Pages): void {
  try {
    for (const section of ['man1', 'man5']) mkdirSync(join(dir, section), { recursive: true });
    writeFileSync(join(dir, 'man1/icx.1'), manPage(program));
    writeFileSync(join(dir, `man5/${CONFIG_PAGE}.5`), configPage());
    for (const command of visibleCommands(program)) {
      writeFileSync(join(dir, `man1/icx-${command.name()}.1`), manPage(command));
    }
  } catch (error) {
    throw new CliError(`cannot write manual pages to ${dir}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
