import { describe, expect, test } from 'vitest';
import type { RoutesMessage } from '../../../controlplane/record/routes-message.ts';
import { MAX_ROUTES, routeSet } from '../../../controlplane/routes/ip-prefix.ts';
import { RouteInbox } from '../../../controlplane/routes/route-inbox.ts';
import { hostPrefixes } from './prefixes.ts';

const FULL: RoutesMessage = {
  type: 'routes',
  sequence: 0,
  isFull: true,
  hasMore: false,
  withdraw: [],
  add: hostPrefixes(2),
};

function next(sequence: number, changes: Partial<RoutesMessage> = {}): RoutesMessage {
  return { ...FULL, sequence, isFull: false, add: [], ...changes };
}

describe('RouteInbox.take()', () => {
  test('gives all that is announced after each change', () => {
    const inbox = new RouteInbox();
    expect(inbox.take(FULL)).toEqual(routeSet(hostPrefixes(2)));
    expect(inbox.take(next(1, { add: hostPrefixes(1, 2) }))).toEqual(routeSet(hostPrefixes(3)));
    const changed = inbox.take(next(2, { withdraw: hostPrefixes(2), add: hostPrefixes(1, 7) }));
    expect(changed).toEqual(routeSet([...hostPrefixes(1, 2), ...hostPrefixes(1, 7)]));
    expect(inbox.take({ ...FULL, sequence: 3 })).toEqual(routeSet(hostPrefixes(2)));
  });

  test('counts no part of a change before the last came', () => {
    const inbox = new RouteInbox();
    const live = inbox.take(FULL);
    expect(inbox.take(next(1, { withdraw: hostPrefixes(2), hasMore: true }))).toBeNull();
    expect(live).toEqual(routeSet(hostPrefixes(2)));
    expect(inbox.take(next(2, { add: hostPrefixes(1, 5) }))).toEqual(routeSet(hostPrefixes(1, 5)));
  });

  test('starts with a full set, also in parts, and forgets a change that another full set cuts off', () => {
    const inbox = new RouteInbox();
    expect(inbox.take({ ...FULL, hasMore: true })).toBeNull();
    expect(inbox.take({ ...FULL, sequence: 1, hasMore: true, add: hostPrefixes(1, 5) })).toBeNull();
    expect(inbox.take(next(2, { add: hostPrefixes(1, 6) }))).toEqual(routeSet(hostPrefixes(2, 5)));
  });

  test.each([
    ['a number left out', next(2), /message 2 came out of turn: expected 1/],
    ['a number that came', next(0), /message 0 came out of turn: expected 1/],
    ['more than may be', next(1, { add: hostPrefixes(MAX_ROUTES - 1, 2) }), /more than 4096 routes/],
  ])('refuses %s', (_, message, reason) => {
    const inbox = new RouteInbox();
    inbox.take(FULL);
    expect(() => inbox.take(message)).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_CONTROL_PROTOCOL', message: expect.stringMatching(reason) }),
    );
  });

  test('refuses a change before there is a full set', () => {
    expect(() => new RouteInbox().take(next(0))).toThrow(/before a full set/);
  });

  test('takes a change of everything, and refuses one that never ends', () => {
    const inbox = new RouteInbox();
    inbox.take({ ...FULL, add: hostPrefixes(MAX_ROUTES) });
    let sequence = 1;
    const all = hostPrefixes(MAX_ROUTES);
    inbox.take(next(sequence++, { withdraw: all, hasMore: true }));
    expect(inbox.take(next(sequence++, { add: hostPrefixes(MAX_ROUTES, MAX_ROUTES) }))?.size).toBe(
      MAX_ROUTES,
    );
    inbox.take(next(sequence++, { add: [...all, ...all], hasMore: true }));
    expect(() => inbox.take(next(sequence, { add: hostPrefixes(1), hasMore: true }))).toThrow(
      /more than 4096/,
    );
  });

  test('a full set begins a change of its own', () => {
    const inbox = new RouteInbox();
    inbox.take({ ...FULL, add: [] });
    const most = hostPrefixes(MAX_ROUTES);
    inbox.take(next(1, { add: [...most, ...most], hasMore: true }));
    expect(inbox.take({ ...FULL, sequence: 2, add: most })).toEqual(routeSet(most));
  });

  test('refuses empty parts without end', () => {
    const inbox = new RouteInbox();
    inbox.take(FULL);
    expect(() => {
      for (let sequence = 1; sequence < 4 * MAX_ROUTES; sequence++)
        inbox.take(next(sequence, { hasMore: true }));
    }).toThrow(/more than 4096/);
  });
});
