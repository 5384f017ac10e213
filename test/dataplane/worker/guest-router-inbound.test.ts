/** A router between guests, a peer and the host: what comes for guests, and what goes by an exit. */
import { afterEach, describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import type { Exit } from '../../../dataplane/worker/guest-router.ts';
import { asSuper, virtioHeader } from '../../support/super-packets.ts';
import { pattern, tcpPacket } from '../../support/transport-packets.ts';
import { arpFrame } from '../l2/neighbour-frames.ts';
import { NOW } from '../path/host.ts';
import {
  A4,
  B4,
  dropsOf,
  forwarded,
  frameOf,
  GuestRig,
  HOST4,
  hex4,
  MAC_A,
  PEER4,
  PEER6,
  packet,
  twoGuests,
} from './guest-rig.ts';

const rigs: GuestRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
});

function makeRig(side: 'a' | 'b' = 'a'): GuestRig {
  const rig = new GuestRig(side);
  rigs.push(rig);
  return rig;
}

describe('GuestRouter takes from the host', () => {
  const plain = (bytes: Uint8Array) => Buffer.concat([virtioHeader(), bytes]);

  test('packets for a guest, and leaves the others to the peers', () => {
    const rig = makeRig();
    rig.attachTun();
    const { b } = twoGuests(rig);
    rig.fromHost(plain(packet(HOST4, B4)));
    rig.fromHost(plain(packet(HOST4, PEER4)));
    rig.fromHost(plain(packet(HOST4, '10.77.3.1')));
    expect(b.port.sent.map((frame) => frame.slice(28))).toEqual([forwarded(HOST4, B4)]);
    expect(rig.sealed).toHaveLength(1);
    expect(rig.dropped(DropCode.txNoRoute)).toBe(1);
  });

  test('what is no packet is counted as malformed', () => {
    const rig = makeRig();
    rig.attachTun();
    const { b } = twoGuests(rig);
    rig.fromHost(plain(packet(HOST4, B4).subarray(0, 22)));
    expect(b.port.sent).toEqual([]);
    expect(rig.dropped(DropCode.txMalformed)).toBe(1);
  });

  test('super-packets, as what they stand for', () => {
    const rig = makeRig();
    rig.attachTun();
    const { b } = twoGuests(rig);
    const fields = { src: HOST4, dst: B4, payload: pattern(2_500) };
    rig.fromHost(asSuper(tcpPacket(fields), 1_000));
    const sent = b.port.sent.map((frame) => frame.slice(28));
    // The identification of the first is the sender's.
    const id = Number.parseInt(sent[0]?.slice(8, 12) ?? '', 16);
    expect(sent).toEqual(
      [0, 1, 2].map((index) => {
        const payload = fields.payload.subarray(index * 1_000, (index + 1) * 1_000);
        const sequence = 1_000 + index * 1_000;
        return Buffer.from(tcpPacket({ ...fields, payload, sequence, id: id + index, ttl: 63 })).toString(
          'hex',
        );
      }),
    );
  });

  test('packets that are too large or have no hop left, which it drops', () => {
    const rig = makeRig();
    rig.attachTun();
    const b = rig.addGuest([B4], 1_300);
    rig.fromHost(plain(packet(HOST4, B4, 64, 1_273)));
    expect(rig.toHost().map((answer) => answer.slice(40, 56))).toEqual([
      expect.stringMatching(/^0304.{8}0514$/),
    ]);
    rig.fromHost(plain(packet(HOST4, B4, 1)));
    expect(dropsOf(b)).toEqual({ 'tx too_large': 1, 'tx hop_limit': 1 });
    expect(b.port.sent).toEqual([]);
  });
});

