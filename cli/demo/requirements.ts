/** What the demo needs of this machine, checked before anything is made. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { CliError } from '../cli-error.ts';

/** @throws {CliError} that names the first thing missing and what to do. */
export function requireDemoPrerequisites(): void {
  if (process.getuid?.() !== 0) {
    throw new CliError('icx demo makes network namespaces, which needs root', 'run it with sudo');
  }
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    const hint = 'modprobe tun, or start the container with --device /dev/net/tun';
    throw new CliError('icx demo needs /dev/net/tun, which is not there', hint);
  }
  try {
    execFileSync('ip', ['-V'], { stdio: 'pipe' });
  } catch {
    throw new CliError('icx demo needs the program ip, which is not there', 'apt-get install iproute2');
  }
}
