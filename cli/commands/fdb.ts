/** `icx fdb`: which station is behind which port of an L2 network, as `bridge fdb` of iproute2. */
import type { Command } from 'commander';
import { checkedMac } from '../checked-mac.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit } from '../cli-error.ts';
import { plural, printable } from '../format.ts';
import { addReport, addTarget, ONE_NETWORK, type TargetOptions, targetAgent } from './target.ts';

interface PlaceOptions extends TargetOptions {
  readonly port?: string;
  readonly peer?: string;
}

export function addFdb(program: Command, context: CliContext): void {
  const fdb = program
    .command('fdb')
    .description('show and change which station (MAC address) is behind which port of an L2 network');
  addReport(fdb, context, {
    name: 'show',
    description: 'list stations with their port or peer, and age',
    ask: (l2, request) => l2.fdbShow(request),
    render: (text, report, colors) => text.renderFdb(report, colors),
  });
  addAdd(fdb, context);
  addDel(fdb, context);
  addFlush(fdb, context);
}

function addAdd(fdb: Command, context: CliContext): void {
  const add = fdb
    .command('add')
    .description(
      'add a static entry, which is never learned over; it lives until the agent ends: [[station]] in the config keeps one for good',
    )
    .argument('<MAC>', 'address of the station')
    .option('-p, --port <PORT>', 'the station is behind this port of this host')
    .option('--peer <PEER>', 'the station is behind this peer');
  addTarget(add, ONE_NETWORK).action(async (text: string, options: PlaceOptions) => {
    const { network, port, peer } = options;
    const mac = checkedMac(text);
    refuseBoth(options);
    if (port === undefined && peer === undefined) {
      throw new CliError(`nothing says where ${mac} is`, 'name it with --port or --peer', Exit.usage);
    }
    const client = await targetAgent(options, context);
    await client.l2.fdbAdd({ network, mac, port, peer });
  });
}

function addDel(fdb: Command, context: CliContext): void {
  const del = fdb
    .command('del')
    .description('remove an entry, learned or static')
    .argument('<MAC>', 'address of the station');
  addTarget(del, ONE_NETWORK).action(async (text: string, options: TargetOptions) => {
    const mac = checkedMac(text);
    const client = await targetAgent(options, context);
    await client.l2.fdbDel({ network: options.network, mac });
  });
}

function addFlush(fdb: Command, context: CliContext): void {
  const flush = fdb
    .command('flush')
    .description('forget learned stations, of all ports and peers or of one; static entries stay')
    .option('-p, --port <PORT>', 'those behind this port of this host')
    .option('--peer <PEER>', 'those behind this peer');
  addTarget(flush, ONE_NETWORK).action(async (options: PlaceOptions) => {
    refuseBoth(options);
    const client = await targetAgent(options, context);
    const { network, port, peer } = options;
    const done = await client.l2.fdbFlush({ network, port, peer });
    context.write(`${printable(done.network)}: ${plural(done.removed, 'station')} forgotten\n`);
  });
}

function refuseBoth({ port, peer }: PlaceOptions): void {
  if (port === undefined || peer === undefined) return;
  throw new CliError('a station is behind a port or a peer', 'give --port or --peer, not both', Exit.usage);
}
