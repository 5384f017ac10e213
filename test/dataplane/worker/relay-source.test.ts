/** Guests' UDP through real sockets: what goes out, what comes back, what is refused, and what is given back. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DenyList } from '../../../dataplane/relay/deny-list.ts';
import { fragmentsOf, hexAddress, ipPacket, joinFragments, readUdp, udpPacket } from '../relay/packets.ts';
import { GUEST_4, GUEST_6, LOOPBACK_ALLOWED, Outside, RelayRig, TestGuest } from './relay-rig.ts';

const rigs: { close(): void }[] = [];
function rigOf(options: ConstructorParameters<typeof RelayRig>[0] = {}): RelayRig {
  const rig = new RelayRig(options);
  rigs.push(rig);
  return rig;
}
async function outside(kind: 'echo' | 'open', address = '127.0.0.1'): Promise<Outside> {
  const peer = await Outside[kind](address);
  rigs.push(peer);
  return peer;
}
function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
function bytes(len: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length: len }, (_, i) => (i * 31 + seed * 7 + (i >>> 8)) & 0xff));
}
function readIcmp(packet: Buffer) {
  const at = packet[0] === 0x45 ? 20 : 40;
  return {
    type: packet[at],
    code: packet[at + 1],
    word: packet.readUInt32BE(at + 4),
    from: packet.subarray(at === 20 ? 12 : 8, at === 20 ? 16 : 24).toString('hex'),
    quoted: packet.subarray(at + 8),
  };
}

beforeEach(() => {
  rigs.length = 0;
});
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
});

describe('RelaySource', () => {
  test.each([
    ['127.0.0.1', GUEST_4],
    ['::1', GUEST_6],
  ])('carries datagrams to %s and back, whatever their length', async (address, guestAddress) => {
    const rig = rigOf();
    const peer = await outside('echo', address);
    // What one packet of the loopback interface holds.
    for (const len of [0, 1, 2, 1_400, 9_000, address === '::1' ? 65_488 : 65_507]) {
      rig.guest.packets.length = 0;
      rig.send({ to: address, toPort: peer.port, data: bytes(len) });
      const [packet = Buffer.alloc(0)] = await rig.until(1);
      expect(readUdp(packet)).toEqual({
        from: hexAddress(address),
        fromPort: peer.port,
        to: hexAddress(guestAddress),
        toPort: 5_000,
        data: bytes(len),
      });
    }
    expect(rig.relay.size).toBe(1);
    expect(rig.relay.counters()).toMatchObject({ opened: 1, txDatagrams: 6, rxDatagrams: 6 });
  });

  test.each([
    ['127.0.0.1', 1_400],
    ['::1', 1_400],
  ])('takes and gives fragments, to and from %s', async (address, mtu) => {
    const rig = rigOf();
    rig.guest.mtuBytes = mtu;
    const peer = await outside('echo', address);
    rig.send({ to: address, toPort: peer.port, data: bytes(65_507) });
    const count = address === '::1' ? 49 : 48;
    const packets = await rig.until(count);
    expect(Math.max(...packets.map((packet) => packet.length))).toBeLessThanOrEqual(mtu);
    expect(readUdp(joinFragments(packets)).data).toEqual(bytes(65_507));
    expect(rig.relay.counters()).toMatchObject({ rxFragments: count, txFragments: count });
  });

  test('keeps the order of a burst, and counts bytes', async () => {
    const rig = rigOf();
    const peer = await outside('echo');
    for (let i = 0; i < 100; i++) {
      const data = bytes(i < 50 ? 500 : 300 + i, i);
      rig.offer(udpPacket({ from: GUEST_4, fromPort: 5_000, to: '127.0.0.1', toPort: peer.port, data }));
    }
    rig.relay.flush();
    const packets = await rig.until(100);
    expect(packets.map((packet) => readUdp(packet).data)).toEqual(
      packets.map((_, i) => bytes(i < 50 ? 500 : 300 + i, i)),
    );
    const [session] = rig.relay.list(rig.nowMs + 5);
    const total = packets.reduce((sum, packet) => sum + packet.length - 28, 0);
    expect(session).toEqual({
      guest: 1,
      source: GUEST_4,
      sourcePort: 5_000,
      destination: '127.0.0.1',
      destinationPort: peer.port,
      ageMs: 5,
      idleMs: 5,
      txBytes: total,
      rxDatagrams: 100,
      txDatagrams: 100,
      rxBytes: total,
      isOpen: true,
    });
  });

  test('sends a run of equal datagrams as such, not as one', async () => {
    const rig = rigOf();
    const peer = await outside('open');
    const packet = (i: number) =>
      udpPacket({
        from: GUEST_4,
        fromPort: 5_000,
        to: '127.0.0.1',
        toPort: peer.port,
        data: bytes(1_000, i),
      });
    for (let i = 0; i < 200; i++) rig.offer(packet(i));
    rig.relay.flush();
    await rig.turns(() => peer.received.length === 200);
    expect(peer.received.map(({ data }) => data)).toEqual(
      Array.from({ length: 200 }, (_, i) => bytes(1_000, i)),
    );
  });

  test('gives nothing that comes from another address or port', async () => {
    const rig = rigOf();
    const peer = await outside('open');
    const strangers = [await outside('open'), await outside('open', '127.0.0.2')];
    rig.send({ to: '127.0.0.1', toPort: peer.port, data: bytes(3) });
    await rig.turns(() => peer.received.length === 1);
    const port = peer.received[0]?.from.port ?? 0;
    for (const stranger of strangers) {
      await new Promise((resolve) => stranger.socket.send(bytes(9), port, '127.0.0.1', resolve));
    }
    await peer.send(bytes(5), port);
    const packets = await rig.until(1);
    rig.turn();
    expect(packets.map((packet) => readUdp(packet).data)).toEqual([bytes(5)]);
  });

  test('keeps guests apart that send from the same address', async () => {
    const rig = rigOf();
    const other = new TestGuest(2, rig.arena);
    const peer = await outside('echo');
    rig.send({ to: '127.0.0.1', toPort: peer.port, data: bytes(3, 1) });
    rig.send({ to: '127.0.0.1', toPort: peer.port, data: bytes(3, 2) }, other);
    await rig.until(1);
    await rig.until(1, other);
    expect(rig.guest.packets.map((packet) => readUdp(packet).data)).toEqual([bytes(3, 1)]);
    expect(other.packets.map((packet) => readUdp(packet).data)).toEqual([bytes(3, 2)]);
    rig.relay.removeGuest(2);
    expect(rig.relay.list(0).map(({ guest }) => guest)).toEqual([1]);
  });

  test.each([
    ['127.0.0.1', { type: 3, code: 3 }, 28],
    ['::1', { type: 1, code: 4 }, 48],
  ])(
    'tells of a closed port at %s, as from there, quoting the datagram',
    async (address, says, headersLen) => {
      const rig = rigOf();
      const peer = await outside('open', address);
      const { port } = peer;
      peer.close();
      rigs.splice(rigs.indexOf(peer), 1);
      rig.send({ to: address, toPort: port, data: bytes(100) });
      const [packet = Buffer.alloc(0)] = await rig.until(1);
      const { quoted, ...icmp } = readIcmp(packet);
      expect(icmp).toEqual({ ...says, word: 0, from: hexAddress(address) });
      const sent = udpPacket({
        from: address === '::1' ? GUEST_6 : GUEST_4,
        fromPort: 5_000,
        to: address,
        toPort: port,
        data: bytes(100),
      });
      const udpAt = headersLen - 8;
      expect(quoted.subarray(udpAt, udpAt + 6)).toEqual(sent.subarray(udpAt, udpAt + 6));
      expect(quoted.subarray(headersLen)).toEqual(bytes(100).subarray(0, quoted.length - headersLen));
      // The next datagram is not lost to the error of the one before.
      rig.send({ to: address, toPort: port, data: bytes(7) });
      await rig.until(2);
      expect(rig.relay.counters()).toMatchObject({ txDatagrams: 2, icmpErrors: 2, answers: 2 });
    },
  );

  test('is silent to others about what is denied, and says so to the guest', async () => {
    const rig = rigOf({ denyList: new DenyList() });
    const before = descriptors();
    for (const to of ['127.0.0.1', '169.254.169.254', '::1', 'ff02::1', '::ffff:127.0.0.1']) {
      rig.send({ to, toPort: 80, data: bytes(3) });
    }
    expect(descriptors()).toBe(before);
    expect(rig.relay.counters().dropped.denied).toBe(5);
    expect(
      rig.guest.packets.map((packet) => readIcmp(packet)).map(({ type, code, from }) => [type, code, from]),
    ).toEqual([
      [3, 13, hexAddress('10.77.0.1')],
      [3, 13, hexAddress('10.77.0.1')],
      [1, 1, hexAddress('fd77::1')],
      [1, 1, hexAddress('fd77::1')],
      [1, 1, hexAddress('fd77::1')],
    ]);
  });

  test('denies what comes in fragments too', () => {
    const rig = rigOf({ denyList: new DenyList() });
    const packet = udpPacket({ from: GUEST_4, fromPort: 1, to: '127.0.0.1', toPort: 9, data: bytes(4_000) });
    for (const piece of fragmentsOf(packet, 1_500)) rig.accept(piece);
    expect(rig.relay.counters().dropped.denied).toBe(1);
    const { quoted, ...icmp } = readIcmp(rig.guest.packets[0] ?? Buffer.alloc(28));
    expect(icmp).toMatchObject({ type: 3, code: 13 });
    expect(quoted.subarray(20)).toEqual(packet.subarray(20, 20 + quoted.length - 20));
  });

  test('setDenyList() ends the sessions that it forbids', async () => {
    const rig = rigOf();
    const peer = await outside('echo');
    rig.send({ to: '127.0.0.1', toPort: peer.port, data: bytes(3) });
    await rig.until(1);
    rig.relay.setDenyList(new DenyList(LOOPBACK_ALLOWED));
    expect(rig.relay.size).toBe(1);
    rig.relay.setDenyList(new DenyList());
    expect(rig.relay.size).toBe(0);
  });

  test('resets TCP and refuses other protocols', () => {
    const rig = rigOf();
    const syn = Buffer.from('c0000050 00000064 00000000 50020400 00000000'.replaceAll(' ', ''), 'hex');
    rig.accept(ipPacket({ from: GUEST_4, to: '192.0.2.1', protocol: 6, body: syn }, 16));
    rig.accept(ipPacket({ from: GUEST_4, to: '192.0.2.1', protocol: 132, body: Buffer.alloc(16) }));
    rig.accept(ipPacket({ from: GUEST_6, to: '2001:db8::1', protocol: 132, body: Buffer.alloc(16) }));
    rig.accept(Buffer.from('00', 'hex'));
    const [reset = Buffer.alloc(40), four = Buffer.alloc(28), six = Buffer.alloc(48)] = rig.guest.packets;
    expect(reset.subarray(20, 34).toString('hex')).toBe('0050c00000000000000000655014');
    expect(readIcmp(four)).toMatchObject({ type: 3, code: 2 });
    expect(readIcmp(six)).toMatchObject({ type: 1, code: 1 });
    expect(rig.relay.counters().dropped).toMatchObject({ tcp: 1, protocol: 2, malformed: 1 });
  });

  test('answers no more than so many packets between sweeps', () => {
    const rig = rigOf({ denyList: new DenyList() });
    for (let i = 0; i < 1_010; i++) rig.send({ to: '127.0.0.1', toPort: 80, data: bytes(3) });
    expect(rig.guest.packets.length).toBe(1_000);
    expect(rig.relay.counters()).toMatchObject({ answers: 1_000, answersLimited: 10 });
    rig.relay.sweep(rig.nowMs);
    rig.send({ to: '127.0.0.1', toPort: 80, data: bytes(3) });
    expect(rig.guest.packets.length).toBe(1_001);
  });

  test.each([
    ['a checksum that is wrong', { checksum: 0x1234 }, GUEST_4, '127.0.0.1', 'badChecksum'],
    ['no checksum over IPv6', { checksum: 0 }, GUEST_6, '::1', 'badChecksum'],
    ['port 0', { toPort: 0 }, GUEST_4, '127.0.0.1', 'malformed'],
  ])('drops a datagram with %s', (_, wrong, from, to, reason) => {
    const rig = rigOf();
    rig.accept(udpPacket({ from, fromPort: 1, to, toPort: 9, data: bytes(3), ...wrong }));
    expect(rig.relay.size).toBe(0);
    expect(rig.relay.counters().dropped).toMatchObject({ [reason]: 1 });
  });

  test('carries a datagram without a checksum over IPv4, and what is behind its length not', async () => {
    const rig = rigOf();
    const peer = await outside('echo');
    const packet = udpPacket({
      from: GUEST_4,
      fromPort: 1,
      to: '127.0.0.1',
      toPort: peer.port,
      data: bytes(30),
      checksum: 0,
    });
    packet.writeUInt16BE(8 + 20, 24);
    rig.accept(packet);
    const [reply = Buffer.alloc(0)] = await rig.until(1);
    expect(readUdp(reply).data).toEqual(bytes(30).subarray(0, 20));
    for (const wrong of [7, 39]) {
      packet.writeUInt16BE(wrong, 24);
      rig.accept(packet);
    }
    expect(rig.relay.counters().dropped.malformed).toBe(2);
  });

  test('sends what is for port 53 of its own address to the resolver, and nothing else there', async () => {
    const resolver = await outside('echo');
    const rig = rigOf({ denyList: new DenyList(), resolver: { address: '127.0.0.1', port: resolver.port } });
    rig.send({ to: '10.77.0.1', toPort: 53, data: bytes(40) });
    rig.send({ to: 'fd77::1', toPort: 53, data: bytes(41) });
    const packets = await rig.until(2);
    expect(
      packets
        .map((packet) => readUdp(packet))
        .map(({ from, fromPort, data }) => [from, fromPort, data.length]),
    ).toEqual([
      [hexAddress('10.77.0.1'), 53, 40],
      [hexAddress('fd77::1'), 53, 41],
    ]);
    rig.send({ to: '10.77.0.1', toPort: 54, data: bytes(3) });
    expect(readIcmp(packets[2] ?? Buffer.alloc(28))).toMatchObject({
      type: 3,
      code: 3,
      from: hexAddress('10.77.0.1'),
    });
    // Its address is denied to guests, not to the relay itself.
    rig.relay.setDenyList(new DenyList());
    expect(rig.relay.size).toBe(2);
    rig.relay.setResolver(null);
    expect(rig.relay.size).toBe(0);
    rig.send({ to: '10.77.0.1', toPort: 53, data: bytes(40) });
    expect(readIcmp(packets[3] ?? Buffer.alloc(28))).toMatchObject({ type: 3, code: 3 });
  });

  test('off, it accepts nothing and has no sessions', async () => {
    const rig = rigOf();
    const peer = await outside('echo');
    rig.send({ to: '127.0.0.1', toPort: peer.port, data: bytes(3) });
    rig.relay.setOn(false);
    expect(rig.relay.size).toBe(0);
    const packet = udpPacket({
      from: GUEST_4,
      fromPort: 1,
      to: '127.0.0.1',
      toPort: peer.port,
      data: bytes(3),
    });
    expect(rig.accept(packet)).toBe(false);
    rig.relay.setOn(true);
    expect(rig.accept(packet)).toBe(true);
    expect(rig.relay.size).toBe(1);
  });
});

describe('RelaySource, sessions', () => {
  test('opens so many sockets a turn, and keeps what waits in order', async () => {
    const rig = rigOf();
    const peer = await outside('open');
    for (let port = 1; port <= 40; port++) {
      for (let i = 0; i < 3; i++) {
        const data = Buffer.from([port, i]);
        rig.offer(udpPacket({ from: GUEST_4, fromPort: port, to: '127.0.0.1', toPort: peer.port, data }));
      }
    }
    expect(rig.relay.counters().opened).toBe(16);
    rig.relay.flush();
    expect(rig.relay.counters().opened).toBe(16);
    // The next turn begins by itself: the descriptor is readable.
    rig.turn();
    expect(rig.relay.counters().opened).toBe(32);
    rig.turn();
    expect(rig.relay.counters().opened).toBe(40);
    await rig.turns(() => peer.received.length === 120);
    for (let port = 1; port <= 40; port++) {
      const own = peer.received.map(({ data }) => data).filter((data) => data[0] === port);
      expect(own.map((data) => data[1])).toEqual([0, 1, 2]);
    }
  });

  test('keeps 64 datagrams of a session that waits for its socket, and counts the rest', () => {
    const rig = rigOf();
    for (let port = 1; port <= 16; port++) {
      rig.offer(udpPacket({ from: GUEST_4, fromPort: port, to: '127.0.0.1', toPort: 9, data: bytes(1) }));
    }
    const packet = udpPacket({ from: GUEST_4, fromPort: 99, to: '127.0.0.1', toPort: 9, data: bytes(1) });
    for (let i = 0; i < 70; i++) rig.offer(packet);
    expect(rig.relay.counters().dropped.waitingFull).toBe(6);
    rig.relay.removeGuest(1);
    expect(rig.relay.counters().dropped.abandoned).toBe(64);
  });

  test('ends idle sessions, and gives all descriptors back', { timeout: 120_000 }, () => {
    const before = descriptors();
    const rig = rigOf({ sessions: { maxPerGuest: 20_000 } });
    const own = descriptors();
    for (let i = 0; i < 10_000; i++) {
      const to = `127.${1 + (i >>> 14)}.${(i >>> 7) & 127}.${1 + (i & 127)}`;
      rig.offer(udpPacket({ from: GUEST_4, fromPort: 7, to, toPort: 9, data: bytes(1) }));
      if (i % 16 === 15) rig.relay.flush();
    }
    while (rig.relay.counters().opened < 10_000) rig.turn();
    expect(rig.relay.size).toBe(10_000);
    expect(descriptors()).toBe(own + 10_000);
    rig.nowMs += 59_999;
    rig.relay.sweep(rig.nowMs);
    expect(rig.relay.size).toBe(10_000);
    rig.nowMs += 1;
    rig.relay.sweep(rig.nowMs);
    expect(rig.relay.size).toBe(0);
    expect(descriptors()).toBe(own);
    expect(rig.relay.counters()).toMatchObject({ opened: 10_000, expired: 10_000, evicted: 0 });
    rig.close();
    rigs.splice(rigs.indexOf(rig), 1);
    expect(descriptors()).toBe(before);
  });

  test('ends the longest idle for a new one, and refuses it while all are busy', () => {
    const rig = rigOf({ sessions: { maxSessions: 4, maxPerGuest: 3 } });
    const other = new TestGuest(2, rig.arena);
    const open = (fromPort: number, guest = rig.guest) =>
      rig.accept(udpPacket({ from: GUEST_4, fromPort, to: '127.0.0.1', toPort: 9, data: bytes(1) }), guest);
    for (const port of [1, 2, 3, 4]) open(port);
    open(5, other);
    open(6, other);
    expect(rig.relay.counters().dropped).toMatchObject({ guestFull: 1, full: 1 });
    rig.nowMs += 1_000;
    open(1);
    open(4);
    open(6, other);
    const ports = rig.relay.list(rig.nowMs).map(({ sourcePort }) => sourcePort);
    expect(ports.sort()).toEqual([1, 4, 5, 6].filter((port) => ports.includes(port)).sort());
    expect(rig.relay.size).toBe(4);
    expect(rig.relay.counters()).toMatchObject({ evicted: 2 });
  });
});
