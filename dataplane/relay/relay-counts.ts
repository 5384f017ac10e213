/** What a relay counts, and why it drops. */

/** Why a datagram or packet was not carried: places of its counter. */
export const RelayDrop = {
  /** No IP packet, or no UDP in it where it says so. */
  malformed: 0,
  /** The UDP checksum is wrong, or missing over IPv6. */
  badChecksum: 1,
  /** A fragment of what is not UDP, or whose datagram no session could carry. */
  fragment: 2,
  /** Fragments overlap. @see RFC 5722 */
  overlap: 3,
  /** As many datagrams wait for fragments as may. */
  reassemblyFull: 4,
  /** A datagram was not whole in time. */
  reassemblyTimeout: 5,
  /** TCP, which was reset. */
  tcp: 6,
  /** Another protocol. */
  protocol: 7,
  /** Nothing may be sent there. */
  denied: 8,
  /** All sessions are in use. */
  full: 9,
  /** All sessions of the guest are in use. */
  guestFull: 10,
  /** The kernel gave no socket. */
  noSocket: 11,
  /** The socket can't be connected there: no route, or forbidden. */
  unreachable: 12,
  /** Too much waits for the session's socket. */
  waitingFull: 13,
  /** The session ended before its socket was open. */
  abandoned: 14,
  /** The socket's send buffer is full. */
  sendFull: 15,
  /** Larger than the path takes. */
  tooLarge: 16,
  sendFailed: 17,
} as const;
export type RelayDrop = (typeof RelayDrop)[keyof typeof RelayDrop];

/** What else is counted, in the places behind. */
export const RelayCount = {
  opened: 18,
  expired: 19,
  /** Ended for another one. */
  evicted: 20,
  /** From guests to the outside. */
  txDatagrams: 21,
  txBytes: 22,
  rxDatagrams: 23,
  rxBytes: 24,
  /** Fragments from guests. */
  rxFragments: 25,
  /** Fragments to guests. */
  txFragments: 26,
  /** ICMP errors and resets to guests. */
  answers: 27,
  /** Errors of sockets that came from the network. */
  icmpErrors: 28,
  /** Answers that were not given, so as not to give too many. */
  answersLimited: 29,
} as const;
export type RelayCount = (typeof RelayCount)[keyof typeof RelayCount];

const CELLS = Object.keys(RelayDrop).length + Object.keys(RelayCount).length;

export type RelayCounters = Readonly<Record<keyof typeof RelayCount, number>> & {
  readonly dropped: Readonly<Record<keyof typeof RelayDrop, number>>;
};

/** Floats: an integer field that passes 2^31 costs an object a change. */
export class RelayCounts {
  readonly #cells = new Float64Array(CELLS);

  drop(reason: RelayDrop): void {
    this.#cells[reason] = (this.#cells[reason] ?? 0) + 1;
  }

  add(what: RelayCount | RelayDrop, count: number): void {
    this.#cells[what] = (this.#cells[what] ?? 0) + count;
  }

  /** For people and metrics; allocates. */
  read(): RelayCounters {
    const of = <K extends string>(places: Readonly<Record<K, number>>) =>
      Object.fromEntries(
        Object.entries<number>(places).map(([name, place]) => [name, this.#cells[place] ?? 0]),
      ) as Record<K, number>;
    return { ...of(RelayCount), dropped: of(RelayDrop) };
  }
}
