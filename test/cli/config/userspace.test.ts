import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diffConfig } from '../../../cli/config/diff.ts';
import { hasOnlyNetwork } from '../../../cli/config/diff-networks.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { withoutInterfaces } from '../../../cli/config/userspace.ts';
import { ConfigDir, publicKeyText, seedText } from './config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

const PEER = `[[peer]]\nname = "b"\npublic_key = "${publicKeyText(2)}"\npreshared_key = "${seedText(7)}"\n`;
const UNIX = 'type = "unix"\nname = "vm"\npath = "/run/vm.sock"\n';
const LAN = 'type = "interface"\nname = "lan"\ndevice = "veth0"\n';

function load(own: string, rest: string): Config {
  const text = `[interface]\nprivate_key_file = "own.key"\n${own}${PEER}${rest}`;
  return loadConfig(dir.write('icx0.toml', text, 0o600));
}

describe('withoutInterfaces()', () => {
  test('leaves out interfaces and their addresses, and nothing else', () => {
    const config = load('address = ["10.77.0.1/24"]\n', '[relay]\n');
    const { interface: own, networks, ...rest } = withoutInterfaces(config);
    const { interface: _, networks: before, ...kept } = config;
    expect(rest).toEqual(kept);
    expect(own).toEqual({ ...config.interface, addresses: [] });
    expect(networks).toEqual([{ ...before[0], device: false, addresses: [] }]);
  });

  test('keeps an only network the only one, so that a reload finds no change', () => {
    const again = () => withoutInterfaces(load('address = ["10.77.0.1/24"]\n', '[relay]\n'));
    expect(hasOnlyNetwork(again())).toBe(true);
    expect(diffConfig(again(), again())).toEqual([]);
  });

  test.each([
    ['a relay', '', '[relay]\n'],
    ['a guest', '', `[[port]]\n${UNIX}address = ["10.77.0.9"]\n`],
    ['a VXLAN segment', 'mode = "l2"\n', '[[port]]\ntype = "vxlan"\nname = "v"\nremotes = ["192.0.2.9"]\n'],
  ])('takes a network with %s', (_, own, rest) => {
    expect(withoutInterfaces(load(own, rest)).networks).toMatchObject([{ device: false }]);
  });

  test('refuses networks that could do nothing, all at once, and forgets the keys', () => {
    const config = load(
      '',
      `[[network]]\nname = "red"\nvni = 1\n[[network]]\nname = "blue"\nvni = 2\nmode = "l2"\n[[network.port]]\n${LAN}[[network]]\nname = "green"\nvni = 3\n[network.relay]\nenabled = false\n`,
    );
    const nothing = (name: string) =>
      `${config.file}: network ${name} has neither a port nor a relay, and no interface by --userspace; add a relay or a port, or run as root without --userspace`;
    const device = `${config.file}: port lan of network blue is an interface, which takes CAP_NET_RAW; remove it, or run as root without --userspace`;
    expect(() => withoutInterfaces(config)).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_CONFIG',
        message: [nothing('red'), device, nothing('green')].join('\n'),
      }),
    );
    expect(config.interface.seed).toEqual(new Uint8Array(32));
    expect(config.peers[0]?.presharedKey).toEqual(new Uint8Array(32));
  });
});
