import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import {
  type NatAttachment,
  type NatState,
  natObjects,
  removeCommands,
  replaceCommands,
} from '../../cni/netfilter.ts';
import { natDifferences } from '../../cni/netfilter-listing.ts';

const TABLE = 'icx-test';
const WEB: NatAttachment = {
  containerId: 'web',
  ifname: 'eth0',
  ips: ['10.1.0.5/24', 'fd01::5/64'],
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '192.0.2.1' },
    { hostPort: 36412, containerPort: 36412, protocol: 'sctp', hostIP: '::' },
  ],
  masquerade: true,
  segment: false,
};
const QUIET: NatAttachment = { ...WEB, containerId: 'quiet', ips: ['10.1.0.6/24'], portMappings: [] };
const NAMELESS: NatAttachment = { ...WEB, containerId: 'nameless', ips: [] };
const state = (attachments: readonly NatAttachment[], overlay = ['10.0.0.0/8', 'fd00::/8']): NatState => ({
  table: TABLE,
  attachments,
  overlay,
});

// biome-ignore lint/suspicious/noExplicitAny: parts of JSON documents.
type Json = any;
const rules = (of: NatState, chain: string): Json[] =>
  natObjects(of).flatMap(({ rule }) => (rule?.chain === chain ? [rule as Json] : []));
const set = (of: NatState, name: string): Json =>
  natObjects(of).find(({ set: found }) => found?.name === name)?.set;
/** Right sides of a rule's matches, and its end. */
const gist = ({ expr }: Json): unknown[] => expr.map((part: Json) => part.match?.right ?? part);

describe('natObjects()', () => {
  test('publishes a port on each family that container and host address have', () => {
    expect(rules(state([WEB, NAMELESS]), 'ports').map(gist)).toEqual([
      ['ipv4', 8080, { dnat: { family: 'ip', addr: '10.1.0.5', port: 80 } }],
      ['ipv6', 8080, { dnat: { family: 'ip6', addr: 'fd01::5', port: 80 } }],
      ['192.0.2.1', 53, { dnat: { family: 'ip', addr: '10.1.0.5', port: 5353 } }],
      ['ipv6', 36412, { dnat: { family: 'ip6', addr: 'fd01::5', port: 36412 } }],
    ]);
    const protocols = rules(state([WEB]), 'ports').map(({ expr }) => expr[1].match.left.payload);
    expect(protocols.map(({ protocol }) => protocol)).toEqual(['tcp', 'tcp', 'udp', 'sctp']);
  });

  test('leaves loopback addresses to the host itself', () => {
    expect(rules(state([WEB]), 'output').map(gist)).toEqual([
      [{ prefix: { addr: '127.0.0.0', len: 8 } }, { return: null }],
      ['::1', { return: null }],
      ['local', { jump: { target: 'ports' } }],
    ]);
  });

  test('hides a container that reaches itself; in a segment its neighbours, too', () => {
    const hairpins = (attachment: NatAttachment) =>
      rules(state([attachment]), 'postrouting')
        .slice(0, 2)
        .map(gist);
    expect(hairpins(WEB)).toEqual([
      ['dnat', '10.1.0.5', '10.1.0.5', { masquerade: null }],
      ['dnat', 'fd01::5', 'fd01::5', { masquerade: null }],
    ]);
    expect(hairpins({ ...WEB, segment: true })).toEqual([
      ['dnat', { prefix: { addr: '10.1.0.0', len: 24 } }, '10.1.0.5', { masquerade: null }],
      ['dnat', { prefix: { addr: 'fd01::', len: 64 } }, 'fd01::5', { masquerade: null }],
    ]);
    expect(rules(state([QUIET]), 'postrouting')).toHaveLength(2);
  });

  test('masquerades what leaves the overlay, of those that want it', () => {
    const of = state([WEB, QUIET, { ...WEB, ips: ['10.1.0.9/24'], masquerade: false }]);
    expect(set(of, 'masquerade4').elem).toEqual(['10.1.0.5', '10.1.0.6']);
    expect(set(of, 'masquerade6').elem).toEqual(['fd01::5']);
    expect(set(state([]), 'masquerade4')).not.toHaveProperty('elem');
    expect(rules(of, 'postrouting').slice(-2).map(gist)).toEqual([
      ['@masquerade4', '@overlay4', { masquerade: null }],
      ['@masquerade6', '@overlay6', { masquerade: null }],
    ]);
  });

  test('knows overlay prefixes without those within others', () => {
    const of = state(
      [],
      ['10.1.0.0/16', '10.1.2.0/24', '10.1.0.0/16', '192.0.2.7/32', 'fd00::/8', 'fd01::/64'],
    );
    const prefix = (addr: string, len: number) => ({ prefix: { addr, len } });
    expect(set(of, 'overlay4').elem).toEqual([prefix('224.0.0.0', 4), prefix('10.1.0.0', 16), '192.0.2.7']);
    expect(set(of, 'overlay6').elem).toEqual([prefix('fd00::', 8), prefix('ff00::', 8)]);
  });

  test('shortens comments to what the kernel takes', () => {
    const [rule] = rules(state([{ ...WEB, containerId: 'a'.repeat(255) }]), 'ports');
    expect(rule.comment).toHaveLength(127);
  });
});

