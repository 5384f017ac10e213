/** What a thread that takes another's place is told of peers. */
import { describe, expect, test } from 'vitest';
import { KnownPeers } from '../../../dataplane/worker/known-peers.ts';
import { peer } from './pools.ts';

const A = { dst: '10.88.0.1/32', src: '0.0.0.0/0' };
const B = { dst: '10.88.0.2/32', src: '0.0.0.0/0' };
const C = { dst: '10.88.0.2/32', src: '10.77.0.0/24' };

function routesOf(known: KnownPeers): unknown {
  const [command] = known.commands(() => true);
  return command?.kind === 'setPeers' ? command.peers.map(({ routes }) => routes) : null;
}

describe('KnownPeers', () => {
  test('addRoutes() and removeRoutes() change the routes that a peer was set with', () => {
    const known = new KnownPeers();
    known.set([peer({ routes: [A] }), peer({ slot: 2 })]);
    known.addRoutes(1, [B, A, C]);
    expect(routesOf(known)).toEqual([[A, B, C], []]);
    known.removeRoutes(1, [B]);
    expect(routesOf(known)).toEqual([[A, C], []]);
    known.set([peer({ routes: [B] })]);
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
