/** Tells what changes between the networks of two configs, and which of it waits for a restart. */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../admin-api.ts';
import { changeDetail } from './change-detail.ts';
import type { Config, NetworkConfig, PeerConfig, PortConfig, RelayConfig } from './types.ts';

/** A running network keeps these: its packets and its interface are made of them. */
const FIXED_KEYS = ['vni', 'mode', 'device'] as const;
const LIVE_KEYS = ['addresses', 'mtu', 'routes', 'announce'] as const;
const MEMBER_KEYS = ['allowedIps', 'localIps', 'acceptRoutes'] as const;
/** Keys of the file that the types call otherwise. */
const WRITTEN: Readonly<Record<string, string>> = { device: 'interface' };

/** Whether the config is without `[[network]]`. */
export function hasOnlyNetwork({ networks, peers }: Config): boolean {
  return networks.length === 1 && networks[0]?.peers === peers;
}

/** Networks are matched by name; the only ones of two configs by being that. */
export function diffNetworks(before: Config, after: Config): Change[] {
  const pairs = pairsOf(before, after);
  const kept = new Set(pairs.map(([old]) => old));
  const only = hasOnlyNetwork(before) && hasOnlyNetwork(after);
  const inForce = new Set(networksInForce(before, after).map(({ name }) => name));
  return [
    ...before.networks
      .filter((network) => !kept.has(network))
      .map(({ name }) => change('removed', `network ${name}`, '')),
    ...pairs.flatMap(([old, next]) => {
      if (old === null) {
        const detail = `${next.mode}, vni ${next.vni}`;
        return [change('added', `network ${next.name}`, detail, !inForce.has(next.name))];
      }
      return diffNetwork(old, next, only ? '' : `network ${next.name}`, before.interface.queues);
    }),
  ];
}

/**
 * The networks of `next` as an agent that runs `running` can have them: what needs a restart stays
 * as it runs, and a new network whose VNI is taken that long waits too.
 */
export function networksInForce(running: Config, next: Config): readonly NetworkConfig[] {
  const only = hasOnlyNetwork(running) && hasOnlyNetwork(next);
  const pairs = pairsOf(running, next);
  const taken = new Set(pairs.map(([old]) => old?.vni));
  return pairs.flatMap(([old, network]) => {
    if (old === null) return taken.has(network.vni) ? [] : [network];
    const { vni, mode, device, name, ports, neighbours } = old;
    const fixed = { vni, mode, device, name: only ? name : network.name };
    // These are made for the mode and the queues, and wait with them.
    const waits = mode !== network.mode || needsOneQueue(old, network, running.interface.queues);
    const inside = waits ? { ports, neighbours, switch: old.switch, relay: old.relay } : {};
    return [{ ...network, ...fixed, ...inside }];
  });
}

/**
 * Whether guests or a relay come to a network that several queues may serve: one is to serve it then.
 *
 * @param queues Setting of the running agent.
 */
function needsOneQueue(running: NetworkConfig, next: NetworkConfig, queues: number | 'auto'): boolean {
  const takesGuests = running.mode === 'l2' || !running.device || hasGuests(running) || queues === 1;
  return !takesGuests && next.mode === 'l3' && hasGuests(next);
}

function hasGuests({ ports, relay }: NetworkConfig): boolean {
  return ports.length > 0 || relay !== null;
}

type Pair = readonly [running: NetworkConfig | null, next: NetworkConfig];

function pairsOf(before: Config, after: Config): Pair[] {
  if (hasOnlyNetwork(before) && hasOnlyNetwork(after)) {
    return after.networks.map((network) => [before.networks[0] ?? null, network]);
  }
  const byName = new Map(before.networks.map((network) => [network.name, network]));
  return after.networks.map((network) => [byName.get(network.name) ?? null, network]);
}

/** @param subject Empty for the only network, whose interface and peers are told elsewhere. */
function diffNetwork(
  before: NetworkConfig,
  after: NetworkConfig,
  subject: string,
  queues: number | 'auto',
): Change[] {
  const only = subject === '';
  const named = (what: string) => `${subject} ${what}`.trim();
  const own = (key: 'mode' | (typeof FIXED_KEYS)[number] | (typeof LIVE_KEYS)[number], restart: boolean) =>
    isDeepStrictEqual(before[key], after[key])
      ? []
      : [
          change(
            'changed',
            only ? 'interface' : subject,
            changeDetail(WRITTEN[key] ?? key, before[key], after[key]),
            restart,
          ),
        ];
  const waits = before.mode !== after.mode || needsOneQueue(before, after, queues);
  const inside = [
    ...diffPorts(before.ports, after.ports, named),
    ...diffSwitch(before, after, named),
    ...diffRelay(before.relay, after.relay, named('relay')),
    ...diffEach(before.neighbours, after.neighbours, {
      subject: ({ ip }) => named(`neighbour ${ip}`),
      text: ({ mac, peer }) => (peer === null ? mac : `${mac} at peer ${peer}`),
    }),
  ];
  return [
    ...(only
      ? [...own('mode', true), ...own('announce', false)]
      : FIXED_KEYS.flatMap((key) => own(key, true))),
    ...(only ? [] : LIVE_KEYS.flatMap((key) => own(key, false))),
    ...(only ? [] : diffMembers(before.peers, after.peers, named)),
    ...inside.map((found) => ({ ...found, needs_restart: waits })),
  ];
}

