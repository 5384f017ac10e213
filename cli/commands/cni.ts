/** `icx cni`: containers join the agent's networks through the plugin icx-cni. */
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliError } from '../cli-error.ts';
import { addTarget, type TargetOptions, targetAgent } from './target.ts';

export function addCni(program: Command, context: CliContext): void {
  const cni = program
    .command('cni')
    .description('let containers join a network: runtimes start the plugin icx-cni');
  addInstall(cni, context);
  addStatus(cni, context);
}

interface InstallOptions extends TargetOptions {
  readonly name: string;
  readonly subnet?: readonly string[];
  readonly mtu?: number;
  readonly masquerade: boolean;
  readonly dir: string;
  readonly binDir: string;
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function addInstall(cni: Command, context: CliContext): void {
  const install = cni
    .command('install')
    .description('write 10-icx.conflist and the plugin where container runtimes look for them')
    .option('--name <NAME>', 'name of the network, for runtimes', 'icx')
    .option('--subnet <PREFIX>', "this host's part of the overlay for containers; may be repeated", collect)
    .option('--mtu <BYTES>', "of containers' interfaces; the network's by default", parseMtu)
    .option('--no-masquerade', 'let containers leave the overlay with their own addresses')
    .option('--dir <DIR>', 'directory of network configurations', '/etc/cni/net.d')
    .option('--bin-dir <DIR>', 'directory of plugins', '/opt/cni/bin');
  addTarget(install, 'name or VNI of the network; may be left out when the agent has only one').action(
    async (options: InstallOptions) => {
      const { installCni } = await import('../cni-install.ts');
      const { config, launcher } = installCni({
        name: options.name,
        agent: options.interface,
        network: options.network,
        subnets: options.subnet ?? [],
        mtu: options.mtu,
        masquerade: options.masquerade,
        dir: options.dir,
        binDir: options.binDir,
      });
      context.write(`${config}\n${launcher}\n`);
      if (options.subnet === undefined) {
        context.writeError('icx: without --subnet containers get an interface, but no addresses\n');
      }
    },
  );
}

function parseMtu(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('It is not a number.');
  return Number(text);
}

function addStatus(cni: Command, context: CliContext): void {
  const status = cni
    .command('status')
    .description('tell whether containers can be added, and list those that are there')
    .argument('[NAME]', 'an agent; may be left out when only one runs');
  addTarget(status, 'name or VNI of the network that must be ready')
    .option('-j, --json', 'print JSON')
    .action(async (name: string | undefined, options: TargetOptions & { readonly json?: boolean }) => {
      const agent = await targetAgent(options, context, name);
      const report = await ask(context.runDir, agent.name, options.network);
      const { renderCniStatus } = await import('../cni-text.ts');
      context.write(
        options.json === true
          ? `${JSON.stringify(report, null, 2)}\n`
          : renderCniStatus(report, context.colors),
      );
    });
}

/** By the plugin's own client: what it sees is what runtimes get. */
async function ask(runDir: string, agent: string, network: string | undefined) {
  const { AgentClient } = await import('../../cni/agent-client.ts');
  const { CniError } = await import('../../cni/cni-error.ts');
  const client = new AgentClient(runDir, agent);
  try {
    const readiness = await client.ready(network === undefined ? {} : { network });
    return { ...readiness, ...(await client.list({})) };
  } catch (error) {
    if (error instanceof CniError) throw new CliError(error.message, error.details);
    throw error;
  }
}
