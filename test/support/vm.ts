/** Virtual machines under QEMU with one network card on a datagram socket; a shell on their console. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ArchiveEntry, Mode, writeCpio } from './cpio.ts';
import type { Namespace } from './netns.ts';
import { programPath } from './tools.ts';
import { vmKernel } from './vm-kernel.ts';

export interface VmSettings {
  /** Unique in the directory. */
  readonly name: string;
  readonly mac: string;
  /** With prefix length. */
  readonly address: string;
  readonly mtu: number;
  /** Path that the card's socket is bound to. */
  readonly path: string;
  /** Path of the socket that the card sends to. */
  readonly remote: string;
}

/** Programs that a test with machines needs. */
export const VM_PROGRAMS = ['qemu-system-x86_64', 'busybox'] as const;

/** Of one virtual processor that is emulated, next to others'. */
const BOOT_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 30_000;
const MEMORY_MB = 128;
const READY = 'the machine is ready';
const DONE = 'the command ended with';
const KERNEL_ARGUMENTS = 'console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on';
/** What the kernel does not know, as `address=…`, it hands to init as environment. */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
stty -echo
for module in $(echo $modules | tr , ' '); do insmod /lib/$module; done
ip link set lo up
ip link set eth0 mtu $mtu up
ip address add $address dev eth0
echo '${READY}'
while read -r line; do eval "$line"; done
`;

/** An initial file system that brings up the network card and runs what comes over the console. */
export function makeInitramfs(modules: readonly string[], busybox: string): Buffer {
  const directories = ['bin', 'lib', 'proc', 'dev'].map((path) => ({ path, mode: Mode.directory }));
  const files: ArchiveEntry[] = [
    { path: 'bin/busybox', mode: Mode.program, content: readFileSync(busybox) },
    { path: 'init', mode: Mode.program, content: Buffer.from(INIT) },
    ...modules.map((file) => ({
      path: `lib/${basename(file)}`,
      mode: Mode.file,
      content: readFileSync(file),
    })),
  ];
  return writeCpio([...directories, ...files]);
}

export class Vm {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;
  readonly #said: string[] = [];

  /**
   * Starts a machine of 128 MB in a host; it ends with the host's namespace at the latest.
   *
   * @param directory Of files that it needs.
   * @throws {Error} when there is no kernel; see `vmKernel`.
   */
  constructor(host: Namespace, directory: string, settings: VmSettings) {
    const { name, mac, address, mtu, path, remote } = settings;
    this.#name = name;
    const { image, modules } = vmKernel();
    const initramfs = join(directory, `${name}.cpio`);
    writeFileSync(initramfs, makeInitramfs(modules, programPath('busybox') ?? ''));
    const names = modules.map((file) => basename(file)).join(',');
    const sockets = `local.type=unix,local.path=${path},remote.type=unix,remote.path=${remote}`;
    // A machine with several timers: one whose only timer is emulated late, as on a busy host, may not boot.
    const argv = [
      ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
      ...['-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', `${MEMORY_MB}`],
      ...['-serial', 'stdio', '-netdev', `dgram,id=n0,${sockets}`],
      ...['-device', `virtio-net-pci,netdev=n0,mac=${mac},romfile=`],
      ...['-kernel', image, '-initrd', initramfs],
      ...['-append', `${KERNEL_ARGUMENTS} address=${address} mtu=${mtu} modules=${names}`],
    ];
    this.#process = host.spawn(argv);
    const { stdin, stdout, stderr } = this.#process;
    if (stdout === null) throw new TypeError('stdout must be a pipe');
    stdin?.on('error', () => {});
    stderr?.setEncoding('utf8').on('data', (text: string) => this.#said.push(text));
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when the machine has its address. */
  async booted(): Promise<void> {
    await this.#until((line) => line.includes(READY), BOOT_TIMEOUT_MS);
  }

  /** Runs a line of shell to its end. @returns Exit code and what it printed. */
  async run(command: string): Promise<{ readonly code: number; readonly output: string }> {
    this.#process.stdin?.write(`${command}\necho "${DONE}" $?\n`);
    const lines = await this.#until((line) => line.includes(DONE), COMMAND_TIMEOUT_MS);
    const code = Number(lines.pop()?.split(DONE)[1]);
    return { code, output: lines.join('\n') };
  }

  /** Takes the power away; another machine may then have its path. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }

  /** Lines of the console up to the one that is looked for. */
  async #until(isLast: (line: string) => boolean, timeoutMs: number): Promise<string[]> {
    const found: string[] = [];
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs);
    try {
      for (;;) {
        const { done, value } = await this.#lines.next();
        if (done === true) break;
        const line = value.trimEnd();
        this.#said.push(line);
        found.push(line);
        if (isLast(line)) return found;
      }
    } finally {
      clearTimeout(timer);
    }
    throw new Error(`${this.#name} ended, or said nothing in time:\n${this.#said.slice(-20).join('\n')}`);
  }
}
