/** Decides which peers are due a persistent keepalive. */
import type { Engine } from '../path/engine.ts';
import type { Peer } from '../path/peer.ts';

interface Quiet {
  /** Frames sent to the peer when last looked at. */
  sent: number;
  sinceMs: number;
}

/**
 * A peer with a keepalive interval gets one whenever nothing was sent to it for that long,
 * so that NAT mappings and firewalls on the way stay open.
 */
export class KeepaliveTimer {
  readonly #engine: Engine;
  readonly #enabled: boolean;
  readonly #quiet = new Map<number, Quiet>();

  constructor(engine: Engine, enabled: boolean) {
    this.#engine = engine;
    this.#enabled = enabled;
  }

  /** To be called about once a second. Calls `send` for each peer that was quiet for its interval. */
  due(nowMs: number, send: (slot: number) => void): void {
    if (!this.#enabled) return;
    for (const slot of this.#quiet.keys())
      if (this.#engine.peer(slot) === undefined) this.#quiet.delete(slot);
    for (const peer of this.#engine.peers()) {
      if (peer.keepaliveMs > 0) this.#look(peer, nowMs, send);
      else this.#quiet.delete(peer.slot);
    }
  }

  #look(peer: Peer, nowMs: number, send: (slot: number) => void): void {
    const sent = this.#engine.sentFrames(peer.slot);
    const quiet = this.#quiet.get(peer.slot);
    if (quiet === undefined || quiet.sent !== sent) {
      this.#quiet.set(peer.slot, { sent, sinceMs: nowMs });
    } else if (nowMs - quiet.sinceMs >= peer.keepaliveMs) {
      quiet.sinceMs = nowMs;
      send(peer.slot);
      quiet.sent = this.#engine.sentFrames(peer.slot);
    }
  }
}
