/** Programs that some tests need, with the Debian packages that bring them; tests without them are skipped. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'vitest';

/** Packages by program, where the names differ. */
const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  dnsmasq: 'dnsmasq-base',
  dhclient: 'isc-dhcp-client',
  rdisc6: 'ndisc6',
};
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where a program is; null when it is not installed. */
export function programPath(name: string): string | null {
  const directories = `${process.env.PATH ?? ''}${delimiter}${SYSTEM_PATH}`.split(delimiter);
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

/** Why a test can't run here; null when all its programs are installed. */
export function missingTools(programs: readonly string[]): string | null {
  const missing = programs.filter((name) => programPath(name) === null);
  if (missing.length === 0) return null;
  const packages = missing.map((name) => PACKAGES[name] ?? name);
  return `needs ${missing.join(', ')}: apt-get install ${packages.join(' ')}`;
}

/**
 * Why a test can't have a kind of interface; null when the kernel makes it, tried in a namespace that
 * ends with the try.
 *
 * @param link What follows `ip link add` for one on top of `eth0`.
 */
export function missingLink(kind: string, link: string): string | null {
  const script = `ip link add eth0 type veth && ip link add ${link}`;
  try {
    execFileSync('unshare', ['--net', 'sh', '-c', script], { stdio: 'pipe' });
    return null;
  } catch {
    return `needs a kernel with ${kind} interfaces`;
  }
}

/** A test that needs programs: skipped without them, with the reason printed. */
export function testWith(
  programs: readonly string[],
  name: string,
  body: () => Promise<void>,
  timeoutMs?: number,
): void {
  testUnless(missingTools(programs), name, body, timeoutMs);
}

/** A test that is skipped when there is a reason, which is printed. */
export function testUnless(
  reason: string | null,
  name: string,
  body: () => Promise<void>,
  timeoutMs?: number,
): void {
  if (reason === null) {
    test(name, body, timeoutMs);
    return;
  }
  process.stderr.write(`skipped: ${name}: ${reason}\n`);
  test.skip(`${name} (${reason})`, body);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
