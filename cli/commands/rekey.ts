/** `icx rekey`: new keys now, without losing a packet. */
import type { Command } from 'commander';
import type { RekeyReport } from '../admin-api.ts';
import { AdminClient, listAgents } from '../admin-client.ts';
import { checkedName, onlyAgent } from '../agents.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit, SilentExit } from '../cli-error.ts';
import { rekeyFailures, renderRekey } from '../rekey-text.ts';

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
  const { client, peers } = await target(words, context.runDir);
  const report = await client.rekey(peers);
  context.write(options.json === true ? `${JSON.stringify(report, null, 2)}\n` : renderRekey(report));
  fail(report, context);
}

/** The first word names an agent, unless none has that name: then the only one is meant. */
async function target(
  words: readonly string[],
  runDir: string,
): Promise<{ client: AdminClient; peers: readonly string[] }> {
  const [first, ...rest] = words;
  if (first === undefined) return { client: await onlyAgent(runDir), peers: [] };
  if (listAgents(runDir).includes(first)) return { client: new AdminClient(first, runDir), peers: rest };
  // Nothing runs, so the name is what is wrong.
  if (listAgents(runDir).length === 0) await new AdminClient(checkedName(first), runDir).info();
  return { client: await onlyAgent(runDir), peers: words };
}

function fail(report: RekeyReport, context: CliContext): void {
  const failures = rekeyFailures(report);
  if (report.peers.length === 0) throw new CliError(`${report.interface} has no peers to rekey`);
  if (failures.length === 0) return;
  for (const line of failures) context.writeError(`icx: ${line}\n`);
  throw new SilentExit(Exit.failed);
}
