import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  advance,
  beginNegotiation,
  NEGOTIATION_TIMEOUT_MS,
  type Negotiation,
  type NegotiationAction,
  type NegotiationEvent,
  type Terms,
  type Transition,
} from '../../../controlplane/rekey/negotiation.ts';
import { composeSpi, Role } from '../../../controlplane/rekey/spi.ts';
import { Suite } from '../../../dataplane/contract.ts';

const INITIATOR: Terms = {
  role: Role.initiator,
  masterKeyIndex: 1,
  vni: 7,
  suite: Suite.aes128Gcm,
  ownSpis: [1, 2, 3].map((counter) => composeSpi(Role.initiator, 1, counter)),
  lanes: 2,
};
const RESPONDER: Terms = {
  ...INITIATOR,
  role: Role.responder,
  ownSpis: [4, 5].map((counter) => composeSpi(Role.responder, 1, counter)),
  lanes: 3,
};
const OFFER = { type: 'offer', vni: 7, suite: Suite.aes128Gcm, spis: INITIATOR.ownSpis } as const;
const ACCEPT = { type: 'accept', spis: RESPONDER.ownSpis } as const;

/** Feeds events one after the other. @returns the actions that each caused. */
function run(terms: Terms, events: readonly NegotiationEvent[]): { end: Negotiation; actions: string[][] } {
  let { negotiation, actions } = beginNegotiation(terms, 0);
  const all = [actions.map(({ type }) => type)];
  for (const event of events) {
    ({ negotiation, actions } = advance(negotiation, event, 1));
    all.push(actions.map(({ type }) => type));
  }
  return { end: negotiation, actions: all };
}

describe('advance()', () => {
  test('leads an initiator through install, offer, switch, retire and confirm', () => {
    const { end, actions } = run(INITIATOR, [{ type: 'installed' }, ACCEPT, { type: 'switched' }]);
    expect(actions).toEqual([
      ['installRx'],
      ['sendOffer'],
      ['switchTx'],
      ['retireOlder', 'sendConfirm', 'done'],
    ]);
    expect(end).toMatchObject({ phase: 'done', peerSpis: RESPONDER.ownSpis });
  });

  test('leads a responder through install, switch, accept and, once confirmed, retire', () => {
    const events = [OFFER, { type: 'installed' }, { type: 'switched' }, { type: 'confirm' }] as const;
    const { end, actions } = run(RESPONDER, events);
    expect(actions).toEqual([[], ['installRx'], ['switchTx'], ['sendAccept'], ['retireOlder', 'done']]);
    expect(end).toMatchObject({ phase: 'done', peerSpis: INITIATOR.ownSpis });
  });

  test.each<[string, Terms, NegotiationEvent[], RegExp]>([
    ['an offer for another network', RESPONDER, [{ ...OFFER, vni: 8 }], /vni 8, expected 7/],
    ['an offer for another suite', RESPONDER, [{ ...OFFER, suite: 1 }], /cipher suite 1, expected 0/],
    [
      'too few SPIs',
      RESPONDER,
      [{ ...OFFER, spis: INITIATOR.ownSpis.slice(1) }],
      /2 SPIs announced, expected 3/,
    ],
    ['an SPI twice', RESPONDER, [{ ...OFFER, spis: spis(RESPONDER, [1, 1, 2]) }], /same SPI announced twice/],
    ['SPI 0', RESPONDER, [{ ...OFFER, spis: [0, ...INITIATOR.ownSpis.slice(1)] }], /counter 0/],
    [
      'our own role',
      RESPONDER,
      [{ ...OFFER, spis: [4, 5, 6].map((c) => composeSpi(1, 1, c)) }],
      /wrong role/,
    ],
    [
      'the other master key',
      RESPONDER,
      [{ ...OFFER, spis: [1, 2, 3].map((c) => composeSpi(0, 0, c)) }],
      /master key/,
    ],
    [
      'our own role in an accept',
      INITIATOR,
      [installed(), { ...ACCEPT, spis: INITIATOR.ownSpis.slice(1) }],
      /wrong role/,
    ],
    [
      'too many SPIs in an accept',
      INITIATOR,
      [installed(), { ...ACCEPT, spis: [...ACCEPT.spis, 9] }],
      /3 SPIs/,
    ],
  ])('refuses %s', (_, terms, events, reason) => {
    const begun = beginNegotiation(terms, 0);
    const last = events.reduce<Transition>((now, event) => advance(now.negotiation, event, 1), begun);
    expect(last.actions).toEqual([
      { type: 'fail', code: 'ERR_ICX_CONTROL_OFFER', reason: expect.stringMatching(reason) },
    ]);
    expect(last.negotiation.phase).toBe('failed');
  });

  test.each([
    ['initiator', INITIATOR],
    ['responder', RESPONDER],
  ])('gives an %s up after 10 s and not before', (_, terms) => {
    const { negotiation } = beginNegotiation(terms, 1_000);
    const atMs = 1_000 + NEGOTIATION_TIMEOUT_MS;
    expect(advance(negotiation, { type: 'tick' }, atMs - 1).actions).toEqual([]);
    expect(advance(negotiation, { type: 'tick' }, atMs).actions).toMatchObject([
      { type: 'fail', code: 'ERR_ICX_CONTROL_TIMEOUT' },
    ]);
  });

  test('fails when the data plane does, and is over then', () => {
    const broken = advance(beginNegotiation(INITIATOR, 0).negotiation, { type: 'broken', reason: 'died' }, 1);
    expect(broken.actions).toEqual([{ type: 'fail', code: 'ERR_ICX_CONTROL_DATA_PLANE', reason: 'died' }]);
    expect(advance(broken.negotiation, installed(), 2).actions).toEqual([]);
  });

  test.each<[string, Terms, NegotiationEvent[]]>([
    ['an accept before the offer is out', INITIATOR, [ACCEPT]],
    ['a second offer while installing', RESPONDER, [OFFER, OFFER]],
    ['a confirm before the accept is out', RESPONDER, [{ type: 'confirm' }]],
    ['an offer to an initiator', INITIATOR, [OFFER]],
    ['a confirm to an initiator', INITIATOR, [installed(), { type: 'confirm' }]],
    ['an accept to a responder', RESPONDER, [ACCEPT]],
  ])('ignores %s', (_, terms, events) => {
    const { actions } = run(terms, events);
    expect(actions.at(-1)).toEqual([]);
  });
});

