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

/** Null stands for "not known yet": no sample is exported. */
export interface PeerSnapshot {
  readonly name: string;
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
  /** Of several SAs of one lane and direction the youngest is exported. */
  readonly sas: readonly SaSnapshot[];
}

export interface QueueSnapshot {
  readonly queue: number;
  readonly rxPackets: number;
  readonly txPackets: number;
}

/** All numbers grow from 0 at the agent's start, but the ages and what is per SA. */
export interface MetricsSnapshot {
  readonly peers: readonly PeerSnapshot[];
  readonly queues: readonly QueueSnapshot[];
  readonly rx: DirectionTotals;
  readonly tx: DirectionTotals;
}

export type RekeyTrigger = 'timer' | 'budget' | 'operator' | 'reconnect';
export const REKEY_TRIGGERS = ['timer', 'budget', 'operator', 'reconnect'] as const;

export type RekeyResult = 'ok' | 'failed';
export const REKEY_RESULTS = ['ok', 'failed'] as const;
