/** The completion script for fish. */
import { type CommandWords, type Source, single, wordList } from './completion-words.ts';

export function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap((command) => commandLines(command, '__fish_use_subcommand', ''));
  return `# fish completion for icx\ncomplete -c icx -f\n${lines.join('\n')}\n`;
}

/**
 * @param offered Condition under which the command itself is offered.
 * @param above Condition that the commands above it stand there, ended for another to follow.
 */
function commandLines(command: CommandWords, offered: string, above: string): string[] {
  const { name, description, children } = command;
  const stands = `${above}__fish_seen_subcommand_from ${name}`;
  const seen = `-n ${single(stands)}`;
  const below = children.map((child) => child.name).join(' ');
  const options = command.options.map((option) => {
    const { flag, value } = option;
    const long = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
    const taken = value === null ? '' : ` -r${words(value)}`;
    return `complete -c icx ${seen} ${long}${taken} -d ${single(option.description)}`;
  });
  return [
    `complete -c icx -n ${single(offered)} -a ${name} -d ${single(description)}`,
    ...(command.argument === 'none' ? [] : [`complete -c icx ${seen}${words(command.argument)}`]),
    // What a group of commands takes by itself is its help, before one of them is named.
    ...(children.length === 0 ? options : []),
    ...children.flatMap((child) =>
      commandLines(child, `${stands}; and not __fish_seen_subcommand_from ${below}`, `${stands}; and `),
    ),
  ];
}

/** fish has a syntax of its own for loops, so it asks a POSIX shell. */
function words(from: Source): string {
  if (from === 'files') return ' -F';
  const names = wordList(from, (command) => `(sh -c ${single(command)})`);
  return names === '' ? ' -f' : ` -f -a "${names.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`;
}
