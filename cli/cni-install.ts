/** What `icx cni install` writes: a network configuration, and a launcher of the plugin. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CniError } from '../cni/cni-error.ts';
import { Fields } from '../cni/fields.ts';
import { checkRangeSets, type RangeSet, readRange } from '../cni/ipam/address-range.ts';
import { decodeConfig, readConfig } from '../cni/network-config.ts';
import { CliError, Exit } from './cli-error.ts';

export interface CniInstall {
  /** Name of the network, for runtimes. */
  readonly name: string;
  readonly agent: string | undefined;
  /** The agent's network by name or VNI. */
  readonly network: string | undefined;
  /** Networks in CIDR text to give addresses from; with none, containers get none. */
  readonly subnets: readonly string[];
  readonly mtu: number | undefined;
  readonly masquerade: boolean;
  /** Directory of network configurations. */
  readonly dir: string;
  /** Directory of plugins. */
  readonly binDir: string;
}

const CONFIG_FILE = '10-icx.conflist';
const PLUGIN = 'icx-cni';
/** In the launcher, by which it is known again. */
const MARK = '# Written by icx cni install';
const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../cni/main.js');

/**
 * Writes both files, each in one step: runtimes look at the directories all the time.
 *
 * @returns their paths.
 * @throws {CliError} before anything is written when an option is wrong or a file is somebody else's.
 */
export function installCni(install: CniInstall): { readonly config: string; readonly launcher: string } {
  const config = join(install.dir, CONFIG_FILE);
  const launcher = join(install.binDir, PLUGIN);
  const list = configList(install);
  refuseForeign(config, isOurConfig);
  refuseForeign(launcher, (text) => text.includes(MARK));
  // The configuration last: a runtime that finds it looks for the plugin.
  writeWhole(launcher, launcherText(), 0o755);
  writeWhole(config, `${JSON.stringify(list, null, 2)}\n`, 0o644);
  return { config, launcher };
}

/** @throws {CliError} */
export function configList(install: CniInstall): object {
  const ipam = ipamOf(install.subnets);
  const plugin = {
    type: PLUGIN,
    agent: install.agent,
    network: install.network,
    mtu: install.mtu,
    ipMasq: install.masquerade,
    ipam,
    capabilities: { portMappings: true, ips: true, mac: true },
  };
  const { name } = install;
  const text = JSON.stringify({ ...plugin, name, cniVersion: '1.0.0' });
  usage(() => readConfig(decodeConfig(text), text));
  // Runtimes from before cniVersions take the first, others the newest that they know.
  return { cniVersion: '1.0.0', cniVersions: ['0.4.0', '1.0.0', '1.1.0'], name, plugins: [plugin] };
}

/** One range set for each family, with a default route. */
function ipamOf(subnets: readonly string[]): object | undefined {
  if (subnets.length === 0) return undefined;
  const families = [false, true].map((v6) => subnets.filter((subnet) => subnet.includes(':') === v6));
  const ranges = families.filter((set) => set.length > 0).map((set) => set.map((subnet) => ({ subnet })));
  usage(() =>
    checkRangeSets(ranges.map((set): RangeSet => set.map((range) => readRange(new Fields(range, ''))))),
  );
  const routes = ranges.map(([first]) => ({ dst: first?.subnet.includes(':') ? '::/0' : '0.0.0.0/0' }));
  return { ranges, routes };
}

function usage(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (error instanceof CniError) throw new CliError(error.message, error.details, Exit.usage);
    throw error;
  }
}

function isOurConfig(text: string): boolean {
  try {
    const { plugins } = JSON.parse(text) as { plugins?: { type?: unknown }[] };
    return plugins?.[0]?.type === PLUGIN;
  } catch {
    return false;
  }
}

/** @throws {CliError} */
function refuseForeign(path: string, isOurs: (text: string) => boolean): void {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw ioError(path, error);
  }
  if (!isOurs(text))
    throw new CliError(`${path} was not written by icx`, 'remove it, or choose another directory');
}

function writeWhole(path: string, text: string, mode: number): void {
  const draft = join(dirname(path), `.${PLUGIN}-${process.pid}`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, text, { mode });
    // Whatever the umask is: runtimes may run as others.
    chmodSync(draft, mode);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw ioError(path, error);
  }
}

function ioError(path: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const hint =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'run as root, or name another directory' : '';
  return new CliError(`cannot write ${path}: ${code ?? message}`, hint);
}

/** Runtimes start plugins with little environment: the launcher knows its Node. */
function launcherText(): string {
  const runDir = process.env.ICX_RUN_DIR;
  const environment = runDir === undefined ? '' : `export ICX_RUN_DIR=${quote(runDir)}\n`;
  return `#!/bin/sh\n${MARK}\n${environment}exec ${quote(process.execPath)} ${quote(MAIN)}\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
