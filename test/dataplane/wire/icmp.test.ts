import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checksum, sumBytes, sumPseudo6 } from '../../../dataplane/wire/checksum.ts';
import { MAX_ANSWER_LEN, writePacketTooBig, writeTimeExceeded } from '../../../dataplane/wire/icmp.ts';
import * as ipv4 from '../../../dataplane/wire/ipv4.ts';
import * as ipv6 from '../../../dataplane/wire/ipv6.ts';
import { UDP, V4, v6Packet } from './packets.ts';
import { hexOf } from './view-of.ts';

const PACKET_AT = 5;
const SOURCE_AT = 3000;
const OUT_AT = 4096;
const POISON = 0x5a;

/** Memory with a packet, an address to answer from, and poisoned room for the answer. */
function memoryWith(hex: string): { view: DataView; len: number } {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const memory = new Uint8Array(OUT_AT + 2048).fill(POISON);
  memory.set(bytes, PACKET_AT);
  memory.set([0xfd, 0x99, 0, 1], SOURCE_AT);
  return { view: new DataView(memory.buffer), len: bytes.length };
}

function answer(hex: string, mtu: number, sourceAt = -1): { view: DataView; len: number } {
  const { view, len } = memoryWith(hex);
  return { view, len: writePacketTooBig(view, PACKET_AT, len, mtu, sourceAt, OUT_AT) };
}

/** An IPv4 packet of protocol `protocol` with `payload`, flags and addresses as given. */
function v4Packet(o: {
  protocol?: number;
  payload: string;
  flags?: string;
  from?: string;
  to?: string;
}): string {
  const len = 20 + o.payload.replaceAll(' ', '').length / 2;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const addresses = `${o.from ?? '0a4d0001'}${o.to ?? '0a4d0002'}`;
  return `4500${hex(len, 4)}0001${o.flags ?? '4000'}40${hex(o.protocol ?? 17, 2)}0000${addresses}${o.payload}`;
}

describe('writePacketTooBig() for IPv4', () => {
  test('writes the datagram of RFC 1191 §4, byte for byte', () => {
    const { view, len } = answer(V4, 1392);
    const packet = V4.replaceAll(' ', '');
    // Header checksums by hand: 45c0+003c+0000+4000+4001+0a4d+0002+0a4d+0001 = 0xda9a → 0x2565.
    const header = `45c0003c00004000400125650a4d00020a4d0001`;
    expect(len).toBe(60);
    expect(hexOf(view, 20, OUT_AT)).toBe(header);
    expect(hexOf(view, 2, OUT_AT + 20)).toBe('0304');
    expect(hexOf(view, 4, OUT_AT + 24)).toBe('00000570');
    expect(hexOf(view, 32, OUT_AT + 28)).toBe(packet);
    expect(checksum(sumBytes(view, OUT_AT + 20, 40))).toBe(0);
    expect(hexOf(view, 4, OUT_AT + 60)).toBe('5a5a5a5a');
  });

  test('quotes no more than makes 576 bytes', () => {
    const { view, len } = answer(v4Packet({ payload: 'ab'.repeat(1480) }), 1000);
    expect(len).toBe(576);
    expect(ipv4.totalLen(view, OUT_AT)).toBe(576);
    expect(hexOf(view, 2, OUT_AT + 574)).toBe('abab');
    expect(view.getUint8(OUT_AT + 576)).toBe(POISON);
    expect(checksum(sumBytes(view, OUT_AT + 20, 556))).toBe(0);
  });

  test('quotes the packet, not what lies behind its total length', () => {
    const { view } = memoryWith(`${V4}cccccccc`);
    expect(writePacketTooBig(view, PACKET_AT, 36, 1392, -1, OUT_AT)).toBe(60);
  });

  test('answers from the address that the caller names', () => {
    const { view } = answer(V4, 1392, SOURCE_AT);
    expect(hexOf(view, 8, OUT_AT + ipv4.SOURCE_AT)).toBe('fd9900010a4d0001');
    expect(checksum(sumBytes(view, OUT_AT, 20))).toBe(0);
  });

  const echo = '0800 0000 00010001';
  test.each([
    ['an echo request', v4Packet({ protocol: 1, payload: echo }), true],
    ['a timestamp reply', v4Packet({ protocol: 1, payload: `0e${echo.slice(2)}` }), true],
    ['unreachable', v4Packet({ protocol: 1, payload: `03${echo.slice(2)}` }), false],
    ['source quench', v4Packet({ protocol: 1, payload: `04${echo.slice(2)}` }), false],
    ['redirect', v4Packet({ protocol: 1, payload: `05${echo.slice(2)}` }), false],
    ['time exceeded', v4Packet({ protocol: 1, payload: `0b${echo.slice(2)}` }), false],
    ['parameter problem', v4Packet({ protocol: 1, payload: `0c${echo.slice(2)}` }), false],
    ['ICMP without a type, an echo behind it', `${v4Packet({ protocol: 1, payload: '' })}08`, false],
    ['type 3 in UDP', v4Packet({ payload: `03${echo.slice(2)}` }), true],
    ['a packet without DF', v4Packet({ payload: UDP, flags: '0000' }), true],
    ['a first fragment', v4Packet({ payload: UDP, flags: '2000' }), true],
    ['a later fragment', v4Packet({ payload: UDP, flags: '2001' }), false],
    ['source 0.0.0.0', v4Packet({ payload: UDP, from: '00000000' }), false],
    ['source 127.0.0.1', v4Packet({ payload: UDP, from: '7f000001' }), false],
    ['source 224.0.0.1', v4Packet({ payload: UDP, from: 'e0000001' }), false],
    ['source 255.255.255.255', v4Packet({ payload: UDP, from: 'ffffffff' }), false],
    ['source 223.255.255.255', v4Packet({ payload: UDP, from: 'dfffffff' }), true],
    ['destination 224.0.0.251', v4Packet({ payload: UDP, to: 'e00000fb' }), false],
    ['destination 255.255.255.255', v4Packet({ payload: UDP, to: 'ffffffff' }), false],
    ['a packet cut short', V4.slice(0, -2), false],
    ['no IP', '00'.repeat(40), false],
  ])('judges %s', (_, hex, answered) => {
    const { view, len } = answer(hex, 1392);
    expect(len > 0).toBe(answered);
    if (!answered) expect(view.getUint8(OUT_AT)).toBe(POISON);
  });

  test('names no MTU below 68', () => {
    expect(answer(V4, 67).len).toBe(0);
    expect(answer(V4, 68).len).toBe(60);
  });
});

