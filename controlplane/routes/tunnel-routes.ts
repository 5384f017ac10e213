/** The announcements of one tunnel: ours to the peer, and the peer's, which outlive its connections. */
import type { Clock } from '../clock.ts';
import { Pace } from '../pace.ts';
import type { RoutesMessage } from '../record/routes-message.ts';
import type { IpPrefix, RouteSet } from './ip-prefix.ts';
import type { RouteInbox } from './route-inbox.ts';
import { RouteSender, type RoutesLink } from './route-sender.ts';

/** Changes that come closer together are one, in ms: to the peer, and to who hears of the peer's. */
export const ROUTES_PACE_MS = 50;

export interface TunnelRoutesOptions {
  readonly clock: Clock;
  /** All that this host announces in the network now. */
  wanted(): RouteSet;
  /** All that the peer announces now. */
  onReceived(prefixes: readonly IpPrefix[]): void;
}

export class TunnelRoutes {
  readonly #options: TunnelRoutesOptions;
  readonly #sender = new RouteSender();
  readonly #sending: Pace;
  readonly #telling: Pace;
  #received: RouteSet = new Map();

  constructor(options: TunnelRoutesOptions) {
    this.#options = options;
    this.#sending = new Pace(options.clock, ROUTES_PACE_MS, () => {
      if (!this.#sender.update(options.wanted())) this.#sending.request();
    });
    this.#telling = new Pace(options.clock, ROUTES_PACE_MS, () =>
      options.onReceived([...this.#received.values()]),
    );
  }

  /** What is wanted changed. */
  changed(): void {
    this.#sending.request();
  }

  /** A connection is up, and the one that counts from now on. */
  connected(link: RoutesLink): void {
    this.#sender.start(link);
    this.#sending.request();
  }

  /** The connection ended. What the peer announced stays, as its SAs do. */
  disconnected(): void {
    this.#sender.stop();
  }

  /** @param inbox Of the connection. @throws {ControlError} when it is of no use any more. */
  receive(inbox: RouteInbox, message: RoutesMessage): void {
    const set = inbox.take(message);
    if (set === null) return;
    this.#received = set;
    this.#telling.request();
  }

  /** Nothing is sent or told any more. */
  stop(): void {
    this.disconnected();
    this.#telling.cancel();
  }

  /** The peer is gone for good, and what it announced with it. */
  forget(): void {
    this.stop();
    if (this.#received.size > 0) this.#options.onReceived([]);
    this.#received = new Map();
  }
}
