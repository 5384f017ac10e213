import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as geneve from '../../../dataplane/wire/geneve.ts';
import { OptionFault } from '../../../dataplane/wire/geneve.ts';
import { AT, viewOf } from './view-of.ts';

/**
 * Headers of sealed packets: the first 32 bytes of the payload of each frame vector of this
 * protocol, computed field by field with node:crypto from its description.
 */
const HEADERS = [
  {
    name: 'IPv4',
    vni: 7,
    spi: 1,
    counter: 1,
    type: 0x0800,
    hex: '0640080000000700ff00810100000001ff008203000000010000000000000001',
  },
  {
    name: 'IPv6, largest VNI',
    vni: 16_777_215,
    spi: 0x40000001,
    counter: 2,
    type: 0x86dd,
    hex: '064086ddffffff00ff00810140000001ff008203400000010000000000000002',
  },
  {
    name: 'keepalive, SPI above 2^31',
    vni: 7,
    spi: 0x80000001,
    counter: 3,
    type: 0,
    hex: '0640000000000700ff00810180000001ff008203800000010000000000000003',
  },
  {
    name: 'Ethernet, counter 2^32',
    vni: 42,
    spi: 0x3fffffff,
    counter: 2 ** 32,
    type: 0x6558,
    hex: '0640655800002a00ff0081013fffffffff0082033fffffff0000000100000000',
  },
  {
    name: 'counter 2^53 - 1',
    vni: 1,
    spi: 0xc0000002,
    counter: Number.MAX_SAFE_INTEGER,
    type: 0x0800,
    hex: '0640080000000100ff008101c0000002ff008203c0000002001fffffffffffff',
  },
];

describe.each(HEADERS)('geneve: $name', ({ hex, vni, spi, counter, type }) => {
  test('writeSealedHeader() and writeCounter() write the vector and nothing around it', () => {
    const view = viewOf('00'.repeat(32));
    geneve.writeSealedHeader(view, AT, type, vni, spi);
    geneve.writeCounter(view, AT + geneve.SEALED_NONCE_AT, counter);
    const expected = new Uint8Array(viewOf(hex).buffer);
    expect(Buffer.from(view.buffer).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });

  test('the readers return its fields', () => {
    const view = viewOf(hex);
    const options = { spi: 0, nonceAt: 0 };
    expect(geneve.version(view, AT)).toBe(0);
    expect(geneve.isControl(view, AT)).toBe(false);
    expect(geneve.optionsLen(view, AT)).toBe(24);
    expect(geneve.headerLen(view, AT)).toBe(geneve.SEALED_HEADER_LEN);
    expect(geneve.protocolType(view, AT)).toBe(type);
    expect(geneve.vni(view, AT)).toBe(vni);
    expect(geneve.findOptions(view, AT, 32, options)).toBe(OptionFault.none);
    expect(options).toEqual({ spi, nonceAt: AT + geneve.SEALED_NONCE_AT });
    expect(geneve.nonceSpi(view, options.nonceAt)).toBe(spi);
    expect(geneve.readCounter(view, options.nonceAt)).toBe(counter);
  });
});

describe('geneve base header', () => {
  test('version() and isControl() see their bits only', () => {
    expect(geneve.version(viewOf('c6'), AT)).toBe(3);
    expect(geneve.version(viewOf('3f'), AT)).toBe(0);
    expect(geneve.isControl(viewOf('0080'), AT)).toBe(true);
    expect(geneve.isControl(viewOf('007f'), AT)).toBe(false);
  });

  test('vni() ignores the reserved byte', () => {
    expect(geneve.vni(viewOf('00000000 abcdef ff'), AT)).toBe(0xabcdef);
  });
});

describe('geneve.readCounter()', () => {
  test.each([
    ['0020000000000000', Number.POSITIVE_INFINITY],
    ['ffffffffffffffff', Number.POSITIVE_INFINITY],
    ['8000000000000001', Number.POSITIVE_INFINITY],
    ['001fffffffffffff', 2 ** 53 - 1],
    ['00000000ffffffff', 2 ** 32 - 1],
  ])('reads %s as %d', (hex, counter) => {
    expect(geneve.readCounter(viewOf(`00000000${hex}`), AT)).toBe(counter);
  });

  test('returns what writeCounter() wrote', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (counter) => {
        const view = viewOf('00'.repeat(12));
        geneve.writeCounter(view, AT, counter);
        expect(view.getBigUint64(AT + 4)).toBe(BigInt(counter));
        expect(geneve.readCounter(view, AT)).toBe(counter);
      }),
    );
  });
});

