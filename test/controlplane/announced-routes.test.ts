/** Routes that hosts announce to each other, over simulated connections. */
import { describe, expect, test, vi } from 'vitest';
import { encodeMessage } from '../../controlplane/record/message.ts';
import type { RoutesMessage } from '../../controlplane/record/routes-message.ts';
import { type IpPrefix, MAX_ROUTES, prefixKey } from '../../controlplane/routes/ip-prefix.ts';
import { TunnelRoutes } from '../../controlplane/routes/tunnel-routes.ts';
import { Session } from '../../controlplane/session.ts';
import { hostPrefix, hostPrefixes, longPrefix } from './routes/prefixes.ts';
import { RawClient } from './simulation/raw-client.ts';
import type { SimHost } from './simulation/sim-host.ts';
import { SimPair } from './simulation/sim-pair.ts';

function names(prefixes: readonly IpPrefix[] | undefined): string[] | undefined {
  return prefixes?.map(prefixKey).sort();
}

function last(host: SimHost): string[] | undefined {
  return names(host.routes.at(-1)?.prefixes);
}

describe('ControlPlane.announce()', () => {
  test('tells peers within 50 ms of what changed, and who connects later of everything', async () => {
    const pair = new SimPair();
    await pair.startLower();
    pair.lower.control?.announce(7, hostPrefixes(3));
    await pair.startHigher();
    await pair.whenUp();
    await pair.clock.advance(20);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(3)));
    await pair.clock.advance(1_000);
    pair.lower.control?.announce(7, hostPrefixes(3, 1));
    await pair.clock.advance(50);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(3, 1)));
    expect(last(pair.lower)).toEqual([]);
  });

  test('makes one change of those that come within 50 ms of each other', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.clock.advance(1_000);
    const [before, writes] = [pair.higher.routes.length, pair.network.writes];
    for (let count = 1; count <= 40; count++) {
      pair.lower.control?.announce(7, hostPrefixes(count));
      await pair.clock.advance(1);
    }
    await pair.clock.advance(200);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(40)));
    expect(pair.higher.routes.length - before).toBe(2);
    expect(pair.network.writes - writes).toBeLessThanOrEqual(4);
  });

  test('tells only the peers of the network', async () => {
    const pair = new SimPair({ networks: { lower: [7, 8], higher: [7, 8] } });
    await pair.connect();
    const changed = vi.spyOn(TunnelRoutes.prototype, 'changed');
    pair.lower.control?.announce(8, hostPrefixes(2));
    expect(changed).toHaveBeenCalledTimes(1);
    changed.mockRestore();
    await pair.clock.advance(100);
    const told = pair.higher.routes.filter(({ prefixes }) => prefixes.length > 0);
    expect(told.map(({ vni, slot }) => ({ vni, slot }))).toEqual([{ vni: 8, slot: 2 }]);
  });

  test('carries the most that there can be, in the largest form, to a peer that stays connected', async () => {
    const pair = new SimPair();
    await pair.connect();
    const all = Array.from({ length: MAX_ROUTES }, (_, number) => longPrefix(number));
    pair.lower.control?.announce(7, all);
    await pair.clock.advance(1_000);
    expect(last(pair.higher)).toEqual(names(all));
    expect(pair.standing).toBe(1);
    pair.lower.control?.announce(7, []);
    await pair.clock.advance(1_000);
    expect(last(pair.higher)).toEqual([]);
    // Nobody was told of half a change.
    const sizes = pair.higher.routes.map(({ prefixes }) => prefixes.length);
    expect(new Set(sizes)).toEqual(new Set([0, MAX_ROUTES]));
  });

  test('refuses more, with nothing done', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.announce(7, hostPrefixes(1));
    expect(() => pair.lower.control?.announce(7, hostPrefixes(MAX_ROUTES + 1))).toThrow(RangeError);
    await pair.clock.advance(500);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(1)));
  });
});

