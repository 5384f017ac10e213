/** What a new thread is told of peers, and what it is not told any more. */
import { describe, expect, test } from 'vitest';
import { KnownPeers } from '../../../dataplane/worker/known-peers.ts';
import { peerSpec } from '../path/host.ts';

const words = (n: number) => Uint32Array.of(n, 0, 0, 0, 0);
const ENDPOINT = { address: '192.0.2.9', port: 6_081 };

function knownOf(...slots: number[]): KnownPeers {
  const known = new KnownPeers();
  known.set(slots.map((slot) => peerSpec({ slot, vni: slot })));
  return known;
}

const all = (known: KnownPeers) => known.commands(() => true);

const A = { dst: '10.88.0.1/32', src: '0.0.0.0/0' };
const B = { dst: '10.88.0.2/32', src: '0.0.0.0/0' };
const C = { dst: '10.88.0.2/32', src: '10.77.0.0/24' };

function routesOf(known: KnownPeers): unknown {
  const [command] = known.commands(() => true);
  return command?.kind === 'setPeers' ? command.peers.map(({ routes }) => routes) : null;
}

describe('KnownPeers', () => {
  test('tells peers first, then where they are', () => {
    const known = knownOf(1, 2);
    known.learn(2, words(5));
    expect(all(known)).toEqual([
      { kind: 'setPeers', peers: [peerSpec({ slot: 1, vni: 1 }), peerSpec({ slot: 2, vni: 2 })] },
      { kind: 'learnEndpoint', slot: 2, words: words(5) },
    ]);
  });

  test('tells a queue those of its networks alone', () => {
    const known = knownOf(1, 2);
    known.learn(2, words(5));
    expect(known.commands((vni) => vni === 1)).toEqual([
      { kind: 'setPeers', peers: [peerSpec({ slot: 1, vni: 1 })] },
    ]);
    expect([known.vniOf(1), known.vniOf(2), known.vniOf(3)]).toEqual([1, 2, undefined]);
  });

  test.each([
    ['stays while the configured one is the same', { mtuBytes: 1_300 }, 1],
    ['goes with another configured one', { endpoint: ENDPOINT }, 0],
    ['goes where sources are validated', { validateSource: true }, 0],
  ])('a learned endpoint %s', (_, change, endpoints) => {
    const known = knownOf(1);
    known.learn(1, words(5));
    known.set([peerSpec({ slot: 1, vni: 1, ...change })]);
    expect(all(known).filter(({ kind }) => kind === 'learnEndpoint')).toHaveLength(endpoints);
  });

  test('forgets peers, and those of a network', () => {
    const known = knownOf(1, 2, 3);
    for (const slot of [1, 2, 3]) known.learn(slot, words(slot));
    known.forget(1);
    known.forgetNetwork(2);
    expect(all(known)).toEqual([
      { kind: 'setPeers', peers: [peerSpec({ slot: 3, vni: 3 })] },
      { kind: 'learnEndpoint', slot: 3, words: words(3) },
    ]);
  });

  test('addRoutes() and removeRoutes() change the routes that a peer was set with', () => {
    const known = new KnownPeers();
    known.set([peerSpec({ routes: [A] }), peerSpec({ slot: 2, routes: [] })]);
    known.addRoutes(1, [B, A, C]);
    expect(routesOf(known)).toEqual([[A, B, C], []]);
    known.removeRoutes(1, [B]);
    expect(routesOf(known)).toEqual([[A, C], []]);
    known.set([peerSpec({ routes: [B] })]);
    expect(routesOf(known)).toEqual([[B], []]);
  });

  test('takes no routes of a slot that nobody has', () => {
    const known = new KnownPeers();
    known.addRoutes(3, [A]);
    known.removeRoutes(3, [A]);
    expect(routesOf(known)).toEqual([]);
    expect(known.vniOf(3)).toBeUndefined();
  });
});