const SPI = 'ff008101 00000009';
const NONCE = 'ff008203 00000009 0000000000000001';

describe('geneve.findOptions()', () => {
  test.each([
    ['both', `${SPI} ${NONCE}`, OptionFault.none],
    ['both, the other way round', `${NONCE} ${SPI}`, OptionFault.none],
    ['an unknown option before', `01020301 00000000 ${SPI} ${NONCE}`, OptionFault.none],
    ['an empty unknown option between', `${SPI} 01020300 ${NONCE}`, OptionFault.none],
    ['an unknown option behind', `${SPI} ${NONCE} 01020301 00000000`, OptionFault.none],
    ['reserved bits beside the length', `ff0081e1 00000009 ${NONCE}`, OptionFault.none],
    ['no option', '', OptionFault.missing],
    ['no nonce', SPI, OptionFault.missing],
    ['no SPI', NONCE, OptionFault.missing],
    ['type 0x81 of another class, critical', `ff018101 00000009 ${NONCE}`, OptionFault.unknownCritical],
    ['type 0x01, not critical, in place of the SPI', `ff000101 00000009 ${NONCE}`, OptionFault.missing],
    ['an unknown critical option before', `01028300 ${SPI} ${NONCE}`, OptionFault.unknownCritical],
    ['an unknown critical option third', `${SPI} ${NONCE} 01028300`, OptionFault.unknownCritical],
    ['an SPI of 0 words', `ff008100 ${NONCE}`, OptionFault.badLength],
    ['an SPI of 2 words', `ff008102 00000009 00000000 ${NONCE}`, OptionFault.badLength],
    ['a nonce of 2 words', `${SPI} ff008202 00000009 00000001`, OptionFault.badLength],
    ['a nonce of 4 words', `${SPI} ff008204 00000009 ${'00'.repeat(12)}`, OptionFault.badLength],
    ['the SPI twice', `${SPI} ${SPI} ${NONCE}`, OptionFault.malformed],
    ['the nonce twice', `${SPI} ${NONCE} ${NONCE}`, OptionFault.malformed],
    ['an option past the end', `${SPI} ${NONCE} 01020302 00000000`, OptionFault.malformed],
    ['the nonce past the end', `${SPI} ff008203 00000009 00000000`, OptionFault.malformed],
  ])('judges %s', (_, hex, fault) => {
    const header = `00${'00'.repeat(7)}${hex.replaceAll(' ', '')}`;
    const out = { spi: -1, nonceAt: -1 };
    expect(geneve.findOptions(viewOf(header), AT, header.length / 2, out)).toBe(fault);
    if (fault !== OptionFault.none) expect(out).toEqual({ spi: -1, nonceAt: -1 });
    else expect(out.spi).toBe(9);
  });

  test('finds both behind the most options that fit', () => {
    const filler = '01020300'.repeat((252 - 24) / 4);
    const view = viewOf(`3f${'00'.repeat(7)}${filler}${SPI}${NONCE}`);
    const out = { spi: 0, nonceAt: 0 };
    expect(geneve.headerLen(view, AT)).toBe(260);
    expect(geneve.findOptions(view, AT, 260, out)).toBe(OptionFault.none);
    expect(out).toEqual({ spi: 9, nonceAt: AT + 260 - 12 });
  });

  test('ends on any bytes, and never points outside the header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 63 * 4 }), (bytes) => {
        const len = 8 + bytes.length - (bytes.length % 4);
        const view = viewOf('00'.repeat(8) + Buffer.from(bytes).toString('hex'));
        const out = { spi: 0, nonceAt: 0 };
        if (geneve.findOptions(view, AT, len, out) === OptionFault.none) {
          expect(out.nonceAt).toBeGreaterThanOrEqual(AT + 8);
          expect(out.nonceAt + 12).toBeLessThanOrEqual(AT + len);
        }
      }),
    );
  });
});
