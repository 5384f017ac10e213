/** What two configs must agree on: right, wrong and one-sided, with reasons that an operator can read. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PeerStatus } from '../../cli/status-schema.ts';
import { Agent, AgentDirectory, type KeyPair, makeKeyPair, type Settings } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab } from '../support/netns.ts';
import { copyTcp, ping } from '../support/traffic.ts';

/** One peer of the hub, whose overlay address is the first. */
interface Spoke {
  /** Keys of `[[peer]]` in the hub's config, and in its own. */
  readonly atHub?: Settings;
  readonly own?: Settings;
  readonly interface?: Settings;
  /** Whether its key is lower than the hub's; by chance where that makes no difference. */
  readonly lower?: boolean;
  /** Why it gets nowhere, in the words of either side; null where it does. */
  readonly refusal: readonly [atHub: RegExp, own: RegExp] | null;
}

const psk = (): string => randomBytes(32).toString('base64');
const shared = psk();
const NO_HYBRID = { hybrid: false };
const HYBRID: Spoke['refusal'] = [/hybrid/, /hybrid/];
const PSK: Spoke['refusal'] = [/preshared/, /preshared/];

const SPOKES: Readonly<Record<string, Spoke>> = {
  plain: { refusal: null },
  'psk-same': { atHub: { preshared_key: shared }, own: { preshared_key: shared }, refusal: null },
  'psk-other': { atHub: { preshared_key: psk() }, own: { preshared_key: psk() }, lower: true, refusal: PSK },
  'psk-at-hub': { atHub: { preshared_key: psk() }, lower: false, refusal: PSK },
  'psk-at-spoke': { own: { preshared_key: psk() }, lower: true, refusal: PSK },
  classic: { atHub: NO_HYBRID, own: NO_HYBRID, refusal: null },
  'hybrid-at-hub': { own: NO_HYBRID, lower: true, refusal: HYBRID },
  'hybrid-at-spoke': { atHub: NO_HYBRID, lower: false, refusal: HYBRID },
  suite: { interface: { suite: 'aes-256-gcm' }, refusal: [/suite/, /suite/] },
  vni: { interface: { vni: 8 }, refusal: [/no network with VNI 1 here/, /no network with VNI 8 here/] },
};
const NAMES = Object.keys(SPOKES);
const SETTLED = NAMES.filter((name) => SPOKES[name]?.refusal === null);
const REFUSED = NAMES.filter((name) => SPOKES[name]?.refusal !== null);

/** Neither very low nor very high, so that keys on either side of it are found soon. */
function middleKeys(): KeyPair {
  for (;;) {
    const keys = makeKeyPair();
    const first = Buffer.from(keys.publicKey, 'base64')[0] ?? 0;
    if (first > 50 && first < 200) return keys;
  }
}

function keysFor(hub: KeyPair, lower: boolean | undefined): KeyPair {
  const sortsLower = (keys: KeyPair): boolean =>
    Buffer.compare(Buffer.from(keys.publicKey, 'base64'), Buffer.from(hub.publicKey, 'base64')) < 0;
  let keys = makeKeyPair();
  while (lower !== undefined && sortsLower(keys) !== lower) keys = makeKeyPair();
  return keys;
}

function peerSection(name: string, publicKey: string, index: number, more: Settings = {}): Settings {
  return {
    name,
    public_key: publicKey,
    endpoint: `192.0.2.${index + 1}`,
    allowed_ips: [`${overlay4(index)}/32`, `${overlay6(index)}/128`],
    ...more,
  };
}

function ownSection(index: number, more: Settings = {}): Settings {
  return { address: [`${overlay4(index)}/24`, `${overlay6(index)}/64`], ...more };
}

