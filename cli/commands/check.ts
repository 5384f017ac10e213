/** `icx check`: is this config right, and what would it change? */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { Config, NetworkConfig } from '../config/types.ts';

export function addCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('validate a config; with a running agent, tell what it would change')
    .argument('<FILE>', 'the config')
    .action((file: string) => check(file, context));
}

/** Every other command takes a name. */
function refuseName(name: string, context: CliContext): void {
  const file = join(context.configDir, `${name}.toml`);
  if (!name.includes('/') && existsSync(file)) {
    throw new CliError(`there is no file ${name} here`, `try icx check ${file}`, Exit.usage);
  }
}

async function check(file: string, context: CliContext): Promise<void> {
  if (!existsSync(file)) refuseName(file, context);
  const { loadConfig } = await import('../config/load.ts');
  const config = loadConfig(file);
  config.interface.seed.fill(0);
  for (const peer of config.peers) peer.presharedKey?.fill(0);
  const peers = count(config.peers.length, 'peer');
  context.write(`${file}: ok: ${[config.interface.name, ...networksText(config), peers].join(', ')}\n`);
  await compare(config.interface.name, file, context);
}

/** What the networks are: the only one has the agent's name. */
function networksText({ interface: own, networks }: Config): string[] {
  const [first] = networks;
  if (networks.length === 1 && first?.name === own.name) return networkText(first);
  return networks.map((network) => `network ${network.name} (${networkText(network).join(', ')})`);
}

function networkText({ mode, vni, ports, relay }: NetworkConfig): string[] {
  return [
    ...(mode === 'l2' ? ['l2'] : []),
    `vni ${vni}`,
    ...(ports.length > 0 ? [count(ports.length, 'port')] : []),
    ...(relay === null ? [] : ['relay']),
  ];
}

function count(items: number, what: string): string {
  return `${items} ${what}${items === 1 ? '' : 's'}`;
}

/** With the running agent, if there is one. */
async function compare(name: string, file: string, context: CliContext): Promise<void> {
  const { AdminClient } = await import('../admin-client.ts');
  const { AdminCode, AdminError } = await import('../admin-error.ts');
  const { renderChanges } = await import('../change-text.ts');
  try {
    context.write(renderChanges(await new AdminClient(name, context.runDir).plan(file)));
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    if (error.code === AdminCode.notRunning) return;
    if (error.code !== AdminCode.socket) throw error;
    context.writeError(`icx: note: cannot compare with a running agent: ${error.message}; ${error.hint}\n`);
  }
}
