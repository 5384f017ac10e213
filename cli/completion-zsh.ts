/** The completion script for zsh. */
import { type CommandWords, type Source, single, wordList } from './completion-words.ts';

export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef icx
_icx() {
  local -a commands
  local command
${level(commands, '  ')}
}
if [ "$funcstack[1]" = _icx ]; then _icx "$@"; else compdef _icx icx; fi
`;
}

/** Offers commands, or what the one that stands there takes: its word is shifted away first. */
function level(commands: readonly CommandWords[], pad: string): string {
  const describe = commands.map(
    ({ name, description }) => `${pad}  ${single(`${name}:${description.replaceAll(':', '\\:')}`)}`,
  );
  return `${pad}commands=(
${describe.join('\n')}
${pad})
${pad}if (( CURRENT == 2 )); then
${pad}  _describe command commands
${pad}  return
${pad}fi
${pad}command=$words[2]
${pad}shift words
${pad}(( CURRENT-- ))
${pad}case $command in
${commands.map((command) => branch(command, `${pad}  `)).join('\n')}
${pad}esac`;
}

function branch(command: CommandWords, pad: string): string {
  const { children } = command;
  if (children.length > 0) return `${pad}${command.name})\n${level(children, `${pad}  `)}\n${pad}  ;;`;
  const specs = command.options.map(({ flag, description, value }) => {
    const text = single(`${flag}[${description.replace(/[[\]:]/g, ' ')}]`);
    return value === null ? text : `${text}"${value === 'none' ? ':value: ' : action(value)}"`;
  });
  const argument = command.argument === 'none' ? [] : [`"1${action(command.argument)}"`];
  return `${pad}${command.name}) _arguments ${[...specs, ...argument].join(' ')} ;;`;
}

/** To stand in double quotes. */
function action(from: Source): string {
  if (from === 'files') return ':file:_files';
  // A POSIX shell, because zsh takes a pattern without matches for an error.
  return `:name:(${wordList(from, (command) => `$(sh -c ${single(command)})`)})`;
}
