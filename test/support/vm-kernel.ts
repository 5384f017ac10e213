/** A Linux kernel for virtual machines: from Debian's package, unpacked once into a cache of this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface VmKernel {
  readonly image: string;
  /** In the order to load them, for a virtio network card and virtual LANs. */
  readonly modules: readonly string[];
}

/** Small, for virtual machines; depends on the newest image. */
const META_PACKAGE = 'linux-image-cloud-amd64';
const CACHE = join(existsSync('/var/cache') ? '/var/cache' : tmpdir(), 'icx-test');
const MODULES = [
  'drivers/virtio/virtio_ring.ko',
  'drivers/virtio/virtio.ko',
  'drivers/virtio/virtio_pci_legacy_dev.ko',
  'drivers/virtio/virtio_pci_modern_dev.ko',
  'drivers/virtio/virtio_pci.ko',
  'net/core/failover.ko',
  'drivers/net/net_failover.ko',
  'drivers/net/virtio_net.ko',
  'net/llc/llc.ko',
  'net/802/stp.ko',
  'net/802/mrp.ko',
  'net/802/garp.ko',
  'net/8021q/8021q.ko',
] as const;
/** Without a mirror the test must be skipped soon. */
const DOWNLOAD_TIMEOUT_MS = 60_000;
const APT_OPTIONS = ['Acquire::Retries=0', 'Acquire::http::Timeout=10', 'APT::Sandbox::User=root'];

/** @throws {Error} when it is not in the cache, and can't be downloaded or unpacked. */
export function vmKernel(): VmKernel {
  const directory = join(CACHE, 'linux');
  if (!existsSync(directory)) {
    mkdirSync(CACHE, { recursive: true });
    const scratch = mkdtempSync(join(CACHE, 'linux-'));
    try {
      unpack(download(scratch), scratch);
      renameSync(scratch, directory);
    } catch (error) {
      rmSync(scratch, { recursive: true, force: true });
      // Another process may have been first.
      if (!existsSync(directory)) throw error;
    }
  }
  return kernelIn(directory);
}

/** Why there can be no machine; null when there is a kernel, also when it had to be fetched. */
export function missingKernel(): string | null {
  try {
    vmKernel();
    return null;
  } catch (error) {
    return `needs a kernel: ${error instanceof Error ? error.message : error}`;
  }
}

/** @returns File of the package. */
function download(directory: string): string {
  const depends = run('apt-cache', ['depends', META_PACKAGE]);
  const [, name] = /Depends: (linux-image-\S+)/.exec(depends) ?? [];
  if (name === undefined) throw new Error(`apt-cache knows no ${META_PACKAGE}: run apt-get update`);
  const options = APT_OPTIONS.flatMap((option) => ['-o', option]);
  run('apt-get', [...options, 'download', name], directory);
  const file = readdirSync(directory).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get download ${name} brought no package`);
  return join(directory, file);
}

/** Takes only what a machine needs; the whole package is five times as large. */
function unpack(file: string, directory: string): void {
  const wanted = ['./boot/vmlinuz-*', ...MODULES.map((path) => `*/kernel/${path}`)];
  const patterns = wanted.map((pattern) => `'${pattern}'`).join(' ');
  const script = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards ${patterns}`;
  run('sh', ['-c', script, 'unpack', file, directory]);
  rmSync(file);
}

function kernelIn(directory: string): VmKernel {
  const image = readdirSync(join(directory, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`${directory} holds no kernel: remove it`);
  const modules = join(directory, 'lib/modules', image.replace('vmlinuz-', ''), 'kernel');
  return { image: join(directory, 'boot', image), modules: MODULES.map((path) => join(modules, path)) };
}

function run(program: string, args: readonly string[], cwd = '/'): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DOWNLOAD_TIMEOUT_MS,
  });
}
