import { describe, expect, test } from 'vitest';
import { isStationIp } from '../../../dataplane/l2/station-ip.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';

const AT = 3;

describe('isStationIp()', () => {
  test.each([
    ['10.77.0.1', true],
    ['0.0.0.0', false],
    ['0.1.2.3', false],
    ['1.0.0.1', true],
    ['126.0.0.1', true],
    ['127.0.0.1', false],
    ['128.0.0.1', true],
    ['169.254.1.1', true],
    ['223.255.255.255', true],
    ['224.0.0.1', false],
    ['240.0.0.1', false],
    ['255.255.255.255', false],
    ['fd77::1', true],
    ['fe80::1', true],
    ['2001:db8::1', true],
    ['ff02::1', false],
    ['::', false],
    ['::1', false],
    ['::2', true],
    ['::8000:0', true],
    ['::1:0:0', true],
    ['0:0:0:1::', true],
    ['0:0:1::', true],
    ['::ffff:10.77.0.1', false],
    ['64:ff9b::10.77.0.1', true],
    ['1::ffff:10.77.0.1', true],
  ])('judges %s', (text, expected) => {
    const ip = parseIp(text);
    if (ip === null) throw new Error(`${text} is no address`);
    const view = new DataView(new ArrayBuffer(AT + 16));
    ip.words.forEach((word, i) => {
      view.setUint32(AT + i * 4, word);
    });
    expect(isStationIp(view, ip.family, AT)).toBe(expected);
  });
});
