/** Why frames of guests, and packets to them, are dropped: the one table of codes, labels and counters. */

/** A code is a small positive integer and the index of its counter. */
export const GuestDrop = {
  malformed: 1,
  notIp: 2,
  otherStation: 3,
  linkScope: 4,
  innerSource: 5,
  hopLimit: 6,
  noRoute: 7,
  interface: 8,
  toHopLimit: 9,
  toTooLarge: 10,
} as const;
export type GuestDrop = (typeof GuestDrop)[keyof typeof GuestDrop];

interface GuestDropInfo {
  /** `rx` is what the guest sent. */
  readonly direction: 'rx' | 'tx';
  /** Label of the metric; unique within a direction. */
  readonly reason: string;
}

/** Every code's row; a code without one does not compile. */
const GUEST_DROP_TABLE = {
  /** No whole IP packet of the version that the frame announces. */
  [GuestDrop.malformed]: { direction: 'rx', reason: 'malformed' },
  /** Neither IP nor ARP, or in a VLAN. */
  [GuestDrop.notIp]: { direction: 'rx', reason: 'not_ip' },
  /** To a MAC address that is not the gateway's. */
  [GuestDrop.otherStation]: { direction: 'rx', reason: 'other_station' },
  /** Multicast, broadcast and link-local addresses, which no router passes on. */
  [GuestDrop.linkScope]: { direction: 'rx', reason: 'link_scope' },
  /** From an address that is not the guest's. */
  [GuestDrop.innerSource]: { direction: 'rx', reason: 'inner_source' },
  /** TTL or hop limit is used up. */
  [GuestDrop.hopLimit]: { direction: 'rx', reason: 'hop_limit' },
  /** To an address that nobody has. */
  [GuestDrop.noRoute]: { direction: 'rx', reason: 'no_route' },
  /** The host's interface refused the packet. */
  [GuestDrop.interface]: { direction: 'rx', reason: 'port_write' },
  [GuestDrop.toHopLimit]: { direction: 'tx', reason: 'hop_limit' },
  /** Larger than the guest's MTU. */
  [GuestDrop.toTooLarge]: { direction: 'tx', reason: 'too_large' },
} satisfies Record<GuestDrop, GuestDropInfo>;

/** All codes, in order. */
const GUEST_DROPS: readonly GuestDrop[] = Object.values(GuestDrop);

/** Packets by reason, those that never happened with 0. */
export interface GuestDrops {
  readonly rx: Readonly<Record<string, number>>;
  readonly tx: Readonly<Record<string, number>>;
}

/** 64-bit floats, exact up to 2^53, which count without allocating; index 0 is nobody's. */
export function createGuestDrops(): Float64Array {
  return new Float64Array(GUEST_DROPS.length + 1);
}

export function readGuestDrops(counts: Float64Array): GuestDrops {
  const of = (direction: 'rx' | 'tx') =>
    Object.fromEntries(
      GUEST_DROPS.filter((code) => GUEST_DROP_TABLE[code].direction === direction).map((code) => [
        GUEST_DROP_TABLE[code].reason,
        counts[code] ?? 0,
      ]),
    );
  return { rx: of('rx'), tx: of('tx') };
}
