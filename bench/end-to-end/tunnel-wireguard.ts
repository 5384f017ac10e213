/** WireGuard: its implementation in Go, and the kernel's. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOSTS, type HostName, OVERLAY4, UNDERLAY } from '../../cli/demo/lab.ts';
import { hasKernelWireguard, missingPrograms } from './requirements.ts';
import { MTU, type Site } from './site.ts';
import type { Tunnel } from './tunnel.ts';

const PORT = 51_820;
const SOCKET_TIMEOUT_MS = 5_000;

export const wireguardGo: Tunnel = {
  name: 'wireguard-go',
  about: () => firstLine(['wireguard-go', '--version']),
  target: OVERLAY4.b,
  missing: () => missingPrograms(['wireguard-go', 'wg']),
  async start(site) {
    for (const host of HOSTS) {
      const socket = `/var/run/wireguard/${deviceOf(host)}.sock`;
      site.leftovers.push(socket);
      site.start(host, ['wireguard-go', '--foreground', deviceOf(host)]);
      for (let waitedMs = 0; !existsSync(socket) && waitedMs < SOCKET_TIMEOUT_MS; waitedMs += 10)
        await sleep(10);
    }
    await configure(site);
  },
};

export const wireguardKernel: Tunnel = {
  name: 'wireguard',
  about: () => 'the kernel’s',
  target: OVERLAY4.b,
  missing: () =>
    hasKernelWireguard()
      ? missingPrograms(['wg'])
      : 'a kernel with CONFIG_WIREGUARD; Debian’s linux-image-amd64 has it',
  async start(site) {
    for (const host of HOSTS) site.lab.ip(host, ['link', 'add', deviceOf(host), 'type', 'wireguard']);
    await configure(site);
  },
};

/** Of names that no other host of this machine has: their control sockets lie in one directory. */
function deviceOf(host: HostName): string {
  return `icxw${process.pid}${host}`;
}

async function configure(site: Site): Promise<void> {
  const keys = { a: makeKeys(), b: makeKeys() };
  for (const host of HOSTS) {
    const peer = host === 'a' ? 'b' : 'a';
    const device = deviceOf(host);
    const keyFile = site.write(`${host}.key`, keys[host].privateKey);
    const own = ['private-key', keyFile, 'listen-port', `${PORT}`];
    const other = ['peer', keys[peer].publicKey, 'endpoint', `${UNDERLAY[peer]}:${PORT}`];
    await site.run(host, ['wg', 'set', device, ...own, ...other, 'allowed-ips', `${OVERLAY4[peer]}/32`]);
    site.lab.ip(host, ['address', 'add', `${OVERLAY4[host]}/24`, 'dev', device]);
    site.lab.ip(host, ['link', 'set', device, 'mtu', `${MTU}`, 'up']);
  }
}

function makeKeys() {
  const privateKey = execFileSync('wg', ['genkey'], { encoding: 'utf8' });
  return {
    privateKey,
    publicKey: execFileSync('wg', ['pubkey'], { encoding: 'utf8', input: privateKey }).trim(),
  };
}

/** What a program says of itself. */
export function firstLine([program = '', ...args]: readonly string[]): string {
  return (
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0] ?? ''
  );
}
