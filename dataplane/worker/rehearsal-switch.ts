/**
 * Runs frames through a switched link: from a TAP queue and from a machine to a peer, and in again from
 * another.
 *
 * Both ways lead through one switch. So before each way the stations are where it needs them: the one
 * that is sent to behind the peer, then behind the port that it comes out of.
 */
import type { Arena } from '../io/arena.ts';
import { read, write } from '../io/libc.ts';
import { DgramPort } from '../port/dgram-port.ts';
import { TapPort } from '../port/tap-port.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as virtio from '../wire/virtio-net.ts';
import type { LocalPort } from './local-port.ts';
import { ANYWHERE, type SwitchSpec } from './messages.ts';
import { nowMs } from './now.ts';
import { PortSource } from './port-source.ts';
import type { QueueLoop } from './queue-loop.ts';
import { MAC_HIGH, NEIGHBOURS, rehearsalFrames, STATIONS } from './rehearsal-frames.ts';
import { SwitchedLink } from './switched-link.ts';

/** Rounds after which V8 has compiled all of it. */
const ROUNDS = 30;
const READ_LEN = 66_000;
const ETHERNET_MTU = 1_500;
const SPEC: SwitchSpec = {
  seed: 1,
  ageingMs: 300_000,
  maxStations: 16,
  maxStationsPerPort: 16,
  snooping: true,
  suppress: true,
};

/** The peer that is sent to, the one that the same frames come from, and one without keys. */
export interface PeerSlots {
  readonly to: number;
  readonly from: number;
  readonly keyless: number;
}

/** A port's descriptor, and that of its far end. */
export type PortPair = readonly [fd: number, outerFd: number];

interface Way {
  readonly local: LocalPort;
  readonly outerFd: number;
  /** What the far end writes. */
  readonly frames: readonly { readonly address: number; readonly len: number }[];
}

/** @param ports Of a TAP queue, and of a machine. */
export function exchangeFrames(
  vni: number,
  loop: QueueLoop,
  slots: PeerSlots,
  ports: readonly [PortPair, PortPair],
  untilMs: number,
): void {
  const { arena } = loop.parts;
  const link = new SwitchedLink(vni, SPEC, Math.max(...Object.values(slots)) + 1, loop.parts);
  loop.addLink(link);
  for (const slot of Object.values(slots)) link.addPeer(slot);
  const ip = { family: 4, words: [NEIGHBOURS.known, 0, 0, 0] } as const;
  link.neighbours.table.setStatic({ ip, mac: { high: MAC_HIGH, low: STATIONS.to }, port: ANYWHERE });
  const ways = addPorts(loop, link, ports);
  const macAt = arena.take(ethernet.ADDRESS_LEN);
  const place = (station: number, port: number) => {
    ethernet.writeAddress(arena.view, macAt, MAC_HIGH, station);
    link.switch.fdb.learn(arena.view, macAt, port, nowMs());
  };
  const outAddress = arena.base + arena.take(READ_LEN);
  const send = ({ local, outerFd }: Way, frames: Way['frames']) => {
    link.switch.fdb.flush();
    place(STATIONS.to, slots.to);
    place(STATIONS.keyless, slots.keyless);
    for (const { address, len } of frames) write(outerFd, address, len);
    loop.turn(0);
    link.switch.fdb.flush();
    place(STATIONS.to, local.id);
    loop.turn(0);
    for (const way of ways) while (read(way.outerFd, outAddress, READ_LEN) > 0);
  };
  for (let round = 0; round < ROUNDS && nowMs() < untilMs; round++) {
    for (const way of ways) {
      // The second of two finds what the first taught.
      for (const each of way.frames) send(way, [each, each]);
      send(way, way.frames);
      // As what comes for a network that is not here.
      loop.removeLink(vni);
      send(way, way.frames);
      loop.addLink(link);
    }
    loop.sendKeepalive(slots.to, nowMs());
  }
}

function addPorts(
  loop: QueueLoop,
  link: SwitchedLink,
  [[tapFd, tapOuterFd], [unixFd, unixOuterFd]]: readonly [PortPair, PortPair],
): Way[] {
  const { arena, frameAt } = loop.parts;
  const machine = { fd: unixFd, isConnected: true, remote: null, mtuBytes: ETHERNET_MTU };
  const first = Math.max(...link.peers()) + 1;
  const tap = link.addLocal(first, new TapPort({ fd: tapFd }, arena, frameAt), null, true);
  const unix = link.addLocal(first + 1, new DgramPort(machine, arena, frameAt), null);
  for (const local of [tap, unix]) loop.addSource(new PortSource(local, link, () => {}));
  const frames = rehearsalFrames();
  // A machine's are complete, and no longer than its MTU.
  const single = frames
    .map((frame) => frame.subarray(virtio.HEADER_LEN))
    .filter(({ length }) => length <= ETHERNET_MTU + ethernet.HEADER_LEN);
  return [
    { local: tap, outerFd: tapOuterFd, frames: frames.map((frame) => put(arena, frame)) },
    { local: unix, outerFd: unixOuterFd, frames: single.map((frame) => put(arena, frame)) },
  ];
}

/** Puts bytes where system calls find them. */
export function put(arena: Arena, bytes: Uint8Array): { readonly address: number; readonly len: number } {
  const at = arena.take(bytes.length);
  arena.bytes.set(bytes, at);
  return { address: arena.base + at, len: bytes.length };
}
