/** What the end-to-end benches need of this machine. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian packages of the programs. */
export const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  iperf3: 'iperf3',
  ping: 'iputils-ping',
  ethtool: 'ethtool',
  'wireguard-go': 'wireguard-go',
  wg: 'wireguard-tools',
  fastd: 'fastd',
  nebula: 'nebula',
  'nebula-cert': 'nebula',
};

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** @returns Which packages to install for these programs, null when they are all there. */
export function missingPrograms(programs: readonly string[]): string | null {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return null;
  const packages = new Set(missing.map((program) => PACKAGES[program] ?? program));
  return `apt-get install ${[...packages].join(' ')}`;
}

/** @throws {Error} that names what is missing and what to do. */
export function requireTools(noOffload: boolean): void {
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root: run it with sudo');
  const hint = missingPrograms(['ip', 'iperf3', 'ping', ...(noOffload ? ['ethtool'] : [])]);
  if (hint !== null) throw new Error(`the traffic needs tools that are not there: ${hint}`);
}

/** Whether the kernel makes WireGuard interfaces; tried in a namespace that ends with the try. */
export function hasKernelWireguard(): boolean {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link', 'add', 'wg0', 'type', 'wireguard'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

function isInstalled(program: string): boolean {
  const path = `${process.env.PATH ?? ''}${delimiter}${SYSTEM_PATH}`;
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
