/** What of the command definitions users are meant to see: for help, manual pages and completion. */
import type { Command, Option } from 'commander';
import { CliError, Exit } from './cli-error.ts';

/** Name of the config's manual page. */
export const CONFIG_PAGE = 'icx.toml';

/** Commands that users are meant to see, without `help`. */
export function visibleCommands(command: Command): Command[] {
  const commands = command.createHelp().visibleCommands(command);
  return commands.filter((child) => child.name() !== 'help');
}

/** The words that call a command: "icx", "fdb", "add". */
export function commandPath(command: Command): string[] {
  return command.parent === null ? [command.name()] : [...commandPath(command.parent), command.name()];
}

/** @throws {CliError} when `parent`, the program or a command, has no such command. */
export function findCommand(parent: Command, name: string): Command {
  const command = visibleCommands(parent).find((candidate) => candidate.name() === name);
  if (command !== undefined) return command;
  const path = commandPath(parent).join(' ');
  throw new CliError(`there is no command ${name}`, `${path} --help lists them`, Exit.usage);
}

export function visibleOptions(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}
