/** Random packets of few flows, mostly such that they join, and random damage. */
import fc from 'fast-check';
import { asSuper } from './super-packets.ts';
import { ACK, PSH, pattern, TIMESTAMPS, tcpPacket, udpPacket, upperOf } from './transport-packets.ts';

const FLOWS = 6;

/** One received packet, before it is given its place in its flow. */
export interface Arrival {
  readonly flow: number;
  readonly len: number;
  /** How far the sequence number jumps. */
  readonly jump: number;
  readonly flags: number;
  readonly tos: number;
  readonly hasTimestamps: boolean;
  /** Whether it has IPv4 options or IPv6 extension headers. */
  readonly hasOptions: boolean;
  /** Whether a datagram has no checksum. */
  readonly isUnchecked: boolean;
  readonly ttl: number;
  /** Byte to be changed, as a share of the packet, with what; null leaves it whole. */
  readonly damage: readonly [share: number, mask: number] | null;
  /** Whether a place is asked for and spoiled before. */
  readonly isSpoiled: boolean;
}

const rarely = <T>(usual: T, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 15, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });

const damage = rarely<readonly [number, number] | null>(
  null,
  fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
);

export const arrival: fc.Arbitrary<Arrival> = fc.record({
  flow: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: FLOWS - 1 })),
  len: rarely(100, fc.oneof(fc.nat({ max: 110 }), fc.nat({ max: 3_000 }))),
  jump: rarely(0, fc.constantFrom(1, -100, 100, 2 ** 31)),
  flags: rarely(ACK, fc.oneof(fc.constant(ACK | PSH), fc.nat({ max: 255 }))),
  tos: rarely(0, fc.nat({ max: 3 })),
  hasTimestamps: rarely(true, fc.constant(false)),
  hasOptions: rarely(false, fc.constant(true)),
  isUnchecked: rarely(false, fc.constant(true)),
  ttl: rarely(64, fc.constant(63)),
  damage,
  isSpoiled: rarely(false, fc.constant(true)),
});

/** Gives arrivals their place in their flows: even flows are IPv4, flows 4 and 5 UDP. */
export function packetsOf(arrivals: readonly Arrival[]): Uint8Array[] {
  const next = Array.from({ length: FLOWS }, () => ({ sequence: 2 ** 32 - 500, id: 65_530 }));
  return arrivals.map((arrival) => {
    const { flow, len, jump, flags, tos, ttl, hasTimestamps } = arrival;
    const state = next[flow] ?? { sequence: 0, id: 0 };
    const sequence = (state.sequence + jump + 2 ** 32) % 2 ** 32;
    state.sequence = (sequence + len) % 2 ** 32;
    state.id = (state.id + 1) % 65_536;
    const addresses = flow % 2 === 0 ? {} : { src: 'fd88::1', dst: 'fd88::2' };
    const options = arrival.hasOptions ? (flow % 2 === 0 ? [1, 1, 1, 0] : [1, 4, 0, 0, 0, 0]) : [];
    const common = { ...addresses, options, tos, ttl, ports: [flow, 9] as const };
    const ip = { ...common, id: state.id, dontFragment: flow === 0 };
    const payload = pattern(len, len + flow);
    const tcp = { ...ip, sequence, flags, tcpOptions: hasTimestamps ? TIMESTAMPS : [], payload };
    const packet = flow < 4 ? tcpPacket(tcp) : udpPacket({ ...ip, payload });
    if (flow >= 4 && arrival.isUnchecked) {
      const { at } = upperOf(packet);
      packet.fill(0, at + 6, at + 8);
    }
    return damaged(packet, arrival.damage);
  });
}

function damaged(packet: Uint8Array, harm: Arrival['damage']): Uint8Array {
  if (harm === null) return packet;
  const copy = packet.slice();
  const at = Math.floor(harm[0] * copy.length);
  copy[at] = (copy[at] ?? 0) ^ harm[1];
  return copy;
}

/** Super-packets as they are read, a few of their first bytes changed. */
export const superPacket: fc.Arbitrary<Uint8Array> = fc
  .record({
    isTcp: fc.boolean(),
    isV6: fc.boolean(),
    hasOptions: fc.boolean(),
    len: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 9_000 })),
    gsoSize: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 3_000 })),
    flags: fc.nat({ max: 255 }),
    changes: fc.array(fc.tuple(fc.nat({ max: 130 }), fc.nat({ max: 255 })), { maxLength: 3 }),
    cutShort: rarely(0, fc.nat({ max: 200 })),
  })
  .map(({ isTcp, isV6, hasOptions, len, gsoSize, flags, changes, cutShort }) => {
    const addresses = isV6 ? { src: 'fd88::1', dst: 'fd88::2' } : {};
    const options = hasOptions ? (isV6 ? [1, 4, 0, 0, 0, 0] : [1, 1, 1, 0]) : [];
    const fields = { ...addresses, options, payload: pattern(len) };
    const read = asSuper(isTcp ? tcpPacket({ ...fields, flags }) : udpPacket(fields), gsoSize);
    for (const [at, value] of changes) if (at < read.length) read[at] = value;
    return read.subarray(0, Math.max(10, read.length - cutShort));
  });
