import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carriesIpv6 } from '../../../cli/agent/interface-plan.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import { ConfigDir, publicKeyText } from '../config/config-dir.ts';

let dir: ConfigDir;
beforeAll(() => {
  dir = new ConfigDir();
});
afterAll(() => dir.remove());

describe('carriesIpv6()', () => {
  test.each([
    ['neither address nor route', '"10.77.0.1/24"', '"10.77.0.2/32"', true, false],
    ['an address', '"fd77::1/64"', '"10.77.0.2/32"', true, true],
    ['a route', '"10.77.0.1/24"', '"10.77.0.2/32", "fd77::2/128"', true, true],
    ['a route that is not installed', '"10.77.0.1/24"', '"fd77::2/128"', false, false],
  ])('%s of IPv6', (_, address, allowedIps, routes, expected) => {
    const own = `[interface]\nprivate_key_file = "own.key"\naddress = [${address}]\nroutes = ${routes}\n`;
    const peer = `[[peer]]\npublic_key = "${publicKeyText(2)}"\nallowed_ips = [${allowedIps}]\n`;
    expect(carriesIpv6(loadConfig(dir.write('icx0.toml', own + peer, 0o600)))).toBe(expected);
  });
});
