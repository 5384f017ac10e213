import { describe, expect, test } from 'vitest';
import * as arp from '../../../dataplane/wire/arp.ts';
import { AT, exactView, hexOf, viewOf } from './view-of.ts';

/** smoltcp, src/wire/arp.rs, PACKET_BYTES. */
const SMOLTCP = '0001080006040001 111213141516 21222324 313233343536 41424344';

describe('arp', () => {
  test('reads the packet of smoltcp', () => {
    const view = exactView(SMOLTCP);
    expect(arp.checkPacket(view, 0, view.byteLength)).toBe(true);
    expect(arp.operation(view, 0)).toBe(arp.ArpOperation.request);
    expect(hexOf(view, 6, arp.SENDER_MAC_AT)).toBe('111213141516');
    expect(hexOf(view, 4, arp.SENDER_IP_AT)).toBe('21222324');
    expect(hexOf(view, 6, arp.TARGET_MAC_AT)).toBe('313233343536');
    expect(hexOf(view, 4, arp.TARGET_IP_AT)).toBe('41424344');
  });

  test.each([
    ['a request', '00010800 0604 0001', true],
    ['a reply', '00010800 0604 0002', true],
    ['hardware type 6', '00060800 0604 0001', false],
    ['hardware type 0x0101', '01010800 0604 0001', false],
    ['protocol IPv6', '000186dd 0604 0001', false],
    ['hardware addresses of 8 bytes', '00010800 0804 0001', false],
    ['protocol addresses of 16 bytes', '00010800 0610 0001', false],
    ['operation 0', '00010800 0604 0000', false],
    ['operation 3, reverse request', '00010800 0604 0003', false],
    ['operation 0x0101', '00010800 0604 0101', false],
  ])('checkPacket() judges %s', (_, head, isValid) => {
    const view = viewOf(`${head} ${SMOLTCP.slice(17)}`);
    expect(arp.checkPacket(view, AT, arp.PACKET_LEN)).toBe(isValid);
    expect(arp.checkPacket(view, AT, arp.PACKET_LEN + 18)).toBe(isValid);
  });

  test('checkPacket() reads nothing behind a short packet', () => {
    for (let len = 0; len < arp.PACKET_LEN; len++) {
      const view = exactView(SMOLTCP.replaceAll(' ', '').slice(0, len * 2));
      expect(arp.checkPacket(view, 0, len)).toBe(false);
    }
  });

  // RFC 5227 §2.1.1 (probe), §2.3 (announcement).
  test.each([
    ['a request', '0001', '0a4d0001', true, false],
    ['a probe', '0001', '00000000', true, true],
    ['an announcement', '0001', '0a4d0002', false, false],
    ['a reply', '0002', '0a4d0001', false, false],
  ])('isQuestion() and isProbe() judge %s', (_, operation, senderIp, isQuestion, isProbe) => {
    const view = viewOf(`000108000604${operation} 020000000001 ${senderIp} 000000000000 0a4d0002`);
    expect(arp.isQuestion(view, AT)).toBe(isQuestion);
    expect(arp.isProbe(view, AT)).toBe(isProbe);
  });

  test('writeReply() swaps the addresses and fills in the target’s', () => {
    const view = viewOf(SMOLTCP);
    expect(arp.writeReply(view, AT, AT + 40, 0x5152, 0x53545556)).toBe(arp.PACKET_LEN);
    expect(hexOf(view, 29, AT + 40)).toBe(
      '0001080006040002 515253545556 41424344 111213141516 21222324 44'.replaceAll(' ', ''),
    );
  });
});
