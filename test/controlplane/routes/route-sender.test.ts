/** What a peer is told, against a peer that only follows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_MESSAGE_ROUTES, type RoutesMessage } from '../../../controlplane/record/routes-message.ts';
import { MAX_ROUTES, type RouteSet, routeSet } from '../../../controlplane/routes/ip-prefix.ts';
import { RouteInbox } from '../../../controlplane/routes/route-inbox.ts';
import { RouteSender } from '../../../controlplane/routes/route-sender.ts';
import { hostPrefixes } from './prefixes.ts';

/** A connection to a peer that takes `room` messages and then none. */
class Peer {
  readonly messages: RoutesMessage[] = [];
  room = Number.POSITIVE_INFINITY;
  knows: RouteSet | null = null;
  readonly #inbox = new RouteInbox();

  sendRoutes(message: RoutesMessage): boolean {
    if (this.room <= 0) return false;
    this.room -= 1;
    this.messages.push(message);
    this.knows = this.#inbox.take(message) ?? this.knows;
    return true;
  }
}

const NOTHING: RouteSet = new Map();

describe('RouteSender', () => {
  test('tells all when a connection is up, then what changed', () => {
    const sender = new RouteSender();
    const peer = new Peer();
    sender.start(peer);
    expect(sender.update(routeSet(hostPrefixes(3)))).toBe(true);
    expect(sender.update(routeSet(hostPrefixes(3, 1)))).toBe(true);
    expect(sender.update(routeSet(hostPrefixes(3, 1)))).toBe(true);
    const [a, ...rest] = hostPrefixes(4);
    expect(peer.messages).toEqual([
      { type: 'routes', sequence: 0, isFull: true, hasMore: false, withdraw: [], add: hostPrefixes(3) },
      { type: 'routes', sequence: 1, isFull: false, hasMore: false, withdraw: [a], add: rest.slice(2) },
    ]);
  });

  test('tells a peer that nothing is announced, which may remember more', () => {
    const sender = new RouteSender();
    const peer = new Peer();
    sender.start(peer);
    sender.update(NOTHING);
    expect(peer.messages).toMatchObject([{ isFull: true, hasMore: false, add: [] }]);
  });

  test('sends nothing without a connection, and everything anew on the next', () => {
    const sender = new RouteSender();
    const [first, second] = [new Peer(), new Peer()];
    expect(sender.update(routeSet(hostPrefixes(2)))).toBe(true);
    sender.start(first);
    sender.update(routeSet(hostPrefixes(2)));
    sender.stop();
    sender.update(NOTHING);
    sender.start(second);
    sender.update(routeSet(hostPrefixes(2)));
    expect(first.messages).toHaveLength(1);
    expect(second.messages).toEqual(first.messages);
  });

  test('splits the most that there can be, and the change to as many others', () => {
    const sender = new RouteSender();
    const peer = new Peer();
    sender.start(peer);
    sender.update(routeSet(hostPrefixes(MAX_ROUTES)));
    expect(peer.messages).toHaveLength(Math.ceil(MAX_ROUTES / MAX_MESSAGE_ROUTES));
    expect(peer.messages.map(({ hasMore }) => hasMore)).toEqual([...Array(18).fill(true), false]);
    sender.update(routeSet(hostPrefixes(MAX_ROUTES, MAX_ROUTES)));
    expect(peer.knows).toEqual(routeSet(hostPrefixes(MAX_ROUTES, MAX_ROUTES)));
  });

  test('goes on where a peer that reads slowly stopped it, also back to what was', () => {
    const sender = new RouteSender();
    const peer = new Peer();
    sender.start(peer);
    sender.update(NOTHING);
    peer.room = 1;
    expect(sender.update(routeSet(hostPrefixes(300)))).toBe(false);
    expect(peer.knows?.size).toBe(0);
    peer.room = 2;
    expect(sender.update(NOTHING)).toBe(true);
    expect(peer.messages.at(-1)).toMatchObject({ hasMore: false, add: [] });
    expect(peer.knows?.size).toBe(0);
  });

  test('a peer knows what is wanted after any changes and stops', () => {
    const step = fc.record({ from: fc.nat(400), count: fc.nat(500), room: fc.nat(4), restart: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const sender = new RouteSender();
        let peer = new Peer();
        sender.start(peer);
        let wanted: RouteSet = NOTHING;
        for (const { from, count, room, restart } of steps) {
          if (restart) {
            peer = new Peer();
            sender.start(peer);
          }
          wanted = routeSet(hostPrefixes(count, from));
          peer.room = room;
          sender.update(wanted);
        }
        peer.room = Number.POSITIVE_INFINITY;
        expect(sender.update(wanted)).toBe(true);
        expect(new Set(peer.knows?.keys())).toEqual(new Set(wanted.keys()));
      }),
      { numRuns: 50 },
    );
  });
});