describe('natDifferences()', () => {
  const listed = (of: NatState) => ({ nftables: [{ metainfo: {} }, ...natObjects(of)] });
  const WANTED = state([WEB, QUIET]);

  test('finds none in what was made', () => expect(natDifferences(WANTED, listed(WANTED))).toEqual([]));

  test('does not mind handles, order of elements, and a flag that stands alone', () => {
    const text = JSON.stringify(listed(WANTED))
      .replaceAll('"family":"inet"', '"family":"inet","handle":7')
      .replaceAll('["interval"]', '"interval"')
      .replace('["10.1.0.5","10.1.0.6"]', '["10.1.0.6","10.1.0.5"]');
    expect(natDifferences(WANTED, JSON.parse(text))).toEqual([]);
  });

  test.each<[string, NatState, string[]]>([
    [
      'a rule that is gone',
      state([QUIET, { ...WEB, portMappings: WEB.portMappings.slice(1) }]),
      ['"tcp 8080 web/eth0"'],
    ],
    [
      'an element that is gone',
      state([WEB]),
      ['set masquerade4 is missing or changed', 'set masquerade4 is not ours'],
    ],
    [
      'a rule more',
      state([WEB, QUIET, { ...WEB, containerId: 'x', masquerade: false }]),
      ['"tcp 8080 x/eth0"', 'is not ours'],
    ],
    ['everything', { ...WANTED, table: 'other' }, ['chain ports is missing']],
  ])('finds %s', (_, found, words) => {
    const text = natDifferences(WANTED, listed(found)).join('\n');
    for (const word of words) expect(text).toContain(word);
  });

  test('finds rules in another order', () => {
    const objects = natObjects(WANTED);
    const ports = objects.filter(({ rule }) => rule?.chain === 'ports');
    const turned = [...objects.filter((object) => !ports.includes(object)), ...ports.reverse()];
    expect(natDifferences(WANTED, { nftables: turned })).toEqual(['rules are in another order']);
  });

  test('finds nothing at all', () => {
    expect(natDifferences(WANTED, null)).toEqual([`there is no table inet ${TABLE}`]);
    expect(natDifferences(WANTED, 'nonsense').length).toBeGreaterThan(5);
  });
});

/** Why the kernel can't be asked; null when it can. */
function obstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  return spawnSync('nft', ['--version']).status === 0 ? null : 'needs nft';
}

const missing = obstacle();
if (missing !== null) process.stderr.write(`skipped: netfilter in the kernel ${missing}\n`);

describe.skipIf(missing !== null)('the kernel', () => {
  /** Runs nft for each text in a network namespace that ends with it; gives the output of all. */
  function nft(...inputs: string[]): string {
    const script = inputs.map((_, index) => `printf %s "$${index + 1}" | nft -j -f - || exit 1`).join('\n');
    const list = `nft -j list table inet ${TABLE} 2>/dev/null || echo null`;
    return execFileSync('unshare', ['-n', 'sh', '-c', `${script}\n${list}`, 'sh', ...inputs], {
      encoding: 'utf8',
    });
  }

  test.each<[string, NatState]>([
    ['nothing', state([], [])],
    ['containers', state([WEB, QUIET, NAMELESS])],
    ['a segment', state([{ ...WEB, segment: true }], ['192.0.2.7/32', '10.1.0.0/16', '10.1.2.0/24'])],
    ['an overlay that is everything', state([WEB], ['0.0.0.0/0', '::/0'])],
  ])('takes rules for %s and lists them without a difference', (_, of) => {
    expect(natDifferences(of, JSON.parse(nft(replaceCommands(of))))).toEqual([]);
  });

  test('replaces the table as a whole, and removes it', () => {
    const [first, second] = [state([WEB]), state([QUIET])];
    expect(natDifferences(second, JSON.parse(nft(replaceCommands(first), replaceCommands(second))))).toEqual(
      [],
    );
    expect(JSON.parse(nft(replaceCommands(first), removeCommands(TABLE)))).toBeNull();
    expect(JSON.parse(nft(removeCommands(TABLE)))).toBeNull();
  });
});
