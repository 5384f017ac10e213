/** The rehearsal's packets are what a kernel would give, and each goes the way it is meant to. */
import { describe, expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { checkPacket } from '../../../dataplane/wire/ip.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import { ADDRESSES, CONTROL_PORT, rehearsalPackets } from '../../../dataplane/worker/rehearsal-packets.ts';
import { KINDS, OffloadRig } from '../../support/offload-rig.ts';
import { VIRTIO_LEN } from '../../support/super-packets.ts';
import { isIntact, upperOf } from '../../support/transport-packets.ts';
import { Host, NOW, peerSpec, saSpec } from '../path/host.ts';
import { addressBytes, Protocol } from '../path/packets.ts';

const VNI = 7;
const NOBODY = { 4: '192.0.2.4', 6: '2001:db8::4' } as const;
const FAMILIES = [4, 6] as const;
const { icmp, tcp, udp } = Protocol;

/** Each kind once for each IP version: protocol, packets that it stands for, what comes of each. */
const MEANT: readonly (readonly [string, number, number, DropCode | 'sent'])[] = [
  ['a ping', icmp, 1, 'sent'],
  ['a TCP acknowledgment', tcp, 1, 'sent'],
  ['a datagram', udp, 1, 'sent'],
  ['a TCP super-packet', tcp, 10, 'sent'],
  ['a UDP super-packet', udp, 40, 'sent'],
  ['a datagram to a peer without keys', udp, 1, DropCode.txNoSa],
  ['a datagram to nobody', udp, 1, DropCode.txNoRoute],
  ['a datagram between control ports', udp, 1, DropCode.txControlLoop],
  ['a packet larger than the path', icmp, 1, DropCode.txTooLarge],
];
const CASES = MEANT.flatMap(([name, protocol, count, fate], kind) =>
  FAMILIES.map((family, i) => ({ name, family, protocol, count, fate, index: kind * 2 + i })),
);

function packetOf(index: number): Uint8Array {
  const packet = rehearsalPackets()[index];
  if (packet === undefined) throw new RangeError(`no packet ${index}`);
  return packet;
}

/** A host with the peers of the rehearsal. */
function rehearsalHost(): Host {
  const host = new Host({ controlPort: CONTROL_PORT });
  host.engine.addNetwork(VNI);
  (['to', 'from', 'keyless'] as const).forEach((side, i) => {
    const routes = FAMILIES.map((family) => ({
      dst: ADDRESSES[family][side],
      src: family === 4 ? '0.0.0.0/0' : '::/0',
    }));
    host.engine.setPeer(peerSpec({ slot: i + 1, vni: VNI, routes, controlPort: CONTROL_PORT }));
  });
  host.engine.installTx(saSpec(), NOW);
  return host;
}

test('rehearsalPackets() gives one of each kind for each IP version', () => {
  expect(rehearsalPackets()).toHaveLength(CASES.length);
  const known = new Set<string>(
    FAMILIES.flatMap((family) => [...Object.values(ADDRESSES[family]), NOBODY[family]]),
  );
  for (const address of known) expect(parseIp(address)).not.toBeNull();
});

test('rehearsalPackets() gives bytes of its own each time', () => {
  const before = rehearsalPackets();
  for (const packet of rehearsalPackets()) packet.fill(0xff);
  expect(rehearsalPackets()).toEqual(before);
});

describe.each(CASES)(
  'rehearsalPackets(): $name over IPv$family',
  ({ family, index, protocol, count, fate }) => {
    test('is a whole IP packet behind its virtio_net_hdr', () => {
      const packet = packetOf(index).subarray(VIRTIO_LEN);
      const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
      expect(checkPacket(view, 0, packet.length)).toBe(true);
      expect(upperOf(packet)).toMatchObject({ protocol, isV6: family === 6 });
      const at = family === 4 ? 12 : 8;
      const len = family === 4 ? 4 : 16;
      expect(packet.slice(at, at + len)).toEqual(addressBytes(ADDRESSES[family].from));
    });

    test.each(KINDS)(`is cut into ${count} by the segmenter in %s, with right checksums`, (kind) => {
      const cut = new OffloadRig(kind).cut(packetOf(index)) ?? [];
      expect(cut).toHaveLength(count);
      if (protocol !== icmp) expect(cut.map(isIntact)).toEqual(cut.map(() => true));
      for (const packet of cut) expect(upperOf(packet)).toMatchObject({ protocol, isV6: family === 6 });
    });

    test('goes the way that it is meant to', () => {
      const host = rehearsalHost();
      for (const packet of new OffloadRig('TypeScript').cut(packetOf(index)) ?? []) {
        const result = host.encap(packet);
        expect(typeof result === 'number' ? result : 'sent').toBe(fate);
      }
      host.expectAccounted();
    });
  },
);
