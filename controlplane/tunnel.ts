/**
 * One peer in one network: keeps a control connection to it, settles which of several stays, has its
 * SAs replaced in time.
 */
import { Contenders } from './connect/contenders.ts';
import { Dialler } from './connect/dialler.ts';
import { ControlError } from './control-error.ts';
import type { ControlPeer, PeerState, PeerStatus } from './control-peer.ts';
import type { Initiation } from './handshake/handshake.ts';
import { refusalWords } from './handshake/refusal-words.ts';
import { comparePublicKeys } from './identity.ts';
import type { RekeyTrigger } from './record/message.ts';
import { RecordStream } from './record/record-stream.ts';
import type { PeerContext } from './rekey/peer-context.ts';
import type { PeerSas } from './rekey/peer-sas.ts';
import { lifetimes } from './rekey/rekey.ts';
import { RekeySchedule } from './rekey/rekey-schedule.ts';
import type { RekeyResult } from './rekey/rotator.ts';
import type { SaSet } from './rekey/sa-ledger.ts';
import { RouteInbox } from './routes/route-inbox.ts';
import { TunnelRoutes } from './routes/tunnel-routes.ts';
import { Session } from './session.ts';
import type { SessionEnd } from './session-end.ts';
import type { TunnelHost } from './tunnel-host.ts';

/** A connection that stood this long was a good one: the next may be made without a pause. */
const LASTED_MS = 10_000;

export class Tunnel {
  readonly sas: PeerSas;
  readonly context: PeerContext;
  readonly routes: TunnelRoutes;
  readonly #host: TunnelHost;
  readonly #dialler: Dialler;
  readonly #contenders: Contenders;
  #schedule: RekeySchedule | null = null;
  #peer: ControlPeer;
  #state: PeerState = 'waiting';
  #sinceMs: number;
  #handshake: { readonly atMs: number; readonly durationMs: number; readonly hybrid: boolean } | null = null;
  #peerMtuBytes: number | null = null;
  #lastRekey: RekeyResult | null = null;
  #lastError: string | null = null;
  #closed = false;

