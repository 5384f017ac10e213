/** Two agents set up as the README tells a person to: its commands, its configs, word for word. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, type AgentDirectory } from './agent.ts';
import { MAIN } from './dist.ts';
import type { Namespace } from './netns.ts';

const README = resolve(dirname(fileURLToPath(import.meta.url)), '../../README.md');
/** Where the README puts the private key; each of our hosts needs a place of its own. */
const KEY_FILE = '/etc/icx/private.key';

export interface ReadmeHost {
  readonly agent: Agent;
  readonly privateKey: string;
}

/**
 * @param hosts     192.0.2.1 and 192.0.2.2.
 * @param more      Lines to add to `[interface]`.
 * @throws {Error} when the README has no longer two configs to fill in.
 */
export async function readmeHosts(
  hosts: readonly [Namespace, Namespace],
  directories: readonly [AgentDirectory, AgentDirectory],
  more = '',
): Promise<[ReadmeHost, ReadmeHost]> {
  const a = await makeKeys(new Agent(hosts[0], directories[0], 'icx0'));
  const b = await makeKeys(new Agent(hosts[1], directories[1], 'icx0'));
  const [configA = '', configB = ''] = configs();
  write(a, configA, b.publicKey, more);
  write(b, configB, a.publicKey, more);
  return [a, b];
}

/** The TOML blocks of the README that are `/etc/icx/icx0.toml` of a host. */
function configs(): string[] {
  const named = /^Host [AB] [^\n]*`\/etc\/icx\/icx0\.toml`:\n\n```toml\n(.*?)```/gms;
  const blocks = [...readFileSync(README, 'utf8').matchAll(named)].map(([, toml = '']) => toml);
  if (blocks.length !== 2) throw new Error(`README.md has ${blocks.length} configs, expected 2`);
  return blocks;
}

interface Keyed extends ReadmeHost {
  readonly keyFile: string;
  readonly publicKey: string;
}

/** `icx genkey --out FILE`, `icx pubkey < FILE`. */
async function makeKeys(agent: Agent): Promise<Keyed> {
  const keyFile = join(dirname(agent.configFile), 'private.key');
  const made = await agent.cli('genkey', '--out', keyFile);
  if (made.code !== 0) throw new Error(`icx genkey: ${made.stderr}`);
  const privateKey = readFileSync(keyFile, 'utf8');
  const shown = await agent.host.exec([process.execPath, MAIN, 'pubkey'], { input: privateKey });
  if (shown.code !== 0) throw new Error(`icx pubkey: ${shown.stderr}`);
  return { agent, keyFile, privateKey: privateKey.trim(), publicKey: shown.stdout.trim() };
}

function write({ agent, keyFile }: Keyed, config: string, peerKey: string, more: string): void {
  const filled = config
    .replace(KEY_FILE, keyFile)
    .replace(/…what `icx pubkey` printed on host .…/, peerKey)
    .replace('vni = 1\n', `vni = 1\n${more}`);
  if (filled.includes('…') || filled.includes(KEY_FILE)) throw new Error(`not filled in: ${filled}`);
  writeFileSync(agent.configFile, filled, { mode: 0o600 });
}
