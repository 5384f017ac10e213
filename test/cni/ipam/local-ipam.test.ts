import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fields } from '../../../cni/fields.ts';
import { LocalIpam } from '../../../cni/ipam/local-ipam.ts';
import { decodeConfig, readConfig } from '../../../cni/network-config.ts';

const BEFORE = '11111111-old';
const NOW = '22222222-new';

let dir: string;
let attached: Set<string> | null;
let attachedAsked: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'icx-ipam-'));
  attached = new Set();
  attachedAsked = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function ipam(bootId = NOW, changes: object = {}): LocalIpam {
  const json = { ranges: [[{ subnet: '10.1.0.0/29' }]], dataDir: dir, ...changes };
  const text = JSON.stringify({ cniVersion: '1.1.0', name: 'pods', type: 'icx-cni', ipam: json });
  const context = {
    config: readConfig(decodeConfig(text), text),
    variables: {},
    attached: async () => {
      attachedAsked++;
      return attached;
    },
  };
  return new LocalIpam(context, new Fields(json, 'ipam'), bootId);
}

/** With a namespace that is there, or not. */
function container(containerId: string, lives = true) {
  const netns = join(dir, `netns-${containerId}`);
  if (lives) writeFileSync(netns, '');
  return { containerId, ifname: 'eth0', netns };
}

const names = () => readdirSync(join(dir, 'pods')).filter((name) => !name.startsWith('.'));
const addressOf = async (name: string, of = ipam()) => (await of.add(container(name))).ips[0]?.address;

describe('LocalIpam.add()', () => {
  test('goes round, so that an address rests before it is used again', async () => {
    expect(await addressOf('a')).toBe('10.1.0.2/29');
    await ipam().del(container('a'));
    expect(await addressOf('b')).toBe('10.1.0.3/29');
    for (const name of ['c', 'd', 'e']) await addressOf(name);
    expect(await addressOf('f')).toBe('10.1.0.2/29');
  });

  test('takes one address of each set, or none at all', async () => {
    const two = { ranges: [[{ subnet: '10.1.0.0/29' }], [{ subnet: '10.2.0.0/30' }]] };
    const { ips } = await ipam(NOW, two).add(container('a'));
    expect(ips.map(({ address }) => address)).toEqual(['10.1.0.2/29', '10.2.0.2/30']);
    await expect(ipam(NOW, two).add(container('b'))).rejects.toMatchObject({ code: 100 });
    expect(names()).toEqual(['10.1.0.2', '10.2.0.2']);
  });

  test('takes the second range of a set when the first is used up', async () => {
    const set = { ranges: [[{ subnet: '10.2.0.0/30' }, { subnet: '10.3.0.0/30', gateway: '10.3.0.2' }]] };
    expect(await addressOf('a', ipam(NOW, set))).toBe('10.2.0.2/30');
    expect((await ipam(NOW, set).add(container('b'))).ips).toEqual([
      { address: '10.3.0.1/30', gateway: '10.3.0.2' },
    ]);
  });

  test('knows the subnet beside the ranges, as host-local does', async () => {
    const both = { subnet: 'fd00::/64', rangeStart: 'fd00::10' };
    const { ips } = await ipam(NOW, both).add(container('a'));
    expect(ips.map(({ address }) => address)).toEqual(['fd00::10/64', '10.1.0.2/29']);
  });

  test('reads DNS settings from a file', async () => {
    const resolvConf = join(dir, 'resolv.conf');
    writeFileSync(
      resolvConf,
      '# no\nnameserver 10.0.0.1\nnameserver fd00::1\nsearch a b\nsearch c\noptions x y\ndomain d',
    );
    const { dns } = await ipam(NOW, { resolvConf }).add(container('a'));
    expect(dns).toEqual({
      nameservers: ['10.0.0.1', 'fd00::1'],
      domain: 'd',
      search: ['c'],
      options: ['x', 'y'],
    });
  });

  test('does not ask the agent while nothing is of another boot', async () => {
    await addressOf('a');
    await addressOf('b');
    expect(attachedAsked).toBe(0);
  });
});

describe('after a reboot of the host LocalIpam.add()', () => {
  const full = async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await addressOf(name, ipam(BEFORE));
  };

  test('releases leases of containers that are gone', async () => {
    await full();
    expect(await addressOf('f')).toBe('10.1.0.2/29');
    expect([names(), attachedAsked]).toEqual([['10.1.0.2'], 1]);
  });

  test('keeps those with a namespace and an attachment', async () => {
    await full();
    attached = new Set(['b/eth0', 'c/eth0']);
    rmSync(container('c').netns);
    await addressOf('f');
    expect(names()).toEqual(['10.1.0.2', '10.1.0.3']);
  });

  test('keeps those with a namespace while the agent does not say', async () => {
    await full();
    attached = null;
    rmSync(container('d').netns);
    expect(await addressOf('f')).toBe('10.1.0.5/29');
  });

  test('gives the same container an address again', async () => {
    await addressOf('a', ipam(BEFORE));
    expect(await addressOf('a')).toBe('10.1.0.3/29');
    await expect(ipam().add(container('a'))).rejects.toMatchObject({ code: 101 });
  });

  test('releases leases that a power failure damaged', async () => {
    mkdirSync(join(dir, 'pods', '10.1.0.2'), { recursive: true });
    writeFileSync(join(dir, 'pods', '10.1.0.2', 'token'), '');
    expect(await addressOf('a')).toBe('10.1.0.2/29');
  });
});

describe('LocalIpam.del()', () => {
  test('does well though the ranges are another configuration’s by now', async () => {
    await addressOf('a');
    await ipam(NOW, { ranges: [[{ subnet: 'nonsense' }]] }).del(container('a'));
    expect(names()).toEqual([]);
  });

  test('releases only the interface that it is about', async () => {
    await addressOf('a');
    await ipam().del({ ...container('a'), ifname: 'eth1' });
    expect(names()).toEqual(['10.1.0.2']);
  });
});

describe('1,000 cycles', () => {
  test('leave nothing, and never give an address twice', async () => {
    const held = new Map<string, string>();
    for (let cycle = 0; cycle < 1000; cycle++) {
      const name = `c${cycle % 7}`;
      const before = held.get(name);
      if (before !== undefined) {
        await ipam().del(container(name, false));
        held.delete(name);
      }
      if (held.size >= 5) continue;
      const address = (await addressOf(name)) ?? '';
      expect([...held.values()]).not.toContain(address);
      held.set(name, address);
    }
    for (const name of held.keys()) await ipam().del(container(name));
    expect(readdirSync(join(dir, 'pods'))).toEqual(['.last-0']);
  });
});
