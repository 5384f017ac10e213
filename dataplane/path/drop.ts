/**
 * Why packets are dropped: the one table of codes, metric labels and help texts.
 *
 * A code is a small positive integer. The pipelines return it negated, the counters use it as
 * a column, and metrics show its direction and reason. Two codes may share a reason when the
 * same thing happens in both directions.
 */

export const DropCode = {
  rxMalformed: 1,
  rxUnknownVni: 2,
  rxBadPeer: 3,
  rxMissingOption: 4,
  rxUnknownOption: 5,
  rxUnknownSpi: 6,
  rxExpiredSa: 7,
  rxSpiMismatch: 8,
  rxRateLimited: 9,
  rxAuthFailed: 10,
  rxReplay: 11,
  rxInnerMalformed: 12,
  rxInnerSource: 13,
  rxInnerDestination: 14,
  rxNoPort: 15,
  rxPortWrite: 16,
  txMalformed: 17,
  txControlLoop: 18,
  txNoRoute: 19,
  txNoSa: 20,
  txExpiredSa: 21,
  txBudget: 22,
  txTooLarge: 23,
  txNoEndpoint: 24,
  txSealRefused: 25,
  txSendFailed: 26,
  txCongestion: 27,
} as const;
export type DropCode = (typeof DropCode)[keyof typeof DropCode];

/** Number of codes; they run from 1 to this without a gap. */
export const DROP_COUNT = 27;

export interface DropInfo {
  readonly direction: 'rx' | 'tx';
  /** Value of the metric label `reason`; unique within a direction. */
  readonly reason: string;
  /** One sentence for the operator. */
  readonly help: string;
}

function rx(reason: string, help: string): DropInfo {
  return { direction: 'rx', reason, help };
}

function tx(reason: string, help: string): DropInfo {
  return { direction: 'tx', reason, help };
}

/** Every code's row; a code without one does not compile. */
export const DROP_TABLE = {
  [DropCode.rxMalformed]: rx(
    'malformed',
    'The datagram is too short or is no Geneve data packet of version 0.',
  ),
  [DropCode.rxUnknownVni]: rx('unknown_vni', 'No network with this VNI exists here.'),
  [DropCode.rxBadPeer]: rx('bad_peer', 'The outer source is not the endpoint that validate_source asks for.'),
  [DropCode.rxMissingOption]: rx(
    'missing_option',
    'The SPI or the counter option is missing or of wrong length.',
  ),
  [DropCode.rxUnknownOption]: rx('unknown_option', 'A critical option is none that this version knows.'),
  [DropCode.rxUnknownSpi]: rx('unknown_spi', 'No receive SA of this network has this SPI.'),
  [DropCode.rxExpiredSa]: rx('expired_sa', 'The receive SA is past its hard lifetime.'),
  [DropCode.rxSpiMismatch]: rx('spi_mismatch', 'The nonce carries another SPI than the SPI option.'),
  [DropCode.rxRateLimited]: rx('rate_limited', 'The peer sends more packets than rx_rate_limit allows.'),
  [DropCode.rxAuthFailed]: rx('auth_failed', 'The authentication tag does not verify.'),
  [DropCode.rxReplay]: rx('replay', 'The counter was seen before or lies behind the replay window.'),
  [DropCode.rxInnerMalformed]: rx(
    'inner_malformed',
    'The inner packet is empty, truncated or not what the frame announced.',
  ),
  [DropCode.rxInnerSource]: rx(
    'inner_source',
    "The inner source is not among the peer's allowed_ips, or a MAC address that is not its own.",
  ),
  [DropCode.rxInnerDestination]: rx(
    'inner_destination',
    "The inner destination is not among the peer's local_ips.",
  ),
  [DropCode.rxNoPort]: rx('no_port', 'No other port of the network is to get the frame or packet.'),
  [DropCode.rxPortWrite]: rx('port_write', 'The interface refused the inner packet.'),
  [DropCode.txMalformed]: tx('malformed', 'The packet from the interface is no complete IP packet.'),
  [DropCode.txControlLoop]: tx(
    'control_loop',
    'The control connection would run through the overlay it makes.',
  ),
  [DropCode.txNoRoute]: tx('no_route', 'No peer is allowed this destination and source.'),
  [DropCode.txNoSa]: tx('no_sa', 'There is no send SA for the peer yet.'),
  [DropCode.txExpiredSa]: tx('expired_sa', 'The send SA is past its hard lifetime.'),
  [DropCode.txBudget]: tx('budget', 'The counter or the AEAD budget of the send SA is used up.'),
  [DropCode.txTooLarge]: tx('too_large', 'The packet is larger than the path to the peer takes.'),
  [DropCode.txNoEndpoint]: tx('no_endpoint', "The peer's underlay address is not known yet."),
  [DropCode.txSealRefused]: tx('seal_refused', 'The cipher refused the nonce, so nothing was sealed.'),
  [DropCode.txSendFailed]: tx('send_failed', 'The underlay refused the sealed frame.'),
  [DropCode.txCongestion]: tx(
    'congestion',
    'The queue of the interface did not empty any more: a lost packet tells the sender of a TCP flow.',
  ),
} satisfies Record<DropCode, DropInfo>;

/** All codes, in order. */
export const DROPS: readonly DropCode[] = Object.values(DropCode);

/** @returns The row of a code. */
export function dropInfo(code: DropCode): DropInfo {
  return DROP_TABLE[code];
}
