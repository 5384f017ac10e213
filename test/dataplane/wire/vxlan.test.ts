import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as vxlan from '../../../dataplane/wire/vxlan.ts';
import { allocatedPerCall } from './allocation.ts';
import { AT, hexOf, viewOf } from './view-of.ts';

/** Headers as the figure of RFC 7348 §5 lays them out. */
const HEADERS = [
  ['0800000000000000', 0],
  ['0800000000002a00', 42],
  ['08000000abcdef00', 0xabcdef],
  ['08000000ffffff00', vxlan.MAX_VNI],
] as const;

describe.each(HEADERS)('vxlan: %s', (hex, vni) => {
  test('writeHeader() writes it and nothing around it', () => {
    const view = viewOf('ff'.repeat(vxlan.HEADER_LEN));
    vxlan.writeHeader(view, AT, vni);
    const expected = Buffer.from(viewOf(hex).buffer).toString('hex');
    expect(Buffer.from(view.buffer).toString('hex')).toBe(expected);
  });

  test('the readers return its fields', () => {
    expect(vxlan.hasVni(viewOf(hex), AT)).toBe(true);
    expect(vxlan.vni(viewOf(hex), AT)).toBe(vni);
  });
});

describe('vxlan', () => {
  test('hasVni() looks at the I flag alone', () => {
    for (let flags = 0; flags < 256; flags++) {
      const view = viewOf(`${flags.toString(16).padStart(2, '0')}ffffff ffffffff`);
      expect(vxlan.hasVni(view, AT)).toBe((flags & 8) !== 0);
    }
  });

  test('vni() ignores reserved bits', () => {
    expect(vxlan.vni(viewOf('ffffffff abcdefff'), AT)).toBe(0xabcdef);
  });

  test('vni() returns what writeHeader() wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: vxlan.MAX_VNI }), (vni) => {
        const view = viewOf('00'.repeat(8));
        vxlan.writeHeader(view, AT, vni);
        expect(vxlan.vni(view, AT)).toBe(vni);
        expect(hexOf(view, 8)).toBe(`08000000${vni.toString(16).padStart(6, '0')}00`);
      }),
    );
  });

  test('reads and writes allocate nothing', () => {
    const view = viewOf('00'.repeat(8));
    let sum = 0;
    const allocated = allocatedPerCall((i) => {
      vxlan.writeHeader(view, AT, 0xff0000 + (i & 0xff));
      if (vxlan.hasVni(view, AT)) sum += vxlan.vni(view, AT) & 1;
    });
    expect(allocated).toBeLessThan(1);
    expect(sum).toBeGreaterThan(0);
  });
});
