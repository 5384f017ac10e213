/** What completion scripts know about the commands, and where names come from. */

/** Where the words of an argument or of an option's value come from. */
export type Source = 'configs' | 'agents' | 'files' | 'none' | readonly string[];

export interface OptionWords {
  readonly flag: string;
  readonly description: string;
  /** Null where it takes none. */
  readonly value: Source | null;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Of the first argument; further ones have none. */
  readonly argument: Source;
  /** Commands below it: then it has no arguments of its own. */
  readonly children: readonly CommandWords[];
}

/**
 * Shell text that lists names: file names without directory and ending. Not those in /tmp: shells expand
 * such words, and there anybody may name a file.
 */
const LIST_NAMES = {
  configs: 'for f in /etc/icx/*.toml; do [ -e "$f" ] && basename "$f" .toml; done',
  agents:
    'for f in /run/icx/*.sock "$XDG_RUNTIME_DIR"/icx/*.sock; do [ -e "$f" ] && basename "$f" .sock; done',
} as const;

/** Shell text that becomes the words of a source. @param run Makes a substitution of a POSIX command. */
export function wordList(from: Source, run: (command: string) => string): string {
  if (from === 'configs' || from === 'agents') return run(LIST_NAMES[from]);
  return typeof from === 'string' ? '' : from.join(' ');
}

/** In single quotes, for bash, zsh and fish alike. */
export function single(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