type Named = (what: string) => string;

/** By public key, as the agent knows them; a new name alone is told of the peer itself. */
function diffMembers(before: readonly PeerConfig[], after: readonly PeerConfig[], named: Named): Change[] {
  const key = (peer: PeerConfig) => Buffer.from(peer.publicKey).toString('hex');
  const old = new Map(before.map((peer) => [key(peer), peer]));
  const kept = new Set(after.map(key));
  return [
    ...before
      .filter((peer) => !kept.has(key(peer)))
      .map((peer) => change('removed', named(`peer ${peer.name}`), '')),
    ...after.flatMap((peer) => {
      const subject = named(`peer ${peer.name}`);
      const was = old.get(key(peer));
      if (was === undefined) return [change('added', subject, peer.allowedIps.join(', '))];
      return MEMBER_KEYS.filter((name) => !isDeepStrictEqual(was[name], peer[name])).map((name) =>
        change('changed', subject, changeDetail(name, was[name], peer[name])),
      );
    }),
  ];
}

/** A port that changed is closed and opened anew. */
function diffPorts(before: readonly PortConfig[], after: readonly PortConfig[], named: Named): Change[] {
  const same = (ports: readonly PortConfig[], port: PortConfig) =>
    ports.some((other) => isDeepStrictEqual(other, port));
  const subject = (port: PortConfig) => named(`port ${port.name}`);
  return [
    ...before.filter((port) => !same(after, port)).map((port) => change('removed', subject(port), '')),
    ...after
      .filter((port) => !same(before, port))
      .map((port) => change('added', subject(port), portText(port))),
  ];
}

function portText(port: PortConfig): string {
  if (port.type === 'unix') return `unix ${port.path}`;
  return port.type === 'interface' ? `interface ${port.device}` : `vxlan, vni ${port.vni}`;
}

function diffSwitch(
  { switch: before }: NetworkConfig,
  { switch: after }: NetworkConfig,
  named: Named,
): Change[] {
  const subject = named('switch');
  // It comes and goes with the mode, which is told.
  if (before === null || after === null) return [];
  const settings = ['ageingMs', 'maxStations', 'maxStationsPerPort', 'snooping', 'suppress'] as const;
  return [
    ...settings
      .filter((key) => before[key] !== after[key])
      .map((key) => change('changed', subject, changeDetail(key, before[key], after[key]))),
    ...diffEach(before.stations, after.stations, {
      subject: ({ mac }) => named(`station ${mac}`),
      text: ({ port, peer }) => (peer === null ? `port ${port}` : `peer ${peer}`),
    }),
  ];
}

function diffRelay(before: RelayConfig | null, after: RelayConfig | null, subject: string): Change[] {
  if (before === null) return after === null ? [] : [change('added', subject, '')];
  if (after === null) return [change('removed', subject, '')];
  const keys = Object.keys(after) as (keyof RelayConfig)[];
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) =>
      change(
        'changed',
        subject,
        changeDetail(key === 'addresses' ? 'address' : key, before[key], after[key]),
      ),
    );
}

interface Entry<T> {
  /** Names it, once in a network. */
  subject(item: T): string;
  text(item: T): string;
}

function diffEach<T>(before: readonly T[], after: readonly T[], entry: Entry<T>): Change[] {
  const old = new Map(before.map((item) => [entry.subject(item), entry.text(item)]));
  const kept = new Set(after.map(entry.subject));
  return [
    ...[...old.keys()]
      .filter((subject) => !kept.has(subject))
      .map((subject) => change('removed', subject, '')),
    ...after.flatMap((item) => {
      const [subject, text] = [entry.subject(item), entry.text(item)];
      const was = old.get(subject);
      if (was === undefined) return [change('added', subject, text)];
      return was === text ? [] : [change('changed', subject, `${was} → ${text}`)];
    }),
  ];
}

function change(kind: Change['kind'], subject: string, detail: string, needsRestart = false): Change {
  return { kind, subject, detail, needs_restart: needsRestart };
}
