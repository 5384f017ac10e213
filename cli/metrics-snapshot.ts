/** What the metrics are made of: one reading of an agent's cumulative counters. */

/** Of one direction. received = delivered + the sum of its drops, once no packet is under way. */
export interface DirectionTotals {
  /** rx: frames from the underlay; tx: packets from the interface. Without keepalives. */
  readonly received: number;
  /** rx: packets given to the interface; tx: frames given to the underlay. Without keepalives. */
  readonly delivered: number;
  readonly keepalives: number;
  /** Packets by reason; reasons that are absent count 0. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface SaSnapshot {
  readonly direction: 'rx' | 'tx';
  readonly lane: number;
  readonly ageSeconds: number;
  /** 0 to 1; ignored for rx. */
  readonly budgetUsedRatio: number;
}

/** One peer in one network. Null stands for "not known yet": no sample is exported. */
export interface PeerSnapshot {
  readonly name: string;
  /** Value of the label `interface`: the network's device, or the agent's name where it has none. */
  readonly network: string;
  readonly vni: number;
  readonly up: boolean;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Unix time, in ms. */
  readonly lastHandshakeAtMs: number | null;
  /** Unix time, in ms. */
  readonly lastRxAtMs: number | null;
  readonly rttSeconds: number | null;
  readonly pathMtuBytes: number | null;
  /** Announced prefixes that are in use, and those that are not. */
  readonly announcedRoutes: { readonly accepted: number; readonly refused: number };
  /** Of several SAs of one lane and direction the youngest is exported. */
  readonly sas: readonly SaSnapshot[];
}

export interface QueueSnapshot {
  readonly queue: number;
  readonly rxPackets: number;
  readonly txPackets: number;
}

/** Why a station was not learned: cap of its port, of the table, too many moves, a static entry. */
export const REFUSAL_REASONS = ['port_full', 'table_full', 'moves', 'static'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** The switch of an L2 network. */
export interface SwitchSnapshot {
  readonly stations: number;
  readonly maxStations: number;
  readonly learned: number;
  readonly moved: number;
  readonly aged: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Frames to one port. */
  readonly forwarded: number;
  /** Frames to several ports, or to whom nobody knew. */
  readonly flooded: number;
  /** Frames by reason: every one there is, those that never happened with 0. */
  readonly drops: Readonly<Record<string, number>>;
  readonly multicastGroups: number;
}

/** A port of this host; what peers carry is in their own snapshots. */
export interface PortSnapshot {
  readonly name: string;
  /** As in the config: "tap", "unix", … */
  readonly type: string;
  readonly up: boolean;
  /** From the port into the network. */
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly rxDropped: number;
  /** From the network to the port. */
  readonly txFrames: number;
  readonly txBytes: number;
  readonly txDropped: number;
  /** Of a guest: packets among the dropped, by reason. */
  readonly drops?: Readonly<Record<'rx' | 'tx', Readonly<Record<string, number>>>>;
}

/** The UDP relay of a network. Bytes are payload of UDP. */
export interface RelaySnapshot {
  readonly sessions: number;
  readonly opened: number;
  /** Ended for want of datagrams. */
  readonly expired: number;
  /** Ended for others, where there was no room. */
  readonly evicted: number;
  /** Datagrams of guests by reason: every one there is, those that never happened with 0. */
  readonly refused: Readonly<Record<string, number>>;
  /** From guests to their destinations. */
  readonly txDatagrams: number;
  readonly txBytes: number;
  /** From their destinations to guests. */
  readonly rxDatagrams: number;
  readonly rxBytes: number;
}

/** A network with ports, neighbours or a relay; one L3 network with a device alone has no such series. */
export interface NetworkSnapshot {
  /** Value of the label `interface`: the network's device, or the agent's name where it has none. */
  readonly network: string;
  readonly vni: number;
  /** Null in L3. */
  readonly switch: SwitchSnapshot | null;
  readonly neighbours: number;
  /** Questions answered in place of a peer's station. */
  readonly suppressed: { readonly arp: number; readonly nd: number };
  readonly ports: readonly PortSnapshot[];
  /** Null where there is none. */
  readonly relay: RelaySnapshot | null;
}

/** Containers of a network. */
export interface AttachmentSnapshot {
  /** As of NetworkSnapshot. */
  readonly network: string;
  readonly vni: number;
  readonly attachments: number;
}

/** All numbers grow from 0 at the agent's start, but the ages and what is per SA. */
export interface MetricsSnapshot {
  readonly peers: readonly PeerSnapshot[];
  readonly networks: readonly NetworkSnapshot[];
  /** One for each network. */
  readonly attachments: readonly AttachmentSnapshot[];
  readonly queues: readonly QueueSnapshot[];
  readonly rx: DirectionTotals;
  readonly tx: DirectionTotals;
}

export type RekeyTrigger = 'timer' | 'budget' | 'operator' | 'reconnect';
export const REKEY_TRIGGERS = ['timer', 'budget', 'operator', 'reconnect'] as const;

export type RekeyResult = 'ok' | 'failed';
export const REKEY_RESULTS = ['ok', 'failed'] as const;

export type AttachmentOperation = 'attach' | 'detach';
export const ATTACHMENT_OPERATIONS = ['attach', 'detach'] as const;
