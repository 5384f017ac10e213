/** Nebula, AES-256-GCM. */
import { execFileSync } from 'node:child_process';
import { HOSTS, type HostName, OVERLAY4, UNDERLAY } from '../../cli/demo/lab.ts';
import { missingPrograms } from './requirements.ts';
import { MTU, type Site } from './site.ts';
import type { Tunnel } from './tunnel.ts';
import { firstLine } from './tunnel-wireguard.ts';

const PORT = 4_242;

export const nebula: Tunnel = {
  name: 'nebula',
  about: () => `nebula ${firstLine(['nebula', '-version']).replace('Version: ', '')}, AES-256-GCM`,
  target: OVERLAY4.b,
  missing: () => missingPrograms(['nebula', 'nebula-cert']),
  start(site) {
    const authority = ['-ca-crt', site.file('ca.crt'), '-ca-key', site.file('ca.key')];
    certify(['ca', '-name', 'bench', '-out-crt', site.file('ca.crt'), '-out-key', site.file('ca.key')]);
    for (const host of HOSTS) {
      const files = ['-out-crt', site.file(`${host}.crt`), '-out-key', site.file(`${host}.key`)];
      certify(['sign', ...authority, '-name', host, '-ip', `${OVERLAY4[host]}/24`, ...files]);
    }
    for (const host of HOSTS) {
      site.start(host, ['nebula', '-config', site.write(`${host}.yml`, configOf(site, host))]);
    }
  },
};

function certify(args: readonly string[]): void {
  execFileSync('nebula-cert', args, { stdio: 'pipe' });
}

function configOf(site: Site, host: HostName): string {
  const peer = host === 'a' ? 'b' : 'a';
  const lighthouse =
    host === 'a' ? '{am_lighthouse: true}' : `{am_lighthouse: false, hosts: ["${OVERLAY4.a}"]}`;
  return `pki: {ca: ${site.file('ca.crt')}, cert: ${site.file(`${host}.crt`)}, key: ${site.file(`${host}.key`)}}
static_host_map: {"${OVERLAY4[peer]}": ["${UNDERLAY[peer]}:${PORT}"]}
lighthouse: ${lighthouse}
listen: {host: 0.0.0.0, port: ${PORT}}
punchy: {punch: false}
cipher: aes
tun: {disabled: false, dev: nebula0, mtu: ${MTU}}
logging: {level: warning, format: text}
firewall:
  outbound: [{port: any, proto: any, host: any}]
  inbound: [{port: any, proto: any, host: any}]
`;
}
