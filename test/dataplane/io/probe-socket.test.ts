import { describe, expect, test } from 'vitest';
import { SystemCallError } from '../../../dataplane/io/libc.ts';
import { ProbeSocket } from '../../../dataplane/io/probe-socket.ts';

describe.each([
  ['127.0.0.1', 47_101],
  ['::1', 47_102],
])('ProbeSocket on %s', (address, port) => {
  test('receive() gives datagrams as send() took them, -1 when there is none', () => {
    const sink = new ProbeSocket(address, port, true);
    const source = new ProbeSocket(address, port, false);
    const buffer = new Uint8Array(2_000);
    expect(sink.receive(buffer)).toBe(-1);
    for (const len of [0, 1, 1_400]) {
      expect(source.send(new Uint8Array(len).fill(len & 0xff))).toBe(true);
      sink.wait(1_000);
      expect(sink.receive(buffer)).toBe(len);
      expect(buffer.subarray(0, len).every((byte) => byte === (len & 0xff))).toBe(true);
    }
    source.close();
    sink.close();
    sink.close();
  });

  test('holds thousands of datagrams that nobody reads yet', ({ skip }) => {
    if (process.getuid?.() !== 0) skip('needs root for SO_RCVBUFFORCE');
    const sink = new ProbeSocket(address, port, true);
    const source = new ProbeSocket(address, port, false);
    const datagram = new Uint8Array(1_200);
    for (let count = 0; count < 5_000; count++) expect(source.send(datagram)).toBe(true);
    let received = 0;
    while (sink.receive(datagram) >= 0) received++;
    expect(received).toBe(5_000);
    source.close();
    sink.close();
  });

  test('the constructor throws when the port is taken', () => {
    const sink = new ProbeSocket(address, port, true);
    expect(() => new ProbeSocket(address, port, true)).toThrow(SystemCallError);
    sink.close();
    new ProbeSocket(address, port, true).close();
  });
});
