/** The completion script for bash. */
import { type CommandWords, type OptionWords, type Source, wordList } from './completion-words.ts';

export function bashScript(commands: readonly CommandWords[]): string {
  return `# bash completion for icx
_icx() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} flags="" words="" files=0
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names(commands)} --help --version" -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map((command) => branch(command, 1)).join('\n')}
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

/** @param depth Which word the command is. */
function branch(command: CommandWords, depth: number): string {
  const pad = '  '.repeat(2 * depth);
  const flags = command.options.map(({ flag }) => flag).join(' ');
  const { children } = command;
  if (children.length === 0) {
    const values = command.options.flatMap((option) => valueBranch(option, pad));
    const cases = values.length === 0 ? '' : `\n${pad}  case $prev in\n${values.join('\n')}\n${pad}  esac`;
    return `${pad}${command.name}) flags="${flags}" ${offers(command.argument)}${cases} ;;`;
  }
  return `${pad}${command.name})
${pad}  flags="${flags}" words="${names(children)}"
${pad}  if [ "$COMP_CWORD" -gt ${depth + 1} ]; then
${pad}    flags="" words=""
${pad}    case \${COMP_WORDS[${depth + 1}]} in
${children.map((child) => branch(child, depth + 1)).join('\n')}
${pad}    esac
${pad}  fi ;;`;
}

/** After an option that takes a value nothing else is offered. */
function valueBranch({ flag, value }: OptionWords, pad: string): string[] {
  return value === null ? [] : [`${pad}    ${flag}) flags="" ${offers(value)} ;;`];
}

function offers(from: Source): string {
  return `words="${wordList(from, (command) => `$(${command})`)}" files=${from === 'files' ? 1 : 0}`;
}

function names(commands: readonly CommandWords[]): string {
  return commands.map(({ name }) => name).join(' ');
}
