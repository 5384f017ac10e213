/** What can be asked of a running agent about its L2 networks: stations, ports and neighbours. */
import { z } from 'zod';
import { PORT_SPEC } from './port-spec.ts';

const MAC = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
const count = () => z.number().min(0);
const age = () => z.number().min(0).nullable().describe('since the last frame; null for a static entry');
const STATE = z.enum(['learned', 'static']);

/** A port of this host, or a peer: for the switch both are ports. */
const KIND = z.enum(['port', 'peer']);

/** A network by name or, where none has that name, by VNI as decimal text. */
const NETWORK = z.string().min(1).max(63).optional();
const NAME = z.string().min(1).max(63);
const NETWORK_HEAD = { network: z.string(), vni: z.int() };

/** All L2 networks, or one of them. */
export const NETWORK_CHOICE = z.object({ network: NETWORK });
export type NetworkChoice = z.infer<typeof NETWORK_CHOICE>;

export const FDB_ENTRY = z.object({
  mac: MAC,
  /** Name of a port, or of a peer. */
  port: z.string(),
  kind: KIND,
  state: STATE,
  age_seconds: age(),
});
export type FdbEntry = z.infer<typeof FDB_ENTRY>;

export const FDB_REPORT = z.object({
  networks: z.array(
    z.object({ ...NETWORK_HEAD, ageing_seconds: z.number().min(0), entries: z.array(FDB_ENTRY) }),
  ),
});
export type FdbReport = z.infer<typeof FDB_REPORT>;

/** Exactly one of `port` and `peer`. */
export const FDB_ADD = z
  .object({ network: NETWORK, mac: MAC, port: NAME.optional(), peer: NAME.optional() })
  .refine(({ port, peer }) => (port === undefined) !== (peer === undefined));
export type FdbAdd = z.infer<typeof FDB_ADD>;

export const FDB_DEL = z.object({ network: NETWORK, mac: MAC });
export type FdbDel = z.infer<typeof FDB_DEL>;

/** Of one port, of one peer, or of all; static entries stay. */
export const FDB_FLUSH = z
  .object({ network: NETWORK, port: NAME.optional(), peer: NAME.optional() })
  .refine(({ port, peer }) => port === undefined || peer === undefined);
export type FdbFlush = z.infer<typeof FDB_FLUSH>;

/** `removed` counts entries that went: those that a new static entry replaced, too. */
export const FDB_CHANGE = z.object({ network: z.string(), removed: z.int().min(0) });
export type FdbChange = z.infer<typeof FDB_CHANGE>;

export const PORT_TYPES = ['tap', 'tun', 'unix', 'interface', 'vxlan', 'peer'] as const;

/** Frames that come into the network by the port are received, those that leave by it are sent. */
export const PORT_STATUS = z.object({
  name: z.string(),
  type: z.enum(PORT_TYPES),
  /** Where the port leads to: device, path or addresses. */
  detail: z.string(),
  state: z.enum(['up', 'down']),
  mtu: z.int().min(0),
  stations: count(),
  max_stations: count(),
  rx_frames: count(),
  rx_bytes: count(),
  tx_frames: count(),
  tx_bytes: count(),
  rx_dropped: count(),
  tx_dropped: count(),
  /** Of a guest of an L3 network: what is among the dropped, by reason. */
  drops: z.object({ rx: z.record(z.string(), count()), tx: z.record(z.string(), count()) }).optional(),
});
export type PortStatus = z.infer<typeof PORT_STATUS>;

export const PORT_REPORT = z.object({
  networks: z.array(z.object({ ...NETWORK_HEAD, ports: z.array(PORT_STATUS) })),
});
export type PortReport = z.infer<typeof PORT_REPORT>;

export const PORT_ADD = z.object({ network: NETWORK, port: PORT_SPEC });
export type PortAdd = z.infer<typeof PORT_ADD>;

export const PORT_DEL = z.object({ network: NETWORK, name: NAME });
export type PortDel = z.infer<typeof PORT_DEL>;

export const PORT_CHANGE = z.object({ network: z.string(), port: z.string() });
export type PortChange = z.infer<typeof PORT_CHANGE>;

export const NEIGHBOUR = z.object({
  ip: z.string(),
  mac: MAC,
  port: z.string(),
  kind: KIND,
  state: STATE,
  age_seconds: age(),
});
export type Neighbour = z.infer<typeof NEIGHBOUR>;

export const NEIGH_REPORT = z.object({
  networks: z.array(z.object({ ...NETWORK_HEAD, neighbours: z.array(NEIGHBOUR) })),
});
export type NeighReport = z.infer<typeof NEIGH_REPORT>;

/**
 * What an agent does for its L2 networks. A request that names no network means all of them where
 * it asks, and the only one where it changes something.
 *
 * Rejects with errors whose `code` and `hint` reach the operator: no such network, port, peer or
 * entry, a name or path in use, a device that can't be taken.
 */
export interface L2Api {
  fdbShow(request: NetworkChoice): Promise<FdbReport>;
  /** The entry is static and stays until the agent ends, `fdbDel`, or the end of its port. */
  fdbAdd(request: FdbAdd): Promise<FdbChange>;
  /** Learned and static entries alike. */
  fdbDel(request: FdbDel): Promise<FdbChange>;
  fdbFlush(request: FdbFlush): Promise<FdbChange>;
  portList(request: NetworkChoice): Promise<PortReport>;
  /** The port stays until the agent ends or `portDel`. */
  portAdd(request: PortAdd): Promise<PortChange>;
  portDel(request: PortDel): Promise<PortChange>;
  neighShow(request: NetworkChoice): Promise<NeighReport>;
}
