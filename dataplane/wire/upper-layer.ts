/** Where the transport header of an IP packet lies, for both IP versions. */

/** IP protocol numbers. @see IANA "Protocol Numbers" */
export const IpProtocol = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  authentication: 51,
  icmpv6: 58,
  noNextHeader: 59,
  destinationOptions: 60,
  sctp: 132,
  mobility: 135,
  hostIdentity: 139,
  shim6: 140,
} as const;

/** Which part of a fragmented packet this is. Only `none` and `first` begin with the transport header. */
export const Fragment = { none: 0, first: 1, later: 2 } as const;
export type Fragment = (typeof Fragment)[keyof typeof Fragment];

/** What findUpperLayer() found; made once by the caller and written for every packet. */
export interface UpperLayer {
  /** IP protocol number of the transport header. */
  protocol: number;
  /** Offset in the view of the transport header, or of the payload of a later fragment. */
  at: number;
  fragment: Fragment;
}

export function createUpperLayer(): UpperLayer {
  return { protocol: 0, at: 0, fragment: Fragment.none };
}
