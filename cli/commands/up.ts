/** `icx up`: runs an agent in the foreground. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { checkedName } from '../checked-name.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit } from '../cli-error.ts';
import type { Config } from '../config/types.ts';
import type { Logger } from '../logger.ts';

interface UpOptions {
  readonly config?: string;
  readonly userspace?: boolean;
}

export function addUp(program: Command, context: CliContext): void {
  program
    .command('up')
    .description('run an agent in the foreground until SIGTERM or SIGINT')
    .argument('[NAME]', 'its config is /etc/icx/NAME.toml')
    .option('-c, --config <FILE>', 'read this config')
    .option('-u, --userspace', 'make no interfaces, which takes no privileges: ports and relays alone')
    .action((name: string | undefined, options: UpOptions) => up(name, options, context));
}

async function up(name: string | undefined, options: UpOptions, context: CliContext): Promise<void> {
  const file = configFile(name, options, context);
  const { limitFootprint } = await import('../agent/footprint.ts');
  limitFootprint();
  const { loadConfig } = await import('../config/load.ts');
  const { withoutInterfaces } = await import('../config/userspace.ts');
  const loaded = loadConfig(file);
  const adapt = options.userspace === true ? withoutInterfaces : (config: Config) => config;
  const config = adapt(loaded);
  if (name !== undefined && config.interface.name !== name) refuseName(name, file, config);
  const { createLogger } = await import('../logger.ts');
  const log = createLogger({
    level: config.log.level,
    interfaceName: config.interface.name,
    pretty: context.stderrIsTerminal,
    colors: context.colors,
  });
  if (options.userspace === true) tellUserspace(loaded, log);
  const { runAgent } = await import('../agent/agent.ts');
  await runAgent(config, { log, configFile: resolve(file), adapt });
}

function tellUserspace({ networks }: Config, log: Logger): void {
  log.info('userspace: no network has an interface');
  for (const { name, addresses } of networks) {
    if (addresses.length === 0) continue;
    log.warn(
      { network: name, addresses },
      'userspace: addresses are ignored, there is no interface for them',
    );
  }
}

function configFile(name: string | undefined, options: UpOptions, context: CliContext): string {
  if (options.config !== undefined) return options.config;
  if (name === undefined) {
    throw new CliError('up needs a NAME or --config FILE', 'see icx up --help', Exit.usage);
  }
  if (name.includes('/') || name.endsWith('.toml')) {
    throw new CliError(`${name} is a file, not a name`, `use icx up --config ${name}`, Exit.usage);
  }
  return join(context.configDir, `${checkedName(name)}.toml`);
}

/** Otherwise `icx down NAME` would not find what `icx up NAME` started. */
function refuseName(name: string, file: string, config: Config): never {
  config.interface.seed.fill(0);
  throw new CliError(
    `${file} is the config of ${config.interface.name}, not of ${name}`,
    `set name = "${name}" in its [interface], or leave NAME out`,
    Exit.usage,
  );
}
