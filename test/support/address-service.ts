/** Address assignment between hosts by Debian's own programs: a DHCP server, its clients, router advertisements. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from './netns.ts';
import { programPath } from './tools.ts';

export interface ServiceSettings {
  readonly device: string;
  /** First and last address to lease, and the netmask. */
  readonly leases: readonly [first: string, last: string, mask: string];
  /** Prefix to advertise, of /64: `fd88::`. */
  readonly prefix: string;
}

/** Programs that a test needs for the service. */
export const SERVICE = 'dnsmasq';
const STARTED_MS = 5_000;
const LEASE_TIMEOUT_MS = 20_000;

/** dnsmasq on one interface, which has addresses of both networks. */
export class AddressService {
  readonly #process: ChildProcess;
  #log = '';

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /** Resolves when it serves. @param directory Of its files. */
  static async start(host: Namespace, directory: string, settings: ServiceSettings): Promise<AddressService> {
    const argv = [
      ...[programPath(SERVICE) ?? SERVICE, '--keep-in-foreground', '--log-facility=-', '--log-dhcp'],
      ...['--conf-file=/dev/null', '--pid-file=', '--user=root', '--port=0', '--no-ping'],
      ...[`--interface=${settings.device}`, '--except-interface=lo', '--bind-interfaces'],
      ...[`--dhcp-leasefile=${join(directory, 'leases')}`, '--dhcp-authoritative'],
      `--dhcp-range=${[...settings.leases, '1h'].join(',')}`,
      ...['--enable-ra', `--dhcp-range=${settings.prefix},ra-only,64,1h`],
    ];
    const service = new AddressService(host.spawn(argv));
    const endAtMs = performance.now() + STARTED_MS;
    while (!service.#log.includes('router advertisement on')) {
      if (service.#process.exitCode !== null || performance.now() > endAtMs) {
        throw new Error(`${SERVICE} does not serve: ${service.#log}`);
      }
      await sleep(20);
    }
    return service;
  }

  /** What it logged so far. */
  get log(): string {
    return this.#log;
  }

  stop(): void {
    this.#process.kill();
  }
}

/** Asks for a lease with one of Debian's clients. */
export type LeaseClient = (host: Namespace, device: string, directory: string) => Promise<string>;

/** Clients by program: each gives the address that it was leased, and puts it nowhere. */
export const LEASE_CLIENTS: Readonly<Record<'udhcpc' | 'dhclient', LeaseClient>> = {
  udhcpc: (host, device, directory) => {
    const script = writeScript(directory, 'udhcpc', '[ "$1" = bound ] && echo "leased $ip"\nexit 0\n');
    return lease(host, ['udhcpc', '-f', '-q', '-n', '-t', '10', '-T', '1', '-i', device, '-s', script]);
  },
  dhclient: (host, device, directory) => {
    // Before it asks it wants the link up, which it is.
    const script = writeScript(directory, 'dhclient', 'echo "leased $new_ip_address"\nexit 0\n');
    const files = ['-lf', join(directory, 'dhclient.leases'), '-pf', join(directory, 'dhclient.pid')];
    return lease(host, ['dhclient', '-4', '-1', '-d', '-cf', '/dev/null', ...files, '-sf', script, device]);
  },
};

/** @throws {Error} with what the client said when it got none. */
async function lease(host: Namespace, argv: readonly string[]): Promise<string> {
  const [name = '', ...args] = argv;
  const client = host.spawn([programPath(name) ?? name, ...args]);
  let said = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const endAtMs = performance.now() + LEASE_TIMEOUT_MS;
  try {
    while (performance.now() < endAtMs) {
      const [, address] = /leased (\d+\.\d+\.\d+\.\d+)\n/.exec(said) ?? [];
      if (address !== undefined) return address;
      if (client.exitCode !== null) break;
      await sleep(20);
    }
    throw new Error(`${name} got no lease: ${said}`);
  } finally {
    client.kill('SIGKILL');
  }
}

function writeScript(directory: string, name: string, text: string): string {
  const file = join(directory, `${name}.sh`);
  writeFileSync(file, `#!/bin/sh\n${text}`);
  chmodSync(file, 0o755);
  return file;
}
