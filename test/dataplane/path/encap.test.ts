import { describe, expect, test } from 'vitest';
import type { PeerSpec, SaSpec } from '../../../dataplane/contract.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { TxSa } from '../../../dataplane/sa/tx-sa.ts';
import { hexBytes, toHex } from '../../support/aead-providers.ts';
import { CONTROL_PORT, Host, KEY_A, NOW, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket, Protocol, udpPayload } from './packets.ts';

const PACKET = ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' });
const HOUR = 3_600_000;

interface Setup {
  readonly peer?: Partial<PeerSpec>;
  readonly sa?: Partial<Omit<SaSpec, 'key'>> | null;
}

function host({ peer = {}, sa = {} }: Setup = {}): Host {
  const made = new Host();
  made.engine.addNetwork(VNI);
  made.engine.setPeer(peerSpec(peer));
  if (sa !== null) made.engine.installTx(saSpec(sa), NOW);
  return made;
}

/** A send SA with `budgetBlocks` in place of the peer's. */
function useSa(by: Host, options: { budgetBlocks?: number; firstCounter?: number }): void {
  const peer = by.engine.peer(1);
  if (peer === undefined) throw new TypeError('no peer');
  const { memory } = by;
  const firstCounter = options.firstCounter ?? 1;
  const key = nobleAead(memory).sealKey(0, hexBytes(KEY_A), 1, firstCounter);
  peer.tx = new TxSa({ memory, spi: 1, lane: 0, suite: 0, key, expiresAtMs: NOW + HOUR, ...options });
}

function withPorts(source: number, destination: number, src = '10.77.0.1', dst = '10.77.0.2'): Uint8Array {
  return ipPacket({ src, dst, payload: udpPayload(source, destination) });
}

interface Case {
  readonly name: string;
  readonly code: DropCode;
  readonly packet?: Uint8Array;
  readonly setup?: Setup;
  readonly prepare?: (by: Host) => void;
  readonly afterMs?: number;
  /** Slot that the drop is counted for. */
  readonly slot?: number;
}

const CASES: readonly Case[] = [
  { name: 'nothing', code: DropCode.txMalformed, packet: new Uint8Array(0), slot: 0 },
  { name: 'a cut IPv4 packet', code: DropCode.txMalformed, packet: PACKET.slice(0, -1), slot: 0 },
  { name: 'ARP', code: DropCode.txMalformed, packet: hexBytes('0001080006040001'.padEnd(56, '0')), slot: 0 },
  {
    name: 'another destination',
    code: DropCode.txNoRoute,
    packet: ipPacket({ src: '10.77.0.1', dst: '10.77.0.3' }),
    slot: 0,
  },
  {
    name: 'another source',
    code: DropCode.txNoRoute,
    setup: { peer: { routes: [{ dst: '10.77.0.2/32', src: '10.99.0.0/24' }] } },
    slot: 0,
  },
  {
    name: 'the control connection',
    code: DropCode.txControlLoop,
    packet: withPorts(CONTROL_PORT, CONTROL_PORT),
  },
  {
    name: 'the control connection over IPv6',
    code: DropCode.txControlLoop,
    packet: withPorts(CONTROL_PORT, CONTROL_PORT, 'fd77::1', 'fd77::2'),
  },
  {
    name: 'the control connection to a peer with a port of its own',
    code: DropCode.txControlLoop,
    packet: withPorts(CONTROL_PORT, 7_000),
    setup: { peer: { controlPort: 7_000 } },
  },
  { name: 'a packet without SA', code: DropCode.txNoSa, setup: { sa: null } },
  { name: 'a packet after removeTx', code: DropCode.txNoSa, prepare: (by) => by.engine.removeTx(1) },
  { name: 'a packet at the hard lifetime', code: DropCode.txExpiredSa, afterMs: HOUR },
  {
    name: 'a packet after the expired SA was swept',
    code: DropCode.txExpiredSa,
    prepare: (by) => by.engine.sweep(NOW + HOUR),
    afterMs: HOUR,
  },
  {
    name: 'a packet beyond the AEAD budget',
    code: DropCode.txBudget,
    prepare: (by) => useSa(by, { budgetBlocks: 3 }),
  },
  {
    name: 'a packet beyond the last counter',
    code: DropCode.txBudget,
    prepare: (by) => {
      useSa(by, { firstCounter: Number.MAX_SAFE_INTEGER });
      expect(by.encap(PACKET)).toBeInstanceOf(Uint8Array);
    },
  },
  {
    name: 'a packet larger than the path',
    code: DropCode.txTooLarge,
    setup: { peer: { mtuBytes: PACKET.length - 1 } },
  },
  {
    name: 'a packet to an unknown endpoint',
    code: DropCode.txNoEndpoint,
    setup: { peer: { endpoint: null } },
  },
  {
    name: 'a packet that the cipher refuses',
    code: DropCode.txSealRefused,
    prepare: (by) => {
      const { memory } = by;
      useSa(by, {});
      const peer = by.engine.peer(1);
      const key = nobleAead(memory).sealKey(0, hexBytes(KEY_A), 1, 5);
      if (peer) peer.tx = new TxSa({ memory, spi: 1, lane: 0, suite: 0, key, expiresAtMs: NOW + HOUR });
    },
  },
];