describe('announced routes', () => {
  test('stay while no connection stands, until the peer tells a new set', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.announce(7, hostPrefixes(2));
    await pair.clock.advance(100);
    pair.lower.kill();
    await pair.clock.advance(30_000);
    expect(pair.higher.up).toBe(false);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(2)));
    const before = pair.higher.routes.length;
    await pair.startLower();
    await pair.whenUp();
    await pair.clock.advance(100);
    // The new process announces nothing.
    expect(pair.higher.routes.slice(before).map(({ prefixes }) => prefixes)).toEqual([[]]);
  });

  test('follow what changed while no connection stood, without ever being none', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.announce(7, hostPrefixes(300));
    await pair.clock.advance(500);
    pair.network.dark.add(pair.lower.address);
    await pair.clock.until(() => !pair.lower.up && !pair.higher.up, 20_000);
    pair.lower.control?.announce(7, hostPrefixes(300, 5));
    pair.network.dark.clear();
    const before = pair.higher.routes.length;
    await pair.whenUp();
    await pair.clock.advance(500);
    const sizes = pair.higher.routes.slice(before).map(({ prefixes }) => prefixes.length);
    expect(sizes).toEqual([300]);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(300, 5)));
  });

  test('survive rekeys, and change after them', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.announce(7, hostPrefixes(2));
    await pair.during(pair.lower.control?.rekey() ?? Promise.resolve([]));
    pair.lower.control?.announce(7, hostPrefixes(3));
    await pair.clock.advance(100);
    expect(last(pair.higher)).toEqual(names(hostPrefixes(3)));
    expect(pair.violations).toEqual([]);
  });

  test('that wait for a peer which does not read are not tried again once the connection is gone', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.clock.advance(1_000);
    const sent = vi.spyOn(Session.prototype, 'sendRoutes');
    for (const end of pair.network.connections) end.write = () => new Promise(() => {});
    pair.network.dark.add(pair.lower.address);
    const all = Array.from({ length: MAX_ROUTES }, (_, number) => longPrefix(number));
    pair.lower.control?.announce(7, all);
    await pair.clock.advance(500);
    // Once each 50 ms, and not one message after the other until the connection breaks.
    expect(sent.mock.calls.length).toBeGreaterThan(10);
    expect(sent.mock.calls.length).toBeLessThan(20);
    await pair.clock.until(() => !pair.lower.up, 20_000);
    sent.mockClear();
    await pair.clock.advance(5_000);
    expect(sent).not.toHaveBeenCalled();
    sent.mockRestore();
  });

  test('go with the peer, also where only its keys change', async () => {
    const pair = new SimPair();
    await pair.connect();
    pair.lower.control?.announce(7, hostPrefixes(2));
    await pair.clock.advance(100);
    const psk = new Uint8Array(32).fill(3);
    const changing = pair.higher.control?.changePeer(pair.peerOf(pair.lower, { psk }));
    await pair.during(changing ?? Promise.resolve());
    expect(last(pair.higher)).toEqual([]);
  });

  test('that are removed with the peer are told once, and not where there were none', async () => {
    const pair = new SimPair();
    await pair.connect();
    await pair.clock.advance(100);
    const [lower, higher] = pair.hosts.map(({ routes }) => routes.length);
    pair.lower.control?.announce(7, hostPrefixes(2));
    await pair.clock.advance(10);
    await pair.during(pair.higher.control?.removePeer(1) ?? Promise.resolve());
    await pair.during(pair.lower.control?.removePeer(1) ?? Promise.resolve());
    await pair.clock.advance(1_000);
    expect(pair.higher.routes.slice(higher).map(({ prefixes }) => prefixes.length)).toEqual([2, 0]);
    expect(pair.lower.routes.slice(lower)).toEqual([]);
  });

  test('reach the other end whichever connection stays', async () => {
    for (let slowMs = 400; slowMs <= 1_000; slowMs += 60) {
      const pair = new SimPair();
      pair.network.delayMs = 40;
      pair.network.slowDials.set(pair.lower.address, slowMs);
      await pair.start();
      pair.lower.control?.announce(7, hostPrefixes(1));
      pair.higher.control?.announce(7, hostPrefixes(2));
      await pair.whenUp();
      for (let count = 3; count < 60; count++) {
        pair.lower.control?.announce(7, hostPrefixes(count));
        await pair.clock.advance(17);
      }
      await pair.clock.advance(500);
      expect([last(pair.higher)?.length, last(pair.lower)?.length], `${slowMs} ms`).toEqual([59, 2]);
      expect(pair.standing).toBe(1);
    }
  });
});

