import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { sourcePort } from '../../../dataplane/path/flow-hash.ts';
import { connectedHosts, Host, NOW, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket, Protocol } from './packets.ts';

const OUT = { src: '10.77.0.1', dst: '10.77.0.2' };
const OUT6 = { src: 'fd77::1', dst: 'fd77::2' };

describe('Engine', () => {
  test('what one host seals the other opens, both ways, IPv4 and IPv6, any length', () => {
    const { a, b } = connectedHosts();
    const direction = fc.constantFrom('out', 'back');
    const protocol = fc.constantFrom(Protocol.tcp, Protocol.udp, Protocol.icmp, 200);
    fc.assert(
      fc.property(
        direction,
        fc.boolean(),
        protocol,
        fc.uint8Array({ maxLength: 1_360 }),
        (way, v6, number, payload) => {
          const ends = v6 ? OUT6 : OUT;
          const [from, to] = way === 'out' ? [a, b] : [b, a];
          const route = way === 'out' ? ends : { src: ends.dst, dst: ends.src };
          const packet = ipPacket({ ...route, protocol: number, payload });
          // B learned where A is from A's first frame only.
          if (way === 'back' && !b.engine.peer(1)?.hasEndpoint) return;
          const frame = from.encap(packet);
          expect(frame).toHaveLength(packet.length + 48);
          expect(to.decap(frame as Uint8Array)).toEqual(packet);
        },
      ),
      { numRuns: 150 },
    );
    for (const host of [a, b]) {
      host.expectAccounted();
      const totals = CounterBlock.sum([host.counters], 1);
      expect(totals.rxPackets).toBe(totals.rxReceived);
      expect(totals.txPackets).toBe(totals.txReceived);
    }
  });

  test('frames that overtake one another all pass, each once', () => {
    const { a, b } = connectedHosts();
    const frames = Array.from({ length: 200 }, () => a.encap(ipPacket(OUT)) as Uint8Array);
    const order = fc.shuffledSubarray(frames, { minLength: frames.length });
    fc.assert(
      fc.property(order, (shuffled) => {
        const fresh = connectedHosts().b;
        for (const frame of shuffled) expect(fresh.decap(frame)).toBeInstanceOf(Uint8Array);
        for (const frame of shuffled) expect(fresh.decap(frame)).toBe(DropCode.rxReplay);
      }),
      { numRuns: 3 },
    );
    expect(b.decap(frames[199] as Uint8Array)).toBeInstanceOf(Uint8Array);
  });

  test('a peer that sends to another host than its own is refused by source, not by route', () => {
    const { a, b } = connectedHosts();
    a.engine.setPeer(peerSpec({ routes: [{ dst: '0.0.0.0/0', src: '0.0.0.0/0' }] }));
    const spoofed = a.encap(ipPacket({ src: '10.77.0.66', dst: '10.77.0.2' }));
    expect(b.decap(spoofed as Uint8Array)).toBe(DropCode.rxInnerSource);
    const astray = a.encap(ipPacket({ src: '10.77.0.1', dst: '192.168.0.1' }));
    expect(b.decap(astray as Uint8Array)).toBe(DropCode.rxInnerDestination);
  });

  test('routes replaced take effect at once, SAs stay', () => {
    const { a } = connectedHosts();
    a.engine.replaceRoutes(1, [{ dst: '10.99.0.0/16', src: '0.0.0.0/0' }]);
    expect(a.encap(ipPacket(OUT))).toBe(DropCode.txNoRoute);
    expect(a.encap(ipPacket({ ...OUT, dst: '10.99.1.2' }))).toBeInstanceOf(Uint8Array);
    expect(() => a.engine.replaceRoutes(9, [])).toThrow(/slot 9/);
  });

  test('one route added and removed again takes effect at once and leaves the others', () => {
    const { a } = connectedHosts();
    const route = { dst: '10.99.0.0/16', src: '0.0.0.0/0' };
    const astray = () => a.encap(ipPacket({ ...OUT, dst: '10.99.1.2' }));
    expect([a.engine.addRoute(1, route), a.engine.addRoute(1, route)]).toEqual([true, false]);
    expect(astray()).toBeInstanceOf(Uint8Array);
    expect([a.engine.removeRoute(1, route), a.engine.removeRoute(1, route)]).toEqual([true, false]);
    expect(astray()).toBe(DropCode.txNoRoute);
    expect(a.encap(ipPacket(OUT))).toBeInstanceOf(Uint8Array);
    expect(() => a.engine.addRoute(9, route)).toThrow(/slot 9/);
    expect(() => a.engine.removeRoute(9, route)).toThrow(/slot 9/);
  });

  test('setPeer() on a known slot keeps SAs and counters of the flow', () => {
    const { a, b } = connectedHosts();
    b.decap(a.encap(ipPacket(OUT)) as Uint8Array);
    a.engine.setPeer(peerSpec({ mtuBytes: 1_300, keepaliveMs: 25_000 }));
    b.decap(a.encap(ipPacket(OUT)) as Uint8Array);
    expect(a.engine.txProgress(1)).toMatchObject({ packets: 2 });
    expect(b.engine.rxProgress(1)).toMatchObject([{ packets: 2 }]);
    expect(a.engine.peer(1)?.keepaliveMs).toBe(25_000);
  });

  test('progress of slots without peer or SA is empty', () => {
    const by = new Host();
    by.engine.addNetwork(VNI);
    expect([by.engine.rxProgress(1), by.engine.txProgress(1), by.engine.peer(1)]).toEqual([
      [],
      null,
      undefined,
    ]);
    by.engine.removePeer(1);
    by.engine.removeTx(1);
    by.engine.removeRx(1);
    by.engine.retireRx(1, 0, NOW);
    by.engine.sweep(NOW);
    expect([...by.engine.peers()]).toEqual([]);
  });

  test('budget use of the send SA shows in its progress, and in the counters after a sweep', () => {
    const { a } = connectedHosts();
    for (let i = 0; i < 10; i++) a.encap(ipPacket(OUT));
    // 32 bytes are 2 blocks, the tag mask 1; the hash subkey is 1 for the SA.
    const used = (1 + 10 * 3) / 2 ** 34;
    expect(a.engine.txProgress(1)?.budgetUsed).toBe(used);
    a.engine.sweep(NOW);
    expect(CounterBlock.sum([a.counters], 1).txBudgetUsed).toBe(used);
    a.engine.removeTx(1);
    expect(CounterBlock.sum([a.counters], 1).txBudgetUsed).toBe(0);
  });

  test('flowHash and sourcePort() agree in both directions and refuse what is no packet', () => {
    const { a } = connectedHosts();
    const at = 4_096;
    const put = (packet: Uint8Array) => {
      a.memory.bytes.set(packet, at);
      return packet.length;
    };
    const out = put(ipPacket(OUT));
    const { flowHash } = a.engine;
    const hash = flowHash.ofPacket(a.memory.view, at, out);
    expect(sourcePort(hash)).toBe(49_152 + Math.floor(hash / 2 ** 18));
    expect(flowHash.ofPacket(a.memory.view, at, out - 1)).toBe(0);
    const swapped = ipPacket({ src: OUT.dst, dst: OUT.src });
    swapped.set([swapped[22] ?? 0, swapped[23] ?? 0, swapped[20] ?? 0, swapped[21] ?? 0], 20);
    expect(flowHash.ofPacket(a.memory.view, at, put(swapped))).toBe(hash);
  });

  test.each([0, 0x1000000])('addNetwork() refuses VNI %i', (vni) => {
    expect(() => new Host().engine.addNetwork(vni)).toThrow(RangeError);
  });

  test('installs of another lane stand beside the first on the receiving side', () => {
    const { a, b } = connectedHosts();
    b.engine.installRx(saSpec({ spi: 2, lane: 1, key: '11'.repeat(16) }), NOW);
    b.decap(a.encap(ipPacket(OUT)) as Uint8Array);
    expect(b.engine.rxProgress(1).map(({ spi, lane, packets }) => [spi, lane, packets])).toEqual([
      [1, 0, 1],
      [2, 1, 0],
    ]);
  });
});