describeHosts('configs that must agree', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  const spokes = new Map<string, Agent>();
  let hub: Agent;

  beforeAll(async () => {
    const [center, ...hosts] = lab.mesh(['hub', ...NAMES]);
    if (center === undefined) throw new TypeError('a hub expected');
    hub = new Agent(center, directory, 'hub', middleKeys());
    for (const [index, host] of hosts.entries()) {
      const name = NAMES[index] ?? '';
      const { own, interface: more, lower } = SPOKES[name] ?? {};
      const agent = new Agent(host, directory, name, keysFor(hub.keys, lower));
      const peers = [peerSection('hub', hub.keys.publicKey, 0, own)];
      agent.writeConfig({ interface: ownSection(index + 1, more), peers });
      spokes.set(name, agent);
    }
    const peers = NAMES.map((name, index) =>
      peerSection(name, spokes.get(name)?.keys.publicKey ?? '', index + 1, SPOKES[name]?.atHub),
    );
    hub.writeConfig({ interface: ownSection(0), peers });
    for (const agent of [hub, ...spokes.values()]) agent.start();
    await hub.waitPeers(SETTLED, 40_000);
  }, 60_000);
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  function spoke(name: string): Agent {
    const agent = spokes.get(name);
    if (agent === undefined) throw new TypeError(`no spoke ${name}`);
    return agent;
  }

  async function atHub(name: string): Promise<PeerStatus | undefined> {
    return (await hub.status()).peers.find((peer) => peer.name === name);
  }

  test.each(SETTLED)('%s: the peers talk and rekey', async (name) => {
    const index = NAMES.indexOf(name) + 1;
    await spoke(name).waitPeers();
    for (const address of [overlay4(index), overlay6(index)]) {
      expect((await ping(hub.host, address, { count: 2, timeoutMs: 5_000 })).received).toBe(2);
    }
    for (const agent of [hub, spoke(name)]) {
      const { peers } = await agent.admin.rekey(agent === hub ? [name] : []);
      expect(peers.map(({ ok, lost_packets }) => ({ ok, lost_packets }))).toEqual([
        { ok: true, lost_packets: 0 },
      ]);
    }
  });

  test('hybrid = false on both sides: status says X25519 only, and the others hybrid', async () => {
    expect(await atHub('classic')).toMatchObject({ hybrid: false });
    expect(await atHub('plain')).toMatchObject({ hybrid: true });
    const { stdout } = await spoke('classic').cli('status');
    expect(stdout).toMatch(/latest handshake: .* took .*, X25519, aes-128-gcm$/m);
    expect((await spoke('plain').cli('status')).stdout).toMatch(/X25519 and ML-KEM-768, aes-128-gcm$/m);
  });

  test.each(REFUSED)('%s: refused, and both operators can read why', async (name) => {
    const agent = spoke(name);
    const [hubWords, ownWords] = SPOKES[name]?.refusal ?? [/^$/, /^$/];
    await hub.until(`says why of ${name}`, 30_000, ({ peers }) =>
      hubWords.test(peers.find((peer) => peer.name === name)?.last_error ?? ''),
    );
    await agent.until('says why', 30_000, ({ peers }) => ownWords.test(peers[0]?.last_error ?? ''));
    const index = NAMES.indexOf(name) + 1;
    expect((await ping(hub.host, overlay4(index), { count: 2, timeoutMs: 100 })).received).toBe(0);
    const { peers, totals } = await agent.status();
    for (const peer of [peers[0], await atHub(name)]) {
      expect(peer).toMatchObject({ handshake: null, hybrid: null, sas: { rx: [], tx: [] } });
      expect(peer?.state).not.toBe('up');
      expect(peer?.transfer).toMatchObject({ rx_packets: 0, tx_packets: 0 });
    }
    expect(totals.tx.delivered).toBe(0);
  });

  test('the reasons stand in the log and in `icx status`, and go on standing there', async () => {
    await sleep(2_000);
    const { stdout } = await hub.cli('status');
    const { peers } = await hub.status();
    for (const name of REFUSED) {
      const [hubWords, ownWords] = SPOKES[name]?.refusal ?? [/^$/, /^$/];
      expect({ name, error: peers.find((peer) => peer.name === name)?.last_error }).toEqual({
        name,
        error: expect.stringMatching(hubWords),
      });
      const agent = spoke(name);
      expect((await agent.status()).peers[0]?.last_error).toMatch(ownWords);
      expect(agent.log).toMatch(ownWords);
    }
    expect(stdout).toMatch(/state: waiting \(.*preshared/);
    expect(hub.log).toMatch(/"peer":"psk-other","reason":"[^"]*preshared/);
  });
});

describeHosts('suite = "aes-256-gcm" on both sides', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  test('the peers talk under it, and status says so', async () => {
    const hosts = lab.mesh(['a', 'b']);
    const [a, b] = hosts;
    if (a === undefined || b === undefined) throw new TypeError('two hosts expected');
    const agents = hosts.map((host, index) => new Agent(host, directory, `w${index}`));
    for (const [index, agent] of agents.entries()) {
      const other = agents[1 - index];
      agent.writeConfig({
        interface: ownSection(index, { suite: 'aes-256-gcm' }),
        peers: [peerSection('other', other?.keys.publicKey ?? '', 1 - index)],
      });
      agent.start();
    }
    await Promise.all(agents.map((agent) => agent.waitPeers([], 30_000)));
    expect(await copyTcp(a, b, overlay6(1), 2_000_000)).toMatchObject({ intact: true });
    for (const agent of agents) {
      expect((await agent.cli('rekey')).stdout).toMatch(/packets lost: 0 of/);
      expect((await agent.status()).peers[0]).toMatchObject({ suite: 'aes-256-gcm', hybrid: true });
      expect((await agent.cli('status')).stdout).toMatch(/X25519 and ML-KEM-768, aes-256-gcm$/m);
    }
  }, 60_000);
});