describe('Engine.encap() drops', () => {
  test.each(CASES)('$name', ({ code, packet = PACKET, setup, prepare, afterMs = 0, slot = 1 }) => {
    const by = host(setup);
    prepare?.(by);
    const before = by.dropped(code, slot);
    expect(by.encap(packet, NOW + afterMs)).toBe(code);
    expect(by.dropped(code, slot) - before).toBe(1);
    expect(by.engine.lastPeer?.slot ?? 0).toBe(slot);
    by.expectAccounted();
  });

  test('in the order of the protocol: the earliest reason is the one', () => {
    const by = host({ peer: { mtuBytes: 20, endpoint: null }, sa: null });
    expect(by.encap(withPorts(CONTROL_PORT, CONTROL_PORT))).toBe(DropCode.txControlLoop);
    expect(by.encap(PACKET)).toBe(DropCode.txNoSa);
    by.engine.installTx(saSpec(), NOW);
    expect(by.encap(PACKET, NOW + HOUR)).toBe(DropCode.txExpiredSa);
    expect(by.encap(PACKET)).toBe(DropCode.txTooLarge);
    by.engine.setPeer(peerSpec({ endpoint: null }));
    expect(by.encap(PACKET)).toBe(DropCode.txNoEndpoint);
  });
});

describe('Engine.encap() passes', () => {
  test.each([
    ['a packet as large as the path', PACKET, { mtuBytes: PACKET.length }],
    ['UDP from another port to the control port', withPorts(40_000, CONTROL_PORT), {}],
    ['UDP from the control port to another', withPorts(CONTROL_PORT, 53), {}],
    ['the control ports while the guard is off', withPorts(CONTROL_PORT, CONTROL_PORT), { controlPort: 0 }],
    [
      'TCP between the control ports',
      ipPacket({
        src: '10.77.0.1',
        dst: '10.77.0.2',
        protocol: Protocol.tcp,
        payload: udpPayload(CONTROL_PORT, CONTROL_PORT, 12),
      }),
      {},
    ],
    [
      'a later fragment that looks like the control ports',
      ipPacket({
        src: '10.77.0.1',
        dst: '10.77.0.2',
        flagsFragment: 0x0010,
        payload: udpPayload(CONTROL_PORT, CONTROL_PORT),
      }),
      {},
    ],
    [
      'UDP cut short before its ports',
      ipPacket({
        src: '10.77.0.1',
        dst: '10.77.0.2',
        payload: new Uint8Array(3),
      }),
      {},
    ],
  ] as const)('%s', (_name, packet, peer) => {
    const by = host({ peer });
    const frame = by.encap(packet);
    expect(frame).toHaveLength(packet.length + 48);
    by.expectAccounted();
  });

  test('the frame is for lastPeer, and counted with the inner length', () => {
    const by = host();
    by.encap(PACKET);
    expect(by.engine.lastPeer?.slot).toBe(1);
    expect([...(by.engine.lastPeer?.endpointWords ?? [])]).toEqual([0, 0, 0xffff, 0xc0000202, 6081 << 16]);
    expect(by.engine.txProgress(1)).toMatchObject({ spi: 1, lane: 0, packets: 1 });
    expect(by.engine.sentFrames(1)).toBe(1);
  });

  test("a packet without route after one with: the drop is nobody's", () => {
    const by = host();
    by.encap(PACKET);
    expect(by.encap(PACKET.slice(1))).toBe(DropCode.txMalformed);
    expect(by.engine.lastPeer).toBe(null);
    expect(by.dropped(DropCode.txMalformed, 0)).toBe(1);
  });

  test('every frame has the next counter', () => {
    const by = host();
    const counters = [1, 2, 3].map(() => {
      const frame = by.encap(PACKET);
      return frame instanceof Uint8Array ? toHex(frame, 24, 8) : frame;
    });
    expect(counters).toEqual(['0000000000000001', '0000000000000002', '0000000000000003']);
  });

  test('the longest destination wins, and falls back where no source matches', () => {
    const by = host({ peer: { routes: [{ dst: '10.77.0.0/16', src: '0.0.0.0/0' }] } });
    const routes = [{ dst: '10.77.0.0/24', src: '10.1.0.0/16' }];
    by.engine.setPeer(peerSpec({ slot: 2, routes }));
    by.engine.installTx(saSpec({ slot: 2, spi: 2 }), NOW);
    by.encap(ipPacket({ src: '10.1.2.3', dst: '10.77.0.9' }));
    expect(by.engine.lastPeer?.slot).toBe(2);
    by.encap(ipPacket({ src: '10.2.2.3', dst: '10.77.0.9' }));
    expect(by.engine.lastPeer?.slot).toBe(1);
  });

  test('the network of the port decides when there are several', () => {
    const by = host();
    by.engine.addNetwork(8);
    by.engine.setPeer(peerSpec({ slot: 2, vni: 8 }));
    by.engine.installTx(saSpec({ slot: 2, vni: 8, spi: 2 }), NOW);
    expect(by.encap(PACKET)).toBe(DropCode.txNoRoute);
    expect(by.encap(PACKET, NOW, 99)).toBe(DropCode.txNoRoute);
    for (const [vni, slot] of [
      [VNI, 1],
      [8, 2],
    ] as const) {
      const frame = by.encap(PACKET, NOW, vni);
      expect(by.engine.lastPeer?.slot).toBe(slot);
      expect(frame instanceof Uint8Array && toHex(frame, 4, 3)).toBe(vni.toString(16).padStart(6, '0'));
    }
  });
});

describe('Engine.countSendFailure()', () => {
  test('moves frames from sent to dropped, by reason', () => {
    const by = host();
    for (let i = 0; i < 3; i++) by.encap(PACKET);
    by.engine.countSendFailure(1, 2, 2 * (PACKET.length + 48));
    by.engine.countSendFailure(1, 1, PACKET.length + 48, true);
    expect([by.dropped(DropCode.txSendFailed, 1), by.dropped(DropCode.txTooLarge, 1)]).toEqual([2, 1]);
    expect(by.engine.sentFrames(1)).toBe(0);
    by.expectAccounted();
  });

  test('a keepalive that failed was no packet', () => {
    const by = host();
    by.keepalive(1);
    by.engine.countSendFailure(1, 1, 48);
    expect(by.dropped(DropCode.txSendFailed)).toBe(0);
    expect(by.engine.sentFrames(1)).toBe(0);
    by.expectAccounted();
  });
});
