/** Where the coalescer has packets put: the place that was just taken first, while the cache has it. */
import { describe, expect, test } from 'vitest';
import { OPEN_GROUPS } from '../../../dataplane/path/coalesce.ts';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { pattern, tcpPacket } from '../../support/transport-packets.ts';

const SYN = 0x02;
const SIZE = 100;
/** Goes alone and is done at once; ends no group of another flow. */
const alone = (flow: number) => tcpPacket({ ports: [flow, 9], flags: SYN });
/** Number `n` of a flow that may be joined. */
const segment = (flow: number, n = 0) =>
  tcpPacket({ ports: [flow, 9], sequence: 1_000 + n * SIZE, id: 100 + n, payload: pattern(SIZE, n) });

describe.each(KINDS)('Coalescer in %s', (kind) => {
  function setUp() {
    const rig = new OffloadRig(kind);
    const { coalescer } = rig;
    /** @returns Where the packet was opened to: with a group open, that may be behind it. */
    const add = (packet: Uint8Array): number => {
      const at = coalescer.nextAt(packet.length);
      rig.bytes.set(packet, at);
      coalescer.add(packet.length, 1);
      return at;
    };
    /** @returns Where all that is done lay, in the order it was taken. */
    const taken = (): number[] => {
      const places: number[] = [];
      while (coalescer.take()) places.push(coalescer.packetAt);
      return places;
    };
    const flushed = () => {
      coalescer.flush();
      return taken();
    };
    return { add, taken, flushed };
  }

  test('packets that go alone are all put in one place', () => {
    const { add, taken } = setUp();
    const first = add(alone(1));
    expect(taken()).toEqual([first]);
    for (let i = 2; i < 40; i++) {
      expect(add(alone(i))).toBe(first);
      expect(taken()).toEqual([first]);
    }
  });

  test('a flow that is flushed after each packet stays in one place', () => {
    const { add, flushed } = setUp();
    const first = add(segment(1));
    expect(flushed()).toEqual([first]);
    for (let i = 1; i < 40; i++) {
      expect(add(segment(1, i))).toBe(first);
      expect(flushed()).toEqual([first]);
    }
  });

  test('packets that go alone between those of open flows are put in one place', () => {
    const { add, taken, flushed } = setUp();
    for (const flow of [1, 2, 3]) add(segment(flow));
    add(alone(10));
    const [between, ...others] = taken();
    expect(others).toEqual([]);
    for (let i = 0; i < 20; i++) {
      add(alone(11 + i));
      expect(taken()).toEqual([between]);
    }
    const open = flushed();
    expect(open).toHaveLength(3);
    expect(open).not.toContain(between);
  });

  test('of several that were taken the last one’s place is used first, then the one before', () => {
    const { add, flushed } = setUp();
    const flows = Array.from({ length: OPEN_GROUPS }, (_, i) => i + 1);
    const openAll = () => {
      for (const flow of flows) add(segment(flow));
      return flushed();
    };
    const places = openAll();
    expect(new Set(places).size).toBe(OPEN_GROUPS);
    expect(openAll()).toEqual(places.toReversed());
    expect(openAll()).toEqual(places);
  });

  test('a place that is asked for and not used is given again', () => {
    const rig = new OffloadRig(kind);
    const at = rig.coalescer.nextAt(SIZE);
    for (const len of [1, SIZE, 65_535]) {
      rig.spoil(len);
      expect(rig.coalescer.nextAt(len)).toBe(at);
    }
  });
});
