import { describe, expect, test } from 'vitest';
import * as ipv4 from '../../../dataplane/wire/ipv4.ts';
import { createUpperLayer, Fragment } from '../../../dataplane/wire/upper-layer.ts';
import { V4 } from './packets.ts';
import { AT, viewOf } from './view-of.ts';

describe('ipv4.findUpperLayer()', () => {
  test.each([
    ['a whole packet', V4, 20, Fragment.none],
    ['a whole packet with DF', V4.replace('00010000', '00014000'), 20, Fragment.none],
    ['a first fragment', V4.replace('00010000', '00012000'), 20, Fragment.first],
    ['a later fragment', V4.replace('00010000', '00012001'), 20, Fragment.later],
    ['the last fragment', V4.replace('00010000', '00011fff'), 20, Fragment.later],
    ['options', `47000020${V4.slice(8)}`, 28, Fragment.none],
  ])('reads %s', (_, hex, offset, fragment) => {
    const out = createUpperLayer();
    expect(ipv4.findUpperLayer(viewOf(hex), AT, out)).toBe(true);
    expect(out).toEqual({ protocol: 17, at: AT + offset, fragment });
  });
});

describe('ipv4', () => {
  test('setTos() writes the type of service and nothing else', () => {
    const view = viewOf(V4);
    ipv4.setTos(view, AT, 0xbb);
    expect(ipv4.tos(view, AT)).toBe(0xbb);
    expect(new Uint8Array(view.buffer)).toEqual(new Uint8Array(viewOf(`45bb${V4.slice(4)}`).buffer));
  });

  test('id() and isDontFragment() read their fields', () => {
    const view = viewOf(V4.replace('00010000', 'abcd4000'));
    expect(ipv4.id(view, AT)).toBe(0xabcd);
    expect(ipv4.isDontFragment(view, AT)).toBe(true);
    expect(ipv4.isDontFragment(viewOf(V4), AT)).toBe(false);
  });
});
