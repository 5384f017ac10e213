import { describe, expect, test } from 'vitest';
import * as nd from '../../../dataplane/wire/nd.ts';
import {
  A,
  ALL_NODES,
  B,
  LINUX,
  type NdFields,
  naFrame,
  ndFrame,
  readAdvertisement,
  UNSPECIFIED,
  v6,
} from '../l2/neighbour-frames.ts';
import { AT, exactView, hexOf, viewOf } from './view-of.ts';

/** The IPv6 packet of a frame without tags. */
const packetOf = (frame: string) => frame.replaceAll(' ', '').slice(28);
const SLLA = `0101${A}`;
const TLLA = `0201${B}`;
/** An option of 14 bytes behind its header, of a type that nobody knows. */
const LONG = `fe02${'cd'.repeat(14)}`;
const PROBE: NdFields = { source: UNSPECIFIED, options: '' };
const GROUP = `ff05${'00'.repeat(13)}02`;

function judge(packet: string): { type: number; isValid: boolean } {
  const view = viewOf(packet);
  const type = nd.messageType(view, AT, packet.length / 2);
  return { type, isValid: type !== 0 && nd.checkMessage(view, AT, type) };
}

describe('nd.messageType() and checkMessage()', () => {
  test.each([
    ['solicitation', LINUX.solicitation, 135],
    ['advertisement', LINUX.advertisement, 136],
    ['probe with a nonce', LINUX.probe, 135],
  ])('believe the %s of Linux', (_, frame, type) => {
    expect(judge(packetOf(frame))).toEqual({ type, isValid: true });
  });

  test.each<[string, string, boolean]>([
    ['a solicitation', ndFrame(), true],
    ['hop limit 254', ndFrame({ hopLimit: 254 }), false],
    ['code 1', ndFrame({ code: 1 }), false],
    ['a wrong checksum', ndFrame({ checksumError: 1 }), false],
    ['a group as target', ndFrame({ target: GROUP, destination: v6(2) }), false],
    ['a group as source', ndFrame({ source: GROUP }), false],
    ['no options', ndFrame({ options: '' }), true],
    ['an unknown option before and behind', ndFrame({ options: `${LONG}${SLLA}${LONG}` }), true],
    ['an option of length 0', ndFrame({ options: '0100000000000000' }), false],
    ['an option of length 0 behind another', ndFrame({ options: `${SLLA}fe00000000000000` }), false],
    ['an option that runs past the end', ndFrame({ options: `0102${A}` }), false],
    ['half an option’s header', ndFrame({ options: '01' }), false],
    ['a probe', ndFrame(PROBE), true],
    ['a probe to one station', ndFrame({ ...PROBE, destination: v6(2) }), false],
    ['a probe to all nodes', ndFrame({ ...PROBE, destination: ALL_NODES }), false],
    [
      'a probe to ff05::1:ff00:2',
      ndFrame({ ...PROBE, destination: `ff05${'00'.repeat(9)}01ff000002` }),
      false,
    ],
    [
      'a probe to ff02:0:1::1:ff00:2',
      ndFrame({ ...PROBE, destination: 'ff0200000001000000000001ff000002' }),
      false,
    ],
    [
      'a probe to ff02::2:ff00:2',
      ndFrame({ ...PROBE, destination: `ff02${'00'.repeat(9)}02ff000002` }),
      false,
    ],
    [
      'a probe to ff02::1:fe00:2',
      ndFrame({ ...PROBE, destination: `ff02${'00'.repeat(9)}01fe000002` }),
      false,
    ],
    ['a probe with a source option', ndFrame({ ...PROBE, options: SLLA }), false],
    ['a probe with a source option behind another', ndFrame({ ...PROBE, options: `${LONG}${SLLA}` }), false],
    ['an advertisement', naFrame(), true],
    ['a solicited advertisement to all nodes', naFrame({ destination: ALL_NODES }), false],
    ['an unsolicited advertisement to all nodes', naFrame({ destination: ALL_NODES, flags: 0x20 }), true],
    ['an advertisement of a group', naFrame({ target: GROUP }), false],
    ['an advertisement from ::', naFrame({ source: UNSPECIFIED }), true],
  ])('judge %s', (_, frame, isValid) => {
    const packet = packetOf(frame);
    expect(judge(packet)).toEqual({ type: Number.parseInt(packet.slice(80, 82), 16), isValid });
  });

  test('judge 23 bytes', () => {
    const short = packetOf(ndFrame({ target: v6(2).slice(2), options: '', destination: v6(2) }));
    expect(judge(short)).toEqual({ type: 135, isValid: false });
  });

  test.each([
    ['UDP', ndFrame({ nextHeader: 17 })],
    ['a router solicitation', ndFrame({ type: 133 })],
    ['a redirect', ndFrame({ type: 137 })],
    ['IPv4', ndFrame().replace('86dd6', '86dd4')],
    ['an empty ICMPv6 packet, a type behind it', `${ndFrame().slice(0, 36)}0000${ndFrame().slice(40)}`],
  ])('messageType() is 0 for %s', (_, frame) => {
    expect(judge(packetOf(frame)).type).toBe(0);
  });

  test('messageType() reads nothing behind a packet cut short', () => {
    const packet = packetOf(ndFrame());
    for (let len = 0; len < packet.length / 2; len++) {
      expect(nd.messageType(exactView(packet.slice(0, len * 2)), 0, len)).toBe(0);
    }
  });

  test('checkMessage() reads nothing behind the packet', () => {
    for (const options of ['', '01', '0101', SLLA, `0104${A}`]) {
      const packet = packetOf(ndFrame({ options }));
      const isValid = options === '' || options === SLLA;
      expect(nd.checkMessage(exactView(packet), 0, 135)).toBe(isValid);
    }
  });
});

