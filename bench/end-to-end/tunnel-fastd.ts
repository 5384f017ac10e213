/** fastd in TUN mode, AES-128-GCM. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOSTS, type HostName, OVERLAY4, UNDERLAY } from '../../cli/demo/lab.ts';
import { missingPrograms } from './requirements.ts';
import { MTU } from './site.ts';
import type { Tunnel } from './tunnel.ts';
import { firstLine } from './tunnel-wireguard.ts';

const PORT = 10_000;
/** The second host's first handshake must find the first host: the next one comes 20 s later. */
const SETTLE_MS = 500;

export const fastd: Tunnel = {
  name: 'fastd',
  about: () => `${firstLine(['fastd', '--version'])}, aes128-gcm`,
  target: OVERLAY4.b,
  missing: () => missingPrograms(['fastd']),
  async start(site) {
    const keys = { a: makeKeys(), b: makeKeys() };
    for (const host of HOSTS) {
      const config = site.write(`${host}.conf`, configOf(host, keys));
      site.start(host, ['fastd', '--config', config]);
      await sleep(SETTLE_MS);
    }
  },
};

interface Keys {
  readonly secret: string;
  readonly public: string;
}

function makeKeys(): Keys {
  const text = execFileSync('fastd', ['--generate-key'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const key = (label: string) => new RegExp(`${label}: ([0-9a-f]{64})`).exec(text)?.[1] ?? '';
  return { secret: key('Secret'), public: key('Public') };
}

function configOf(host: HostName, keys: Readonly<Record<HostName, Keys>>): string {
  const peer = host === 'a' ? 'b' : 'a';
  return `mode tun;
interface "fastd0";
method "aes128-gcm";
mtu ${MTU};
bind ${UNDERLAY[host]}:${PORT};
secret "${keys[host].secret}";
log level warn;
on up "ip address add ${OVERLAY4[host]}/24 dev $INTERFACE && ip link set $INTERFACE up";
peer "${peer}" { key "${keys[peer].public}"; remote ${UNDERLAY[peer]}:${PORT}; }
`;
}
