/**
 * The exchange of SPIs after one handshake, as a pure state machine: events in, actions out.
 *
 * Make before break. "Installed" and "switched" are events because the data plane acts on other
 * threads; nothing is announced before the one, nothing given up before the other:
 *
 *     initiator                                responder
 *     install receive SAs
 *     offer {vni, suite, SPIs} ─────────────▶  install receive SAs
 *                                              switch sending to the offered SPIs
 *     switch sending to the accepted SPIs ◀──  accept {SPIs}
 *     retire older receive SAs
 *     confirm ──────────────────────────────▶  retire older receive SAs
 */
import type { Suite } from '../../dataplane/contract.ts';
import type { ControlErrorCode } from '../control-error.ts';
import { checkPeerSpi, type MasterKeyIndex, Role } from './spi.ts';

/** What this end brings to the exchange. */
export interface Terms {
  readonly role: Role;
  readonly masterKeyIndex: MasterKeyIndex;
  readonly vni: number;
  readonly suite: Suite;
  /** Our receive SPIs, one per send lane of the peer. */
  readonly ownSpis: readonly number[];
  /** Our send lanes: the number of SPIs the peer has to announce. */
  readonly lanes: number;
}

type Phase =
  /** Responder: no offer yet. */
  | 'waiting'
  /** Our receive SAs are being installed. */
  | 'installing'
  /** Initiator: the offer is out. */
  | 'offered'
  /** Sending is being switched. */
  | 'switching'
  /** Responder: the accept is out. */
  | 'accepted'
  | 'done'
  | 'failed';

/** State of one exchange; never changed in place. */
export interface Negotiation {
  readonly terms: Terms;
  readonly startedAtMs: number;
  readonly phase: Phase;
  /** The peer's receive SPIs, checked; empty before it announced them. */
  readonly peerSpis: readonly number[];
}

export type NegotiationEvent =
  | { readonly type: 'installed' }
  | { readonly type: 'switched' }
  /** The data plane did not do what an action asked for. */
  | { readonly type: 'broken'; readonly reason: string }
  | { readonly type: 'offer'; readonly vni: number; readonly suite: number; readonly spis: readonly number[] }
  | { readonly type: 'accept'; readonly spis: readonly number[] }
  | { readonly type: 'confirm' }
  /** Time went by. */
  | { readonly type: 'tick' };

export type NegotiationAction =
  /** Install receive SAs under our own SPIs, then report `installed`. */
  | { readonly type: 'installRx'; readonly spis: readonly number[] }
  /** Announce our SPIs: the peer may send to them from now on. */
  | { readonly type: 'sendOffer' }
  | { readonly type: 'sendAccept' }
  | { readonly type: 'sendConfirm' }
  /** Switch sending to the peer's SPIs, lane by lane, then report `switched`. */
  | { readonly type: 'switchTx'; readonly spis: readonly number[] }
  /** The peer switched: clamp every receive SA but those of this exchange. */
  | { readonly type: 'retireOlder' }
  | { readonly type: 'done' }
  | { readonly type: 'fail'; readonly code: ControlErrorCode; readonly reason: string };

export interface Transition {
  readonly negotiation: Negotiation;
  /** To be carried out in this order. */
  readonly actions: readonly NegotiationAction[];
}

/** Time that an exchange may take, in ms. */
export const NEGOTIATION_TIMEOUT_MS = 10_000;

/** Starts an exchange once the handshake gave keys. */
export function beginNegotiation(terms: Terms, nowMs: number): Transition {
  const initiator = terms.role === Role.initiator;
  const start: Negotiation = { terms, startedAtMs: nowMs, phase: 'waiting', peerSpis: [] };
  return initiator ? install(start) : { negotiation: start, actions: [] };
}

