/** The command line: all commands, and how the program ends. */
import { Command, CommanderError } from 'commander';
import type { CliContext } from './cli-context.ts';
import { Exit, errorLines, exitCodeOf } from './cli-error.ts';
import { addCheck } from './commands/check.ts';
import { addCni } from './commands/cni.ts';
import { addCompletion } from './commands/completion.ts';
import { addDemo } from './commands/demo.ts';
import { addDown } from './commands/down.ts';
import { addFdb } from './commands/fdb.ts';
import { addGenkey, addGenpsk } from './commands/genkey.ts';
import { addHelp } from './commands/help.ts';
import { addMan } from './commands/man.ts';
import { addNeigh } from './commands/neigh.ts';
import { addPort } from './commands/port.ts';
import { addPubkey } from './commands/pubkey.ts';
import { addRekey } from './commands/rekey.ts';
import { addRelay } from './commands/relay.ts';
import { addReload } from './commands/reload.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { VERSION } from './version.ts';

const COMMANDS = [
  addUp,
  addDown,
  addStatus,
  addRekey,
  addReload,
  addCheck,
  addFdb,
  addPort,
  addNeigh,
  addCni,
  addRelay,
  addGenkey,
  addPubkey,
  addGenpsk,
  addDemo,
  addCompletion,
  addMan,
  addHelp,
];

/** Hidden: what the demo runs inside its namespaces. Loaded on demand, for its native parts. */
const PROBE_COMMAND = 'demo-probe';

export function buildProgram(context: CliContext): Command {
  const program = new Command('icx')
    .description('Joins hosts, containers and virtual machines into one encrypted network.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.write(text),
      writeErr: (text) => context.writeError(text),
      outputError: (text, write) => write(usageLine(text)),
    });
  for (const add of COMMANDS) add(program, context);
  return program;
}

/**
 * Runs one command line.
 *
 * @param argv What follows the program's name.
 * @returns the exit code; everything to be said is on stderr by then.
 */
export async function run(argv: readonly string[], context: CliContext): Promise<Exit> {
  try {
    const program = buildProgram(context);
    if (argv[0] === PROBE_COMMAND) await addProbe(program);
    await program.parseAsync([...argv], { from: 'user' });
    return Exit.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.done : Exit.usage;
    for (const line of errorLines(error)) context.writeError(`${line}\n`);
    return exitCodeOf(error);
  }
}

async function addProbe(program: Command): Promise<void> {
  const { registerProbe } = await import('./demo/probe.ts');
  registerProbe(program);
}

/** Commander's "error: …" with its suggestion, as one line. */
function usageLine(text: string): string {
  const line = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  return `icx: ${line}; icx --help shows the commands, icx COMMAND --help their options\n`;
}