  constructor(host: TunnelHost, peer: ControlPeer, context: PeerContext) {
    this.#host = host;
    this.#peer = peer;
    this.context = context;
    this.sas = context.sas;
    this.#sinceMs = host.clock.nowMs();
    this.routes = new TunnelRoutes({
      clock: host.clock,
      wanted: () => host.announced(peer.vni),
      onReceived: (prefixes) => host.events.onRoutes?.(this.#peer, prefixes),
    });
    const lower = comparePublicKeys(host.identity.publicKey, peer.publicKey) < 0;
    this.#contenders = new Contenders(lower);
    this.#dialler = new Dialler({
      transport: host.transport,
      clock: host.clock,
      random: host.random,
      peerKey: peer.publicKey,
      lower,
      place: placeOf(peer),
      resolveHost: host.resolveHost,
      isOverlayAddress: host.isOverlayAddress,
      learned: async () => (await this.sas.progress()).endpoint?.address ?? null,
      onConnection: (connection) => this.#open(new RecordStream(connection, host.clock), null, () => {}),
      onFailed: (reason) => this.#note(reason),
      onChange: () => this.#updateState(),
    });
  }

  get peer(): ControlPeer {
    return this.#peer;
  }

  start(): void {
    this.#dialler.want(true);
    this.#updateState();
  }

  /**
   * Takes over a connection whose first message came from this peer.
   *
   * @param settled Called once, when the peer proved itself or the connection ended.
   */
  accept(stream: RecordStream, initiation: Initiation, settled: () => void): void {
    if (!this.#closed && !this.#contenders.full) {
      this.#open(stream, initiation, settled);
      return;
    }
    initiation.wipe();
    stream.close('busy');
    settled();
  }

  /** Name, endpoint or control port changed; what stands is not touched. */
  change(peer: ControlPeer): void {
    this.#peer = peer;
    this.#dialler.setPlace(placeOf(peer));
  }

  /** The host's network changed: dial without a pause if no connection stands. */
  hurry(): void {
    this.#dialler.hurry();
  }

  /** @throws {ControlError} by rejection. */
  async rekey(trigger: RekeyTrigger): Promise<RekeyResult> {
    const session = this.#contenders.current;
    if (session === null) {
      throw new ControlError(
        'ERR_ICX_CONTROL_NOT_CONNECTED',
        `Cannot rekey with ${this.#peer.name}: no control connection (${this.#lastError ?? 'none yet'})`,
        'icx status says what the connection waits for',
      );
    }
    try {
      return await session.rekey(trigger);
    } catch (error) {
      // A session that ended with it has counted it.
      if (!session.ended) this.#host.events.onRekey?.(this.#peer, trigger, 'failed');
      throw error;
    }
  }

  /** Tells the peer the largest inner packet that our path to it takes, in bytes. */
  sendPath(mtuBytes: number): void {
    this.#contenders.current?.sendPath(mtuBytes);
  }

  /**
   * Ends everything; the peer is told to forget our SAs. The SAs here are the caller's to remove.
   *
   * @returns resolves once the peer heard, or will not.
   */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    this.#dialler.stop();
    this.#schedule?.stop();
    this.routes.stop();
    const sessions = this.#contenders.all();
    for (const session of sessions) session.goodbye(reason);
    await Promise.all(sessions.map((session) => session.gone));
  }

  status(): PeerStatus {
    const session = this.#contenders.current;
    const nowMs = this.#host.clock.nowMs();
    return {
      slot: this.#peer.slot,
      name: this.#peer.name,
      vni: this.#peer.vni,
      publicKey: this.#peer.publicKey,
      state: this.#state,
      sinceMs: this.#sinceMs,
      handshakeAtMs: this.#handshake?.atMs ?? null,
      handshakeDurationMs: this.#handshake?.durationMs ?? null,
      hybrid: this.#handshake?.hybrid ?? null,
      rttMs: session?.rttMs ?? null,
      suite: this.sas.options.suite,
      carrier: session === null ? null : this.#host.transport.carrier,
      dialled: session?.dialled ?? null,
      generation: session === null ? null : Math.max(0, session.generation),
      rx: ages(this.sas.rx, nowMs),
      tx: ages(this.sas.tx, nowMs),
      peerMtuBytes: this.#peerMtuBytes,
      lastRekey: this.#lastRekey,
      lastError: this.#lastError,
    };
  }

  #open(stream: RecordStream, initiation: Initiation | null, settled: () => void): void {
    const inbox = new RouteInbox();
    const session = new Session({
      stream,
      identity: this.#host.identity,
      peer: this.context,
      timestamp: this.#host.timestamp,
      events: {
        onAuthenticated: (authenticated) => this.#admit(authenticated),
        onRotated: (...rotation) => this.#rotated(...rotation),
        onPath: (_, mtuBytes) => {
          this.#peerMtuBytes = mtuBytes;
          this.#host.events.onPeerMtu?.(this.#peer, mtuBytes);
        },
        onRoutes: (from, message) => {
          // What a connection that was replaced still tells is older than what its successor does.
          if (from === this.#contenders.current) this.routes.receive(inbox, message);
        },
        onResult: (_, result) => {
          this.#lastRekey = result;
          this.#host.events.onRekeyResult?.(this.#peer, result);
        },
        onEnd: (ended, end) => this.#ended(ended, end),
      },
    });
    this.#contenders.add(session, settled);
    session.start(initiation);
    this.#updateState();
  }

  #admit(session: Session): boolean {
    if (!this.#contenders.admit(session, this.#host.clock.nowMs())) return false;
    this.#schedule?.stop();
    this.#dialler.rest();
    this.#updateState();
    return true;
  }

  #rotated(session: Session, generation: number, trigger: RekeyTrigger, durationMs: number): void {
    if (session !== this.#contenders.current) return;
    const { clock, events, random, rekeyIntervalMs, log } = this.#host;
    const first = this.#handshake === null;
    this.#handshake = { atMs: clock.nowMs(), durationMs, hybrid: session.hybrid };
    this.#lastError = null;
    events.onHandshake?.(this.#peer, durationMs);
    if (!first) events.onRekey?.(this.#peer, trigger, 'ok');
    const { name: peer, vni } = this.#peer;
    const fields = { peer, generation, trigger, durationMs: Math.round(durationMs), vni };
    if (generation === 0) log.info(fields, 'connected');
    // What happens to every peer every two minutes is no news.
    else log[trigger === 'operator' ? 'info' : 'debug'](fields, 'SAs replaced');
    if (generation === 0) {
      this.#contenders.confirmed();
      this.routes.connected(session);
      this.#schedule?.stop();
      this.#schedule = new RekeySchedule({
        sas: this.sas,
        clock,
        random,
        lifetimes: lifetimes(rekeyIntervalMs, session.dialled, random()),
        rekey: (due) => this.rekey(due),
      });
    }
    this.#updateState();
  }

  #ended(session: Session, end: SessionEnd): void {
    const was = this.#contenders.remove(session);
    if (this.#closed) return;
    if (was === 'current') this.#lost(session, end);
    // While another connection stands, the end of one that never did says nothing.
    else if (was === 'pending' && this.#contenders.current === null) {
      this.#note(refusalWords(end.reason, session.dialled));
      if (session.dialled) this.#dialler.want(false);
    }
    this.#updateState();
  }

  #lost(session: Session, end: SessionEnd): void {
    const { clock, events } = this.#host;
    this.#schedule?.stop();
    this.routes.disconnected();
    this.#note(end.reason);
    if (end.failed !== null && (end.failed !== 'reconnect' || this.#handshake !== null)) {
      events.onRekey?.(this.#peer, end.failed, 'failed');
    }
    // The peer keeps no SAs after a goodbye; without one it may well be there and use them.
    if (end.goodbye) this.sas.goodbye().catch(() => {});
    const lasted = session.upAtMs !== null && clock.nowMs() - session.upAtMs >= LASTED_MS;
    this.#dialler.want(lasted && !end.goodbye);
  }

  #note(reason: string): void {
    const { name: peer, vni } = this.#peer;
    if (reason !== this.#lastError) this.#host.log.info({ peer, reason, vni }, 'not connected');
    this.#lastError = reason;
  }

  #updateState(): void {
    const current = this.#contenders.current;
    const busy = current !== null || this.#contenders.pending > 0 || this.#dialler.dialling;
    const up = current !== null && current.upAtMs !== null;
    const state: PeerState = up ? 'up' : busy ? 'connecting' : 'waiting';
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceMs = this.#host.clock.nowMs();
    this.#host.events.onState?.(this.#peer, state);
  }
}

function placeOf(peer: ControlPeer): { host: string | null; controlPort: number } {
  return { host: peer.endpoint?.host ?? null, controlPort: peer.controlPort };
}

function ages(set: SaSet, nowMs: number): { spi: number; lane: number; ageMs: number }[] {
  return set.spis.map((spi, lane) => ({ spi, lane, ageMs: nowMs - set.installedAtMs }));
}