describe('GuestRouter takes from a peer', () => {
  /** What a guest at 10.77.2.9 behind the peer sends. */
  function fromPeer(dst: string, ttl = 64, len = 40): Uint8Array[] {
    const far = makeRig('b');
    const guest = far.addGuest([PEER4, PEER6]);
    far.send(guest, frameOf(packet(dst.includes(':') ? PEER6 : PEER4, dst, ttl + 1, len)));
    return far.sealed;
  }

  test('what is for a guest; the rest goes to the host', () => {
    const rig = makeRig();
    rig.attachTun();
    const { b } = twoGuests(rig);
    rig.open([...fromPeer(B4), ...fromPeer(HOST4)].slice(0, 1));
    expect(b.port.sent.map((frame) => frame.slice(28))).toEqual([forwarded(PEER4, B4)]);
    const other = makeRig();
    other.attachTun();
    twoGuests(other);
    other.open(fromPeer(HOST4));
    expect(other.toHost()).toEqual([forwarded(PEER4, HOST4, 64)]);
  });

  test('nothing that nobody has, without a host; it is counted', () => {
    const rig = makeRig();
    twoGuests(rig);
    rig.open(fromPeer(HOST4));
    expect(rig.dropped(DropCode.rxNoPort)).toBe(1);
  });

  test('nothing that a guest does not take; it is counted', () => {
    const rig = makeRig();
    const { b } = twoGuests(rig);
    b.port.takes = false;
    rig.open(fromPeer(B4));
    expect(rig.dropped(DropCode.rxPortWrite)).toBe(1);
  });

  test('nothing without a hop left', () => {
    const rig = makeRig();
    const { b } = twoGuests(rig);
    rig.open(fromPeer(B4, 1));
    expect(dropsOf(b)).toEqual({ 'tx hop_limit': 1 });
    expect(rig.dropped(DropCode.rxPortWrite)).toBe(1);
  });

  test('nothing too large for the guest; the sender is told by the way back', () => {
    const rig = makeRig();
    const b = rig.addGuest([B4], 1_300);
    rig.open(fromPeer(B4, 64, 1_273));
    expect(dropsOf(b)).toEqual({ 'tx too_large': 1 });
    expect(b.port.sent).toEqual([]);
    expect(rig.sealed).toHaveLength(1);
  });

  test('nothing too large that may not be answered, and answers it not', () => {
    const [rig, far] = [makeRig(), makeRig('b')];
    const b = rig.addGuest([B4], 1_300);
    const there = far.addGuest([PEER4]);
    const fragment = packet(PEER4, B4, 64, 1_273);
    fragment[7] = 1;
    far.send(there, frameOf(fragment));
    rig.open(far.sealed);
    expect(dropsOf(b)).toEqual({ 'tx too_large': 1 });
    expect([rig.sealed, rig.dropped(DropCode.txMalformed)]).toEqual([[], 0]);
  });

  test('amid packets for the host that are being joined, which stay whole', () => {
    const [rig, far] = [makeRig(), makeRig('b')];
    rig.attachTun();
    far.attachTun();
    const { b } = twoGuests(rig);
    const payload = pattern(2_000);
    const fields = { src: PEER4, dst: HOST4, payload };
    far.fromHost(asSuper(tcpPacket(fields), 1_000));
    far.fromHost(Buffer.concat([virtioHeader(), packet(PEER4, B4)]));
    const [first, second, toGuest] = far.sealed;
    if (first === undefined || second === undefined || toGuest === undefined) throw new Error('three frames');
    rig.open([first, toGuest, second]);
    expect(b.port.sent).toHaveLength(1);
    const [joined = '', ...more] = rig.toHost();
    expect(more).toEqual([]);
    expect(joined.endsWith(Buffer.from(payload).toString('hex'))).toBe(true);
  });
});

describe('GuestRouter asks an exit', () => {
  function exitOf(taken: string[], takes = true): Exit {
    return {
      covers: () => takes,
      accept: (at, len, guest) => {
        taken.push(`${at > 0} ${len} ${guest?.id ?? 'peer'}`);
        return takes;
      },
    };
  }

  test('before the host, once guests and peers do not have the address', () => {
    const rig = makeRig();
    rig.attachTun();
    const { a } = twoGuests(rig);
    const taken: string[] = [];
    rig.link.guests.exit = exitOf(taken);
    for (const to of [B4, PEER4, '198.51.100.1']) rig.send(a, frameOf(packet(A4, to)));
    expect(taken).toEqual([`true 68 ${a.guest.id}`]);
    expect(rig.toHost()).toEqual([]);
    rig.link.guests.exit = exitOf(taken, false);
    rig.send(a, frameOf(packet(A4, '198.51.100.1')));
    expect(rig.toHost()).toHaveLength(1);
  });

  test('for what peers send to nobody here; its addresses are answered for', () => {
    const [rig, far] = [makeRig(), makeRig('b')];
    const taken: string[] = [];
    rig.link.guests.exit = exitOf(taken);
    const { a } = twoGuests(rig);
    const there = far.addGuest([PEER4]);
    far.send(there, frameOf(packet(PEER4, HOST4)));
    rig.open(far.sealed);
    expect(taken).toEqual(['true 68 peer']);
    expect(rig.dropped(DropCode.rxNoPort)).toBe(0);
    expect(
      rig.send(a, arpFrame({ from: MAC_A, senderIp: hex4(A4), targetIp: hex4('198.51.100.1') })),
    ).toHaveLength(1);
  });

  test('deliver() gives what comes in by it to a guest or a peer', () => {
    const rig = makeRig();
    const { b } = twoGuests(rig);
    const at = rig.arena.take(128) + 64;
    const deliver = (dst: string, missing = 0) => {
      const bytes = packet('198.51.100.1', dst, 64, 10);
      rig.arena.bytes.set(bytes, at);
      return rig.link.guests.deliver(at, bytes.length - missing, NOW);
    };
    expect([B4, PEER4, '10.9.9.9'].map((dst) => deliver(dst))).toEqual([true, true, false]);
    expect(b.port.sent).toHaveLength(1);
    expect(rig.sealed).toHaveLength(1);
    rig.addGuest(['10.77.1.11'], 37);
    expect([deliver(B4, 1), deliver('10.77.1.11')]).toEqual([false, false]);
    expect(b.port.sent).toHaveLength(1);
  });
});
