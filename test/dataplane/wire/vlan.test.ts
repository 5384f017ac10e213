import { describe, expect, test } from 'vitest';
import { createFramePayload, findPayload } from '../../../dataplane/wire/vlan.ts';
import { AT, exactView, viewOf } from './view-of.ts';

const MACS = '01005e010203 0242ac110002';

describe('vlan.findPayload()', () => {
  test.each([
    ['no tag', '0800', 0x0800, 14, 0],
    ['a tag', '8100 600a 86dd', 0x86dd, 18, 10],
    ['a service tag before a tag', '88a8 0007 8100 e00a 0800', 0x0800, 22, (7 << 12) | 10],
    ['a priority tag', '8100 e000 0800', 0x0800, 18, 0],
    ['three tags as far as the second', '8100 0001 8100 0002 8100 0003 0800', 0x8100, 22, (1 << 12) | 2],
    ['an 802.3 length', '0026', 0x26, 14, 0],
  ])('reads %s', (_, tags, type, offset, vlan) => {
    const out = createFramePayload();
    const hex = MACS + tags;
    expect(findPayload(viewOf(hex), AT, hex.replaceAll(' ', '').length / 2, out)).toBe(true);
    expect(out).toEqual({ type, at: AT + offset, vlan });
  });

  test.each([
    ['in its header', MACS],
    ['behind a tag’s type', `${MACS}8100`],
    ['in a tag', `${MACS}8100 0001`],
    ['in a second tag', `${MACS}88a8 0001 8100 0002 08`],
  ])('refuses a frame that ends %s', (_, hex) => {
    const len = hex.replaceAll(' ', '').length / 2;
    expect(findPayload(exactView(hex), 0, len, createFramePayload())).toBe(false);
    expect(findPayload(viewOf(hex), AT, len, createFramePayload())).toBe(false);
  });
});
