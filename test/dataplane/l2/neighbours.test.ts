/** Which frames are looked at, and who may speak for a station. */
import { describe, expect, test } from 'vitest';
import { Fdb, NO_PORT } from '../../../dataplane/l2/fdb.ts';
import { isConcerned, Neighbours } from '../../../dataplane/l2/neighbours.ts';
import { AT, frameOf, macOf, putMac } from './frames.ts';
import { arpFrame, naFrame, ndFrame } from './neighbour-frames.ts';

const TAG = '81000005';

describe('isConcerned()', () => {
  test.each<[string, string, boolean]>([
    ['an ARP request', arpFrame(), true],
    ['one in a VLAN', arpFrame({ tags: TAG }), true],
    ['a solicitation', ndFrame(), true],
    ['a solicitation in a VLAN', ndFrame({ tags: TAG }), true],
    ['an advertisement', naFrame(), true],
    ['TCP over IPv6', ndFrame({ nextHeader: 6 }), false],
    ['an IPv6 frame that ends in its header', ndFrame().slice(0, 2 * 53), false],
    ['IPv4', `02000000000b02000000000a0800${'00'.repeat(40)}`, false],
  ])('of %s', (_, hex, expected) => {
    const { view, len } = frameOf(hex);
    expect(isConcerned(view, AT, len)).toBe(expected);
  });

  test('is true of all that Neighbours would learn from or answer', () => {
    for (const hex of [arpFrame(), arpFrame({ tags: TAG }), ndFrame(), ndFrame({ tags: TAG }), naFrame()]) {
      const neighbours = new Neighbours({ seed: 1, answers: true });
      neighbours.table.addPort(1, false);
      const { view, len } = frameOf(hex);
      const reply = new DataView(new ArrayBuffer(view.byteLength + 256));
      for (let i = 0; i < view.byteLength; i++) reply.setUint8(i, view.getUint8(i));
      neighbours.receive(reply, AT, len, 1, view.byteLength, 0);
      expect(neighbours.table.size).toBe(1);
      expect(isConcerned(view, AT, len)).toBe(true);
    }
  });
});

describe('Fdb.admits()', () => {
  const { view } = frameOf('00'.repeat(14));
  const fdb = new Fdb({ seed: 7 });
  fdb.addPort(1, 0, true);
  fdb.addPort(2, 10, true);
  fdb.addStatic(macOf('02:00:00:00:00:01'), 1);
  putMac(view, AT, '02:00:00:00:00:02');
  fdb.learn(view, AT, 2, 0);

  test.each([
    ['a station that nobody knows', '02:00:00:00:00:09', 1, true],
    ['one that was learned elsewhere', '02:00:00:00:00:02', 1, true],
    ['one that is bound here', '02:00:00:00:00:01', 1, true],
    ['one that is bound elsewhere', '02:00:00:00:00:01', 2, false],
    ['a group', '01:00:5e:00:00:01', 1, false],
    ['no address', '00:00:00:00:00:00', 1, false],
  ])('of %s, as learn() would have it, and changes nothing', (_, mac, port, expected) => {
    putMac(view, AT, mac);
    const before = [fdb.counters(), fdb.entries(0), fdb.version];
    expect(fdb.admits(view, AT, port)).toBe(expected);
    expect([fdb.counters(), fdb.entries(0), fdb.version]).toEqual(before);
    if (mac.endsWith('09')) expect(fdb.lookup(view, AT, 0)).toBe(NO_PORT);
    expect(fdb.learn(view, AT, port, 0) >= 0).toBe(expected);
  });
});