describe('a peer that announces', () => {
  const FULL: RoutesMessage = {
    type: 'routes',
    sequence: 0,
    isFull: true,
    hasMore: false,
    withdraw: [],
    add: [hostPrefix(1)],
  };

  /** The caller plays the lower host with SAs that nobody uses. */
  async function connected(): Promise<{ pair: SimPair; client: RawClient }> {
    const pair = new SimPair({ peer: { endpoint: null } });
    pair.network.pins = false;
    await pair.startHigher();
    const client = await RawClient.connect(pair, pair.higher, pair.lower.identity.publicKey);
    await client.generation(pair.lower.identity, pair.higher, 0);
    return { pair, client };
  }

  test('is heard', async () => {
    const { pair, client } = await connected();
    await client.say(FULL);
    expect(pair.higher.routes).toMatchObject([{ slot: 1, prefixes: [hostPrefix(1)] }]);
  });

  test('without a pause is told on every 50 ms, with its latest', async () => {
    const { pair, client } = await connected();
    await client.say(FULL);
    const burst: Promise<void>[] = [];
    for (let sequence = 1; sequence <= 30; sequence++) {
      burst.push(client.say({ ...FULL, sequence, isFull: false, add: [hostPrefix(1 + sequence)] }));
    }
    await Promise.all(burst);
    await pair.clock.advance(200);
    expect(pair.higher.routes.length).toBeLessThanOrEqual(4);
    expect(pair.higher.routes.at(-1)?.prefixes).toHaveLength(31);
  });

  test('on a connection that another one takes over is not heard there any more', async () => {
    const { pair, client } = await connected();
    await client.say(FULL);
    await pair.clock.advance(6_000);
    const { identity } = pair.lower;
    const newer = await RawClient.connect(pair, pair.higher, identity.publicKey);
    await newer.handshake(identity, pair.higher);
    await newer.say({ ...FULL, add: [hostPrefix(2)] });
    await client.say({ ...FULL, sequence: 1, isFull: false, add: [hostPrefix(3)] });
    expect(client.closeReason).toBeNull();
    expect(pair.higher.routes.map(({ prefixes }) => prefixes)).toEqual([[hostPrefix(1)], [hostPrefix(2)]]);
  });

  test('is not told on once the control plane is closed', async () => {
    const { pair, client } = await connected();
    const burst = [
      client.say(FULL),
      client.say({ ...FULL, sequence: 1, isFull: false, add: [hostPrefix(2)] }),
    ];
    pair.clock.setTimer(30, () => void pair.higher.control?.close());
    await Promise.all(burst);
    await pair.clock.advance(1_000);
    expect(pair.higher.routes).toMatchObject([{ prefixes: [hostPrefix(1)] }]);
  });

  test.each([
    ['changes before a full set', encodeMessage({ ...FULL, isFull: false }), /before a full set/],
    ['out of turn', encodeMessage({ ...FULL, sequence: 3 }), /came out of turn/],
    ['with a prefix that is none', Uint8Array.of(11, 1, 0, 0, 0, 0, 0, 1, 4, 33, 1, 2, 3, 4, 5), /33 bits/],
    ['with less than it says', Uint8Array.of(11, 1, 0, 0, 0, 0, 0, 2, 4, 8, 10), /too short/],
    ['with more than it says', Uint8Array.of(11, 1, 0, 0, 0, 0, 0, 0, 1), /too long/],
  ])('%s is disconnected, and hears why', async (_, bytes, reason) => {
    const { pair, client } = await connected();
    await client.seal(bytes);
    expect(client.refusal).toMatch(reason);
    await pair.clock.advance(300);
    expect(client.closeReason).toMatch(reason);
    expect(pair.higher.status().lastError).toMatch(reason);
    expect(pair.higher.routes).toEqual([]);
  });

  test('more than may be is disconnected, and what it announced before stays', async () => {
    const { pair, client } = await connected();
    await client.say(FULL);
    for (let at = 0; at < 18 && client.closeReason === null; at++) {
      const add = hostPrefixes(224, 1_000 + 224 * at);
      await client.say({ ...FULL, sequence: 1 + at, isFull: false, hasMore: true, add });
    }
    await client.say({ ...FULL, sequence: 19, isFull: false, add: hostPrefixes(224, 9_000) });
    expect(client.refusal).toBe('more than 4096 routes announced');
    expect(pair.higher.routes.map(({ prefixes }) => prefixes.length)).toEqual([1]);
  });
});