describe('writePacketTooBig() for IPv6', () => {
  test('writes the message of RFC 4443 §3.2, byte for byte', () => {
    const hex = v6Packet(17, UDP);
    const { view, len } = answer(hex, 1392);
    const addresses = `fd77${'00'.repeat(13)}02fd77${'00'.repeat(13)}01`;
    expect(len).toBe(96);
    expect(hexOf(view, 40, OUT_AT)).toBe(`6000000000383a40${addresses}`);
    expect(hexOf(view, 2, OUT_AT + 40)).toBe('0200');
    expect(hexOf(view, 4, OUT_AT + 44)).toBe('00000570');
    expect(hexOf(view, 48, OUT_AT + 48)).toBe(hex.replaceAll(' ', ''));
    expect(checksum(sumPseudo6(view, OUT_AT, 58, 56) + sumBytes(view, OUT_AT + 40, 56))).toBe(0);
    expect(hexOf(view, 4, OUT_AT + 96)).toBe('5a5a5a5a');
  });

  test('quotes no more than makes 1280 bytes', () => {
    const { view, len } = answer(v6Packet(17, 'ab'.repeat(1500)), 1400);
    expect(len).toBe(MAX_ANSWER_LEN);
    expect(ipv6.totalLen(view, OUT_AT)).toBe(1280);
    expect(view.getUint8(OUT_AT + 1280)).toBe(POISON);
    expect(checksum(sumPseudo6(view, OUT_AT, 58, 1240) + sumBytes(view, OUT_AT + 40, 1240))).toBe(0);
  });

  const icmp = (type: string) => v6Packet(58, `${type}000000 00010001`);
  const replaceSource = (hex: string, source: string) => hex.replace(`fd77${'00'.repeat(13)}01`, source);
  const replaceDestination = (hex: string, to: string) => hex.replace(`fd77${'00'.repeat(13)}02`, to);
  const group = `ff02${'00'.repeat(13)}fb`;
  test.each([
    ['an echo request', icmp('80'), true],
    ['unreachable', icmp('01'), false],
    ['packet too big', icmp('02'), false],
    ['an unknown error', icmp('7f'), false],
    ['redirect', icmp('89'), false],
    ['ICMPv6 without a type, an echo request behind it', `${v6Packet(58, '')}80000000`, false],
    ['an error behind destination options', v6Packet(60, `3a00010400000000 01000000 00010001`), false],
    ['a first fragment', v6Packet(44, `1100 0001 00000007 ${UDP}`), true],
    ['a later fragment', v6Packet(44, `1100 0009 00000007 ${UDP}`), false],
    ['a chain that leads nowhere', v6Packet(0, ''), false],
    ['source ::', replaceSource(v6Packet(17, UDP), '00'.repeat(16)), false],
    ['source ff02::fb', replaceSource(v6Packet(17, UDP), group), false],
    ['destination ff02::fb', replaceDestination(v6Packet(17, UDP), group), false],
    ['a packet cut short', v6Packet(17, UDP).slice(0, -2), false],
  ])('judges %s', (_, hex, answered) => {
    const { view, len } = answer(hex, 1392);
    expect(len > 0).toBe(answered);
    if (!answered) expect(view.getUint8(OUT_AT)).toBe(POISON);
  });

  test('answers a multicast packet only from an address of its own', () => {
    const { view, len } = answer(replaceDestination(v6Packet(17, UDP), group), 1392, SOURCE_AT);
    expect(len).toBe(96);
    expect(hexOf(view, 4, OUT_AT + ipv6.SOURCE_AT)).toBe('fd990001');
  });

  test('names no MTU below 1280, which hosts must disregard', () => {
    expect(answer(v6Packet(17, UDP), 1279).len).toBe(0);
    expect(answer(v6Packet(17, UDP), 1280).len).toBe(96);
  });
});

