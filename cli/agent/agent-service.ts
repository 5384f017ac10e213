/** What a running agent does when asked through its admin socket or by SIGHUP. */
import type { AttachApi } from '../../cni/attach-api.ts';
import { systemClock } from '../../controlplane/clock.ts';
import { type Identity, identityFromSeed } from '../../controlplane/identity.ts';
import type { AgentApi, Change, PeerRekey, RekeyReport, ReloadReport } from '../admin-api.ts';
import type { L2Api } from '../admin-l2-api.ts';
import type { RelayApi } from '../admin-relay-api.ts';
import { CliError } from '../cli-error.ts';
import { diffConfig } from '../config/diff.ts';
import { networksInForce } from '../config/diff-networks.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import type { Attachments } from '../containers/attachments.ts';
import type { Logger } from '../logger.ts';
import { formatSpi, type Status } from '../status-schema.ts';
import { L2Service } from './l2-service.ts';
import type { Overlay } from './overlay.ts';
import { readStatus } from './readings.ts';
import { RelayService } from './relay-service.ts';
import { STARTING_ATTACHMENTS } from './starting-attachments.ts';

type RekeyOutcome = Awaited<ReturnType<Overlay['control']['rekey']>>[number];

/** Ends the agent; `fault` is what its command then fails with. */
export type End = (reason: string, fault?: CliError) => void;

export class AgentService implements AgentApi {
  readonly identity: Identity;
  readonly log: Logger;
  /** By the clock of the control plane. */
  readonly startedAtMs = systemClock.nowMs();
  readonly #configFile: string;
  readonly #end: End;
  readonly #adapt: (config: Config) => Config;
  #config: Config;
  #overlay: Overlay | null = null;
  #attachments: Attachments | null = null;
  #hungUp = false;
  /** One reload at a time. */
  #reloading: Promise<unknown> = Promise.resolve();

  /** @param adapt What a config becomes that is read later; `config` is so already. */
  constructor(
    config: Config,
    configFile: string,
    log: Logger,
    end: End,
    adapt: (config: Config) => Config = (read) => read,
  ) {
    this.identity = identityFromSeed(config.interface.seed);
    config.interface.seed.fill(0);
    this.#config = config;
    this.#configFile = configFile;
    this.log = log;
    this.#end = end;
    this.#adapt = adapt;
  }

  /** The config in force. */
  get config(): Config {
    return this.#config;
  }

  /** What is still missing before packets can flow; null when nothing is. */
  get missing(): string | null {
    return this.#overlay === null ? 'the agent is starting' : null;
  }

  /** @param attachments Null where there are no containers. */
  ready(overlay: Overlay, attachments: Attachments | null = null): void {
    this.#overlay = overlay;
    this.#attachments = attachments;
    if (this.#hungUp) this.hangUp();
  }

  /** SIGHUP: a reload, after the start if that is not over yet. */
  hangUp(): void {
    this.#hungUp = this.#overlay === null;
    if (this.#hungUp) return;
    this.reload().catch((error: Error) => this.log.error({ reason: error.message }, 'reload refused'));
  }

  async status(): Promise<Status> {
    return await readStatus(this, this.#running(), this.#attachments?.counts());
  }

  async rekey(peers: readonly string[]): Promise<RekeyReport> {
    const overlay = this.#running();
    const outcomes = await overlay.control.rekey([
      ...new Set(peers.map((peer) => overlay.peers.nameFor(peer))),
    ]);
    return { interface: this.#config.interface.name, peers: outcomes.map(peerRekey) };
  }

  reload(): Promise<ReloadReport> {
    const next = this.#reloading.then(() => this.#reload());
    this.#reloading = next.catch(() => {});
    return next;
  }

  async plan(file: string): Promise<ReloadReport> {
    const { next, changes } = this.#compare(file);
    for (const peer of next.peers) peer.presharedKey?.fill(0);
    return { interface: this.#config.interface.name, applied: false, changes };
  }

  get l2(): L2Api {
    return new L2Service(this.#running());
  }

  get relay(): RelayApi {
    return new RelayService(this.#running());
  }

  get attachments(): AttachApi {
    return this.#attachments ?? STARTING_ATTACHMENTS;
  }

  down(): void {
    this.#end('icx down');
  }

  /** There is nothing left that the agent could do. */
  fail(fault: CliError): void {
    this.#end(fault.message, fault);
  }

  async #reload(): Promise<ReloadReport> {
    const overlay = this.#running();
    const { next, changes } = this.#compare(this.#configFile);
    // What needs a restart stays as it runs, and is told again by the next reload.
    const config = {
      ...next,
      interface: { ...this.#config.interface, ...liveInterface(next) },
      metrics: this.#config.metrics,
      networks: networksInForce(this.#config, next),
    };
    if (changes.length > 0) {
      await overlay.apply(config);
      // Networks may have come anew, and with them ports; masquerading follows addresses and peers.
      await this.#attachments?.reconcile();
    }
    this.#config = config;
    this.log.level = next.log.level;
    this.log.info({ changes: changes.length }, 'reloaded');
    const waiting = changes.filter((change) => change.needs_restart).map(({ detail }) => detail);
    if (waiting.length > 0) this.log.warn({ waiting }, 'not applied: needs a restart');
    return { interface: this.#config.interface.name, applied: true, changes };
  }

  /** Loads a config beside the running one, whose seed is kept in the identity alone. */
  #compare(file: string): { next: Config; changes: Change[] } {
    const next = this.#adapt(loadConfig(file));
    const running = { ...this.#config, interface: { ...this.#config.interface, seed: this.identity.seed } };
    const changes = diffConfig(running, next);
    next.interface.seed.fill(0);
    return { next, changes };
  }

  #running(): Overlay {
    if (this.#overlay !== null) return this.#overlay;
    throw new CliError('the agent is still starting', 'try again in a second', 1, 'ERR_ICX_STARTING');
  }
}

/** The part of `[interface]` that a running agent takes on. */
function liveInterface({ interface: next }: Config): Partial<Config['interface']> {
  const { addresses, mtu, routes, preUp, postUp, preDown, postDown } = next;
  return { addresses, mtu, routes, preUp, postUp, preDown, postDown };
}

function peerRekey(outcome: RekeyOutcome): PeerRekey {
  if (!outcome.ok) {
    const none = { rx: [], tx: [] };
    return {
      peer: outcome.peer,
      vni: outcome.vni,
      ok: false,
      trigger: 'operator',
      old: none,
      new: none,
      lost_packets: null,
      sent_packets: 0,
      duration_ms: 0,
      error: outcome.error.message,
    };
  }
  const { result } = outcome;
  return {
    peer: outcome.peer,
    vni: outcome.vni,
    ok: true,
    trigger: result.trigger,
    old: { rx: result.oldSpis.rx.map(formatSpi), tx: result.oldSpis.tx.map(formatSpi) },
    new: { rx: result.newSpis.rx.map(formatSpi), tx: result.newSpis.tx.map(formatSpi) },
    lost_packets: result.lostPackets,
    sent_packets: result.sentPackets,
    duration_ms: result.durationMs,
    error: null,
  };
}