/** Events that do not belong to the phase change nothing: late, doubled, out of order. */
export function advance(now: Negotiation, event: NegotiationEvent, nowMs: number): Transition {
  if (now.phase === 'done' || now.phase === 'failed') return { negotiation: now, actions: [] };
  if (event.type === 'broken') return fail(now, 'ERR_ICX_CONTROL_DATA_PLANE', event.reason);
  if (nowMs - now.startedAtMs >= NEGOTIATION_TIMEOUT_MS) {
    const reason = `no SAs agreed within ${NEGOTIATION_TIMEOUT_MS / 1000} s (${now.phase})`;
    return fail(now, 'ERR_ICX_CONTROL_TIMEOUT', reason);
  }
  return now.terms.role === Role.initiator ? advanceInitiator(now, event) : advanceResponder(now, event);
}

function advanceInitiator(now: Negotiation, event: NegotiationEvent): Transition {
  if (now.phase === 'installing' && event.type === 'installed') {
    return { negotiation: { ...now, phase: 'offered' }, actions: [{ type: 'sendOffer' }] };
  }
  if (now.phase === 'offered' && event.type === 'accept') {
    const wrong = spiProblem(now.terms, event.spis);
    if (wrong !== null) return fail(now, 'ERR_ICX_CONTROL_OFFER', wrong);
    return switchTo({ ...now, peerSpis: event.spis });
  }
  if (now.phase === 'switching' && event.type === 'switched') {
    const actions = [{ type: 'retireOlder' }, { type: 'sendConfirm' }, { type: 'done' }] as const;
    return { negotiation: { ...now, phase: 'done' }, actions };
  }
  return { negotiation: now, actions: [] };
}

function advanceResponder(now: Negotiation, event: NegotiationEvent): Transition {
  if (now.phase === 'waiting' && event.type === 'offer') {
    const wrong = termsProblem(now.terms, event.vni, event.suite) ?? spiProblem(now.terms, event.spis);
    if (wrong !== null) return fail(now, 'ERR_ICX_CONTROL_OFFER', wrong);
    return install({ ...now, peerSpis: event.spis });
  }
  if (now.phase === 'installing' && event.type === 'installed') return switchTo(now);
  if (now.phase === 'switching' && event.type === 'switched') {
    return { negotiation: { ...now, phase: 'accepted' }, actions: [{ type: 'sendAccept' }] };
  }
  if (now.phase === 'accepted' && event.type === 'confirm') {
    return {
      negotiation: { ...now, phase: 'done' },
      actions: [{ type: 'retireOlder' }, { type: 'done' }],
    };
  }
  return { negotiation: now, actions: [] };
}

function install(now: Negotiation): Transition {
  return {
    negotiation: { ...now, phase: 'installing' },
    actions: [{ type: 'installRx', spis: now.terms.ownSpis }],
  };
}

function switchTo(now: Negotiation): Transition {
  return {
    negotiation: { ...now, phase: 'switching' },
    actions: [{ type: 'switchTx', spis: now.peerSpis }],
  };
}

function fail(now: Negotiation, code: ControlErrorCode, reason: string): Transition {
  return { negotiation: { ...now, phase: 'failed' }, actions: [{ type: 'fail', code, reason }] };
}

function termsProblem(terms: Terms, vni: number, suite: number): string | null {
  if (vni !== terms.vni) return `offer is for vni ${vni}, expected ${terms.vni}`;
  if (suite !== terms.suite) return `offer is for cipher suite ${suite}, expected ${terms.suite}`;
  return null;
}

function spiProblem(terms: Terms, spis: readonly number[]): string | null {
  if (spis.length !== terms.lanes) return `${spis.length} SPIs announced, expected ${terms.lanes}`;
  if (new Set(spis).size !== spis.length) return 'the same SPI announced twice';
  const peerRole = terms.role === Role.initiator ? Role.responder : Role.initiator;
  for (const spi of spis) {
    const reason = checkPeerSpi(spi, { peerRole, masterKeyIndex: terms.masterKeyIndex });
    if (reason !== null) return reason;
  }
  return null;
}
