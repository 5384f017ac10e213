import { afterEach, describe, expect, test } from 'vitest';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { boundPort, openUdpSocket, sharePort } from '../../../dataplane/port/udp-socket.ts';

const LISTEN = '127.0.0.1';
const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

function bind(port: number, joinPort: boolean): number {
  const { fd } = openUdpSocket({ listen: LISTEN, port, joinPort, fragment: false });
  open.push(fd);
  return fd;
}

describe('openUdpSocket()', () => {
  test('joins a port once its first socket shares it', () => {
    const first = bind(0, false);
    const port = boundPort(first);
    expect(() => bind(port, true)).toThrow(/port \d+: .*EADDRINUSE.*is another agent running/);
    sharePort(first);
    expect(boundPort(bind(port, true))).toBe(port);
    expect(boundPort(bind(port, true))).toBe(port);
  });

  test('refuses a port that another process shares between its own sockets', () => {
    const first = bind(0, false);
    sharePort(first);
    expect(() => bind(boundPort(first), false)).toThrow(/EADDRINUSE/);
  });
});