test('writePacketTooBig() takes any bytes and stays within its room', () => {
  const first = fc.constantFrom(0x45, 0x4f, 0x60, 0x00);
  fc.assert(
    fc.property(first, fc.uint8Array({ maxLength: 300 }), fc.nat(2000), (version, bytes, mtu) => {
      const { view } = memoryWith(Buffer.from([version, ...bytes]).toString('hex'));
      const len = writePacketTooBig(view, PACKET_AT, bytes.length + 1, mtu, -1, OUT_AT);
      expect(len).toBeLessThanOrEqual(MAX_ANSWER_LEN);
      expect(view.getUint8(OUT_AT + len)).toBe(POISON);
    }),
  );
});

describe('writeTimeExceeded()', () => {
  const write = (hex: string) => {
    const { view, len } = memoryWith(hex);
    return { view, len: writeTimeExceeded(view, PACKET_AT, len, SOURCE_AT, OUT_AT) };
  };

  test('writes the datagram of RFC 792, from the address that the caller names', () => {
    const { view, len } = write(V4);
    expect(len).toBe(60);
    expect(hexOf(view, 8, OUT_AT + ipv4.SOURCE_AT)).toBe('fd9900010a4d0001');
    expect(hexOf(view, 2, OUT_AT + 20)).toBe('0b00');
    expect(hexOf(view, 4, OUT_AT + 24)).toBe('00000000');
    expect(hexOf(view, 32, OUT_AT + 28)).toBe(V4.replaceAll(' ', ''));
    expect(checksum(sumBytes(view, OUT_AT, 20))).toBe(0);
    expect(checksum(sumBytes(view, OUT_AT + 20, 40))).toBe(0);
  });

  test('writes the message of RFC 4443 §3.3', () => {
    const { view, len } = write(v6Packet(17, UDP));
    expect(len).toBe(40 + 8 + 48);
    expect(hexOf(view, 2, OUT_AT + 40)).toBe('0300');
    expect(hexOf(view, 4, OUT_AT + 44)).toBe('00000000');
    expect(checksum(sumPseudo6(view, OUT_AT, 58, 56) + sumBytes(view, OUT_AT + 40, 56))).toBe(0);
  });

  test('answers no ICMP error and no broken packet', () => {
    expect(write(v4Packet({ protocol: 1, payload: '0b00000000000000' })).len).toBe(0);
    expect(write(V4.slice(0, 50)).len).toBe(0);
  });
});
