/** Which slot each peer has. */
import { describe, expect, test } from 'vitest';
import { PeerTable } from '../../../cli/agent/peer-table.ts';
import { encodeKey } from '../../../controlplane/key-text.ts';
import { peerConfig } from './samples.ts';

const VNI = 7;

/** Peers by the thousand, whose keys are not worth computing. */
function manyPeers(count: number, from = 0) {
  const template = peerConfig(2);
  return Array.from({ length: count }, (_, i) => {
    const publicKey = new Uint8Array(32);
    new DataView(publicKey.buffer).setUint32(0, from + i + 1);
    return { ...template, publicKey, name: `peer-${from + i}` };
  });
}

describe('PeerTable', () => {
  test('gives slots from 1 in order of the config, and has room for more', () => {
    const table = new PeerTable([{ vni: VNI, peers: [peerConfig(2), peerConfig(3)] }]);
    expect(table.entries().map(({ slot, config }) => [slot, config.name])).toEqual([
      [1, 'peer-2'],
      [2, 'peer-3'],
    ]);
    expect(table.capacity).toBe(258);
    expect(table.add(VNI, peerConfig(4)).slot).toBe(3);
  });

  test('add() keeps the slot of a known key, whatever else of it changed', () => {
    const table = new PeerTable([{ vni: VNI, peers: [peerConfig(2), peerConfig(3)] }]);
    expect(table.add(VNI, peerConfig(2, { name: 'renamed', allowedIps: [] }))).toMatchObject({
      slot: 1,
      config: { name: 'renamed' },
    });
    expect(table.entries()).toHaveLength(2);
    expect(table.nameOf(1)).toBe('renamed');
  });

  test('removeSlot() frees a slot, which is reused after all others', () => {
    const table = new PeerTable([{ vni: VNI, peers: [peerConfig(2)] }]);
    table.removeSlot(1);
    expect(table.find(VNI, peerConfig(2).publicKey)).toBeUndefined();
    const slots = manyPeers(table.capacity).map((peer) => table.add(VNI, peer).slot);
    expect(slots.at(-1)).toBe(1);
    expect(new Set(slots).size).toBe(table.capacity);
  });

  test('add() refuses the peer that no slot is left for, with what to do', () => {
    const table = new PeerTable([{ vni: VNI, peers: manyPeers(3) }]);
    for (const peer of manyPeers(256, 3)) table.add(VNI, peer);
    const [late] = manyPeers(1, 999);
    expect(() => table.add(VNI, late ?? peerConfig(2))).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_PEER_SLOTS',
        message: 'Cannot add peer peer-999: no slot is free',
      }),
    );
    table.removeSlot(7);
    expect(table.add(VNI, late ?? peerConfig(2)).slot).toBe(7);
  });

  test('nameFor() takes a name or a public key, nameOf() a slot', () => {
    const table = new PeerTable([{ vni: VNI, peers: [peerConfig(2)] }]);
    expect(table.nameFor(encodeKey(peerConfig(2).publicKey))).toBe('peer-2');
    expect(table.nameFor('peer-2')).toBe('peer-2');
    expect(table.nameFor('nobody')).toBe('nobody');
    expect(table.nameOf(1)).toBe('peer-2');
    expect([table.bySlot(1)?.config.name, table.bySlot(9)]).toEqual(['peer-2', undefined]);
    expect(table.nameOf(9)).toBe('slot 9');
  });
});