describe('nd', () => {
  test.each([
    ['the only option', SLLA, nd.NdOption.source, 66],
    ['none', '', nd.NdOption.source, -1],
    ['one of the other type', SLLA, nd.NdOption.target, -1],
    ['one behind another', `${LONG}${TLLA}`, nd.NdOption.target, 82],
    ['the first of two', `${SLLA}0101${B}`, nd.NdOption.source, 66],
    ['one of 14 bytes', `0102${'cd'.repeat(14)}`, nd.NdOption.source, -1],
  ])('linkLayerAddressAt() finds %s', (_, options, option, offset) => {
    const view = viewOf(packetOf(ndFrame({ options })));
    const expected = offset < 0 ? -1 : AT + offset;
    expect(nd.linkLayerAddressAt(view, AT, option)).toBe(expected);
  });

  test.each([8, 12, 16, 20])('isProbe() looks at the source’s word at %i', (at) => {
    const view = viewOf(packetOf(ndFrame(PROBE)));
    expect(nd.isProbe(view, AT)).toBe(true);
    view.setUint8(AT + at + 3, 1);
    expect(nd.isProbe(view, AT)).toBe(false);
  });

  test('writeAdvertisement() writes what Linux does', () => {
    const view = viewOf(`${packetOf(LINUX.solicitation)}${'44'.repeat(80)}`);
    const outAt = AT + 76;
    expect(nd.writeAdvertisement(view, AT, outAt, nd.NdFlag.override, 0x0200, 0x0b)).toBe(
      nd.ADVERTISEMENT_LEN,
    );
    expect(hexOf(view, 73, outAt)).toBe(`${packetOf(LINUX.advertisement)}44`);
  });

  test('writeAdvertisement() tells all nodes what a probe asked', () => {
    const view = viewOf(`${packetOf(LINUX.probe)}${'44'.repeat(80)}`);
    nd.writeAdvertisement(view, AT, AT + 76, nd.NdFlag.router | nd.NdFlag.override, 0xfffe, -2);
    const answer = readAdvertisement(`${'00'.repeat(14)}${hexOf(view, 72, AT + 76)}`);
    expect(answer).toMatchObject({ destination: ALL_NODES, source: v6(1), target: v6(1), isSumRight: true });
    expect(answer).toMatchObject({ flags: 'a0000000', options: '0201fffefffffffe' });
  });
});
