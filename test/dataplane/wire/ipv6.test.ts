import { describe, expect, test } from 'vitest';
import { findUpperLayer, setTrafficClass, trafficClass } from '../../../dataplane/wire/ipv6.ts';
import { createUpperLayer, Fragment } from '../../../dataplane/wire/upper-layer.ts';
import { UDP, v6Packet } from './packets.ts';
import { AT, exactView, viewOf } from './view-of.ts';

describe('ipv6.findUpperLayer()', () => {
  const hopByHop = (next: string) => `${next}00 0104 00000000`;
  test.each([
    ['no extension', v6Packet(17, UDP), 17, 40, Fragment.none],
    ['no next header', v6Packet(59, ''), 59, 40, Fragment.none],
    ['ESP, which hides the rest', v6Packet(50, UDP), 50, 40, Fragment.none],
    ['hop-by-hop options', v6Packet(0, hopByHop('11') + UDP), 17, 48, Fragment.none],
    ['destination options of 16 bytes', v6Packet(60, `1101${'00'.repeat(14)}${UDP}`), 17, 56, Fragment.none],
    [
      'routing behind hop-by-hop',
      v6Packet(0, `${hopByHop('2b')}06${'00'.repeat(7)}${UDP}`),
      6,
      56,
      Fragment.none,
    ],
    ['authentication, counted in words', v6Packet(51, `1104${'00'.repeat(22)}${UDP}`), 17, 64, Fragment.none],
    ['a first fragment', v6Packet(44, `1100 0001 00000007 ${UDP}`), 17, 48, Fragment.first],
    ['a later fragment', v6Packet(44, `1100 0009 00000007 ${UDP}`), 17, 48, Fragment.later],
    ['an atomic fragment', v6Packet(44, `1100 0000 00000007 ${UDP}`), 17, 48, Fragment.none],
    ['a later fragment of an extension', v6Packet(44, `3c00 0008 00000007 ${UDP}`), 60, 48, Fragment.later],
  ])('reads %s', (_, hex, protocol, offset, fragment) => {
    const out = createUpperLayer();
    expect(findUpperLayer(viewOf(hex), AT, out)).toBe(true);
    expect(out).toEqual({ protocol, at: AT + offset, fragment });
  });

  test.each([
    ['cut before an extension', v6Packet(0, '')],
    ['cut inside an extension', v6Packet(60, `1101${'00'.repeat(6)}`)],
    ['of nine extensions', v6Packet(0, hopByHop('00').repeat(9) + UDP)],
  ])('refuses a chain %s', (_, hex) => {
    expect(findUpperLayer(exactView(hex), 0, createUpperLayer())).toBe(false);
  });

  test('follows a chain of eight extensions', () => {
    const out = createUpperLayer();
    const hex = v6Packet(0, hopByHop('00').repeat(7) + hopByHop('11') + UDP);
    expect(findUpperLayer(viewOf(hex), AT, out)).toBe(true);
    expect(out).toEqual({ protocol: 17, at: AT + 40 + 64, fragment: Fragment.none });
  });
});

describe('ipv6.setTrafficClass()', () => {
  test('leaves version and flow label as they are', () => {
    const view = viewOf(v6Packet(17, UDP));
    view.setUint32(AT, 0x6ab1_2345);
    expect(trafficClass(view, AT)).toBe(0xab);
    setTrafficClass(view, AT, 0xba);
    expect(trafficClass(view, AT)).toBe(0xba);
    expect(view.getUint32(AT)).toBe(0x6ba1_2345);
  });
});