function installed(): NegotiationEvent {
  return { type: 'installed' };
}

function spis(terms: Terms, counters: number[]): number[] {
  return counters.map((counter) => composeSpi(terms.role === 0 ? 1 : 0, terms.masterKeyIndex, counter));
}

/** One end of a model in which the data plane needs time and the network does what it likes. */
class End {
  negotiation: Negotiation;
  readonly installed = new Set<number>();
  readonly old: number;
  sendsTo: readonly number[];
  readonly inbox: NegotiationEvent[] = [];
  readonly dataPlane: (() => NegotiationEvent)[] = [];
  other: End | null = null;
  retired = false;
  done = false;

  constructor(terms: Terms, oldRx: number, oldTx: number) {
    this.old = oldRx;
    this.installed.add(oldRx);
    this.sendsTo = [oldTx];
    const first = beginNegotiation(terms, 0);
    this.negotiation = first.negotiation;
    this.carryOut(first.actions);
  }

  feed(event: NegotiationEvent): void {
    const { negotiation, actions } = advance(this.negotiation, event, 1);
    this.negotiation = negotiation;
    this.carryOut(actions);
  }

  carryOut(actions: readonly NegotiationAction[]): void {
    const own = this.negotiation.terms.ownSpis;
    for (const action of actions) {
      if (action.type === 'installRx') {
        this.dataPlane.push(() => {
          for (const spi of action.spis) this.installed.add(spi);
          return { type: 'installed' };
        });
      } else if (action.type === 'switchTx') {
        this.dataPlane.push(() => {
          this.sendsTo = action.spis;
          return { type: 'switched' };
        });
      } else if (action.type === 'sendOffer') this.other?.inbox.push({ ...OFFER, spis: own });
      else if (action.type === 'sendAccept') this.other?.inbox.push({ type: 'accept', spis: own });
      else if (action.type === 'sendConfirm') this.other?.inbox.push({ type: 'confirm' });
      else if (action.type === 'retireOlder') {
        this.installed.delete(this.old);
        this.retired = true;
      } else if (action.type === 'done') this.done = true;
    }
  }
}

function ends(): [End, End] {
  const old = { initiator: composeSpi(0, 0, 90), responder: composeSpi(1, 0, 91) };
  const initiator = new End(INITIATOR, old.initiator, old.responder);
  const responder = new End(RESPONDER, old.responder, old.initiator);
  initiator.other = responder;
  responder.other = initiator;
  return [initiator, responder];
}

/** Every packet sent now is accepted at the other end. */
function usable(end: End): boolean {
  return end.sendsTo.every((spi) => end.other?.installed.has(spi));
}

describe('negotiation', () => {
  test('makes before it breaks, whatever is lost, doubled or reordered', () => {
    const step = fc.record({
      end: fc.boolean(),
      kind: fc.constantFrom('deliver', 'deliver', 'dataPlane', 'dataPlane', 'double', 'lose', 'tick'),
      pick: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pair = ends();
        for (const { end, kind, pick } of steps) {
          const at = pair[end ? 0 : 1];
          if (kind === 'tick') at.feed({ type: 'tick' });
          else if (kind === 'dataPlane') {
            const change = at.dataPlane.shift();
            if (change !== undefined) at.feed(change());
          } else {
            const index = at.inbox.length === 0 ? 0 : pick % at.inbox.length;
            const [message] =
              kind === 'double' ? at.inbox.slice(index, index + 1) : at.inbox.splice(index, 1);
            if (message !== undefined && kind !== 'lose') at.feed(message);
          }
          expect(pair.map(usable)).toEqual([true, true]);
          for (const side of pair) expect(side.retired && side.other?.sendsTo.includes(side.old)).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('comes to an end at both ends when nothing is lost', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }), (choices) => {
        const pair = ends();
        for (const first of [...choices, ...choices.map((choice) => !choice)]) {
          const at = pair[first ? 0 : 1];
          const change = at.dataPlane.shift();
          const message = change === undefined ? at.inbox.shift() : change();
          if (message !== undefined) at.feed(message);
        }
        expect(pair.map(({ done }) => done)).toEqual([true, true]);
        expect(pair.map(({ retired }) => retired)).toEqual([true, true]);
      }),
    );
  });
});
