/** Completion scripts made from the command definitions. */
import type { Command } from 'commander';
import { CONFIG_PAGE, visibleCommands, visibleOptions } from './command-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Where the words of an argument come from. */
type Source = 'configs' | 'agents' | 'files' | 'none' | readonly string[];

interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly {
    readonly flag: string;
    readonly description: string;
    readonly value: boolean;
  }[];
  /** Of the first argument; further ones have none. */
  readonly argument: Source;
}

export function completionScript(program: Command, shell: Shell): string {
  const commands = visibleCommands(program).map((command) => words(command, program));
  if (shell === 'bash') return bash(commands);
  return shell === 'zsh' ? zsh(commands) : fish(commands);
}

function words(command: Command, program: Command): CommandWords {
  const options = visibleOptions(command).flatMap((option) =>
    [option.short, option.long]
      .filter((flag) => flag !== undefined)
      .map((flag) => ({ flag, description: option.description, value: option.required || option.optional })),
  );
  return {
    name: command.name(),
    description: command.description(),
    options,
    argument: source(command, program),
  };
}

function source(command: Command, program: Command): Source {
  const [argument] = command.registeredArguments;
  if (argument === undefined) return 'none';
  if (argument.argChoices !== undefined) return argument.argChoices;
  if (argument.name() === 'COMMAND') {
    const pages = visibleCommands(program).map((child) => child.name());
    return command.name() === 'man' ? [...pages, CONFIG_PAGE] : pages;
  }
  if (argument.name() === 'FILE') return 'files';
  return command.name() === 'up' ? 'configs' : 'agents';
}

/** Shell text that lists names: file names without directory and ending. */
const LIST_NAMES = {
  configs: 'for f in /etc/icx/*.toml; do [ -e "$f" ] && basename "$f" .toml; done',
  agents: 'for f in /run/icx/*.sock; do [ -e "$f" ] && basename "$f" .sock; done',
} as const;

function list(from: Source): string {
  if (from === 'configs' || from === 'agents') return `$(${LIST_NAMES[from]})`;
  return typeof from === 'string' ? '' : from.join(' ');
}

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map((command) => {
    const flags = command.options.map(({ flag }) => flag).join(' ');
    const files = command.argument === 'files' ? 'files=1' : 'files=0';
    return `    ${command.name}) flags="${flags}" words="${list(command.argument)}" ${files} ;;`;
  });
  const valued = new Set(
    commands.flatMap(({ options }) => options.filter(({ value }) => value).map(({ flag }) => flag)),
  );
  return `# bash completion for icx
_icx() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} flags="" words="" files=0
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$cur"))
    return
  fi
  case $prev in
    ${[...valued].join('|')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *)
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      [ "$files" = 1 ] && COMPREPLY+=($(compgen -f -- "$cur"))
      ;;
  esac
}
complete -o filenames -F _icx icx
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const describe = commands.map(
    ({ name, description }) => `    ${single(`${name}:${description.replaceAll(':', '\\:')}`)}`,
  );
  const cases = commands.map((command) => {
    const specs = command.options.map(({ flag, description, value }) => {
      const text = description.replace(/[[\]:]/g, ' ');
      return single(`${flag}[${text}]${value ? ':file:_files' : ''}`);
    });
    return `    ${command.name}) _arguments ${[...specs, ...zshArgument(command.argument)].join(' ')} ;;`;
  });
  return `#compdef icx
_icx() {
  local -a commands
  commands=(
${describe.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _icx ]; then _icx "$@"; else compdef _icx icx; fi
`;
}

function zshArgument(from: Source): string[] {
  if (from === 'none') return [];
  if (from === 'files') return [`'1:file:_files'`];
  // A POSIX shell, because zsh takes a pattern without matches for an error.
  const names = from === 'configs' || from === 'agents' ? `$(sh -c ${single(LIST_NAMES[from])})` : list(from);
  return [`"1:name:(${names})"`];
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n '__fish_seen_subcommand_from ${command.name}'`;
    const options = command.options.map(({ flag, description, value }) => {
      const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `complete -c icx ${seen} ${name}${value ? ' -r -F' : ''} -d ${single(description)}`;
    });
    return [
      `complete -c icx -n __fish_use_subcommand -a ${command.name} -d ${single(command.description)}`,
      ...fishArgument(command.argument, seen),
      ...options,
    ];
  });
  return `# fish completion for icx\ncomplete -c icx -f\n${lines.join('\n')}\n`;
}

/** fish has a syntax of its own for loops, so it asks a POSIX shell. */
function fishArgument(from: Source, seen: string): string[] {
  if (from === 'none') return [];
  if (from === 'files') return [`complete -c icx ${seen} -F`];
  const names =
    from === 'configs' || from === 'agents' ? `(sh -c ${single(LIST_NAMES[from])})` : from.join(' ');
  return [`complete -c icx ${seen} -a "${names.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`];
}

/** In single quotes, for bash, zsh and fish alike. */
function single(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
