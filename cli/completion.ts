/** Completion scripts made from the command definitions. */
import type { Command } from 'commander';
import { CONFIG_PAGE, visibleCommands, visibleOptions } from './command-tree.ts';
import { bashScript } from './completion-bash.ts';
import { fishScript } from './completion-fish.ts';
import type { CommandWords, OptionWords, Source } from './completion-words.ts';
import { zshScript } from './completion-zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(program: Command, shell: Shell): string {
  const commands = visibleCommands(program).map((command) => words(command, program));
  if (shell === 'bash') return bashScript(commands);
  return shell === 'zsh' ? zshScript(commands) : fishScript(commands);
}

function words(command: Command, program: Command): CommandWords {
  return {
    name: command.name(),
    description: command.description(),
    options: visibleOptions(command).flatMap(optionWords),
    argument: argumentSource(command, program),
    children: visibleCommands(command).map((child) => words(child, program)),
  };
}

function optionWords(option: ReturnType<typeof visibleOptions>[number]): OptionWords[] {
  const [, placeholder] = /<(.+)>/.exec(option.flags) ?? [];
  const value = option.argChoices ?? (placeholder === undefined ? null : valueSource(placeholder));
  return [option.short, option.long]
    .filter((flag) => flag !== undefined)
    .map((flag) => ({ flag, description: option.description, value }));
}

/** By how an option calls its value. */
function valueSource(placeholder: string): Source {
  if (['FILE', 'DIR', 'PATH'].includes(placeholder)) return 'files';
  return placeholder === 'NAME' ? 'agents' : 'none';
}

function argumentSource(command: Command, program: Command): Source {
  const [argument] = command.registeredArguments;
  if (argument === undefined) return 'none';
  if (argument.argChoices !== undefined) return argument.argChoices;
  if (argument.name() === 'COMMAND') {
    const pages = visibleCommands(program).map((child) => child.name());
    return command.name() === 'man' ? [...pages, CONFIG_PAGE] : pages;
  }
  if (argument.name() === 'NAME' && command.name() === 'up') return 'configs';
  return valueSource(argument.name());
}
