/** `icx rekey`: new keys now, without losing a packet. */
import type { Command } from 'commander';
import type { RekeyReport } from '../admin-api.ts';
import type { AdminClient } from '../admin-client.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit, SilentExit } from '../cli-error.ts';

interface RekeyOptions {
  readonly json?: boolean;
}

export function addRekey(program: Command, context: CliContext): void {
  program
    .command('rekey')
    .description('replace the keys of peers now and wait until both directions use the new ones')
    .argument('[NAME]', 'an agent; may be left out when only one runs')
    .argument('[PEER...]', 'names or public keys; all peers by default')
    .option('-j, --json', 'print JSON')
    .action((name: string | undefined, peers: string[], options: RekeyOptions) =>
      rekey(name === undefined ? [] : [name, ...peers], options, context),
    );
}

async function rekey(words: readonly string[], options: RekeyOptions, context: CliContext): Promise<void> {
  const { rekeyFailures, renderRekey } = await import('../rekey-text.ts');
  const { client, peers } = await target(words, context.runDir);
  const report = await client.rekey(peers);
  context.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderRekey(report));
  fail(report, rekeyFailures(report), context);
}

/** The first word names an agent, unless none has that name: then the only one is meant. */
async function target(
  words: readonly string[],
  runDir: string,
): Promise<{ client: AdminClient; peers: readonly string[] }> {
  const { listAgents } = await import('../admin-client.ts');
  const { namedAgent, onlyAgent } = await import('../agents.ts');
  const [first, ...rest] = words;
  if (first === undefined) return { client: await onlyAgent(runDir), peers: [] };
  if (listAgents(runDir).includes(first)) return { client: namedAgent(first, runDir), peers: rest };
  // Nothing runs, so the name is what is wrong.
  if (listAgents(runDir).length === 0) await namedAgent(first, runDir).info();
  return { client: await onlyAgent(runDir), peers: words };
}

function fail(report: RekeyReport, failures: readonly string[], context: CliContext): void {
  if (report.peers.length === 0) throw new CliError(`${report.interface} has no peers to rekey`);
  if (failures.length === 0) return;
  for (const line of failures) context.writeError(`icx: ${line}\n`);
  throw new SilentExit(Exit.failed);
}
