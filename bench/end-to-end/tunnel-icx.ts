/** icx itself, as it is built. */
import { fileURLToPath } from 'node:url';
import { makeKeys } from '../../cli/demo/demo-agent.ts';
import { HOSTS, type HostName, OVERLAY4, UNDERLAY } from '../../cli/demo/lab.ts';
import { MTU, type Site } from './site.ts';
import type { Tunnel } from './tunnel.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

interface Variant {
  readonly queues: number | null;
  /** Whether the hosts share an Ethernet segment: frames go by stations, no addresses are allowed to anyone. */
  readonly isSegment: boolean;
}

/** @param queues Null leaves it to icx. */
export function icx(queues: number | null, name = 'icx'): Tunnel {
  return tunnel(name, { queues, isSegment: false });
}

/** A Layer 2 network between the two hosts' TAPs. */
export function icxSegment(name: string): Tunnel {
  return tunnel(name, { queues: 1, isSegment: true });
}

function tunnel(name: string, variant: Variant): Tunnel {
  const { queues, isSegment } = variant;
  const kind = isSegment ? ', Ethernet frames' : '';
  return {
    name,
    about: () => `this build, AES-128-GCM, queues = ${queues ?? '"auto"'}${kind}`,
    target: OVERLAY4.b,
    missing: () => null,
    start(site) {
      const keys = { a: makeKeys(), b: makeKeys() };
      for (const host of HOSTS) {
        const peer = host === 'a' ? 'b' : 'a';
        const keyFile = site.write(`${host}.key`, `${keys[host].privateKey}\n`);
        const config = site.write(`${host}.toml`, configOf(host, keyFile, keys[peer].publicKey, variant));
        startAgent(site, host, config);
      }
    },
  };
}

function startAgent(site: Site, host: HostName, config: string): void {
  site.start(host, [process.execPath, MAIN, 'up', '--config', config], { ICX_RUN_DIR: site.directory });
}

function configOf(host: HostName, keyFile: string, peerKey: string, { queues, isSegment }: Variant): string {
  const peer = host === 'a' ? 'b' : 'a';
  return `[interface]
name = "bench-${host}"
private_key_file = "${keyFile}"
address = ["${OVERLAY4[host]}/24"]
mtu = ${MTU}
queues = ${queues ?? '"auto"'}
${isSegment ? 'mode = "l2"\n' : ''}
[metrics]
listen = false

[[peer]]
name = "${peer}"
public_key = "${peerKey}"
endpoint = "${UNDERLAY[peer]}"
${isSegment ? '' : `allowed_ips = ["${OVERLAY4[peer]}/32"]\n`}`;
}
