/** Socket files of machines: who may write to them, and which of them are replaced. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fcntl, SystemCallError, socket } from '../../../dataplane/io/libc.ts';
import { getOption, SOL_SOCKET } from '../../../dataplane/io/socket-option.ts';
import { openSocketPair } from '../../../dataplane/io/socket-pair.ts';
import { adoptDgramPort, closeDgramPort, openDgramPort } from '../../../dataplane/port/dgram-socket.ts';
import { SocketRoom } from './dgram-peers.ts';

const [F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK] = [1, 3, 1, 0x800];
const [SO_SNDBUF, SO_RCVBUF] = [7, 8];
const [AF_INET, SOCK_DGRAM] = [2, 2];

let room: SocketRoom;
beforeEach(() => {
  room = new SocketRoom();
});
afterEach(() => room.clear());

const openFds = () => readdirSync('/proc/self/fd').length;

describe('openDgramPort()', () => {
  test('makes a socket that its owner alone may write to, and gives plain data', () => {
    const spec = room.open();
    expect(statSync(room.path('port')).mode & 0o7777).toBe(0o600);
    expect(structuredClone(spec)).toEqual({ fd: spec.fd, isConnected: false, remote: null, mtuBytes: 1_500 });
    expect(fcntl(spec.fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    expect(fcntl(spec.fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
  });

  test('gives the file the mode that is asked for, whatever the umask', () => {
    const before = process.umask(0o077);
    try {
      room.open({ mode: 0o660 });
    } finally {
      process.umask(before);
    }
    expect(statSync(room.path('port')).mode & 0o7777).toBe(0o660);
  });

  test('makes room for what machines send at once', () => {
    const { fd } = room.open();
    // Without privileges as much as net.core.[rw]mem_max allow.
    const isRoot = process.getuid?.() === 0;
    expect(getOption(fd, SOL_SOCKET, SO_SNDBUF)).toBeGreaterThanOrEqual(isRoot ? 1 << 20 : 1 << 16);
    expect(getOption(fd, SOL_SOCKET, SO_RCVBUF)).toBeGreaterThanOrEqual(isRoot ? 4 << 20 : 1 << 16);
  });

  test('replaces the file of a socket that is gone', () => {
    const first = room.open();
    room.close(first.fd);
    expect(existsSync(room.path('port'))).toBe(true);
    room.open();
    expect(room.machine('vm').send(room.path('port'), Buffer.alloc(60))).toBe(true);
  });

  test('refuses the file of a socket that lives, and leaves it and no descriptor', () => {
    room.open();
    const before = openFds();
    expect(() => room.open()).toThrow(/Cannot listen on socket .*EADDRINUSE.*another process listens there/);
    expect(openFds()).toBe(before);
    expect(room.machine('vm').send(room.path('port'), Buffer.alloc(60))).toBe(true);
  });

  test('refuses the file of a datagram socket that takes no one but its peer', () => {
    room.machine('other');
    room.machine('port').connect(room.path('other'));
    expect(() => room.open()).toThrow(/EADDRINUSE/);
    expect(existsSync(room.path('port'))).toBe(true);
  });

  test('refuses the file of a stream socket that lives', async () => {
    const server = createServer().listen(room.path('port'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(() => room.open()).toThrow(/EADDRINUSE/);
    expect(existsSync(room.path('port'))).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });

  test('never removes what is no socket', () => {
    writeFileSync(room.path('port'), 'precious');
    expect(() => room.open()).toThrow(/EADDRINUSE.*or it is no socket/);
    expect(existsSync(room.path('port'))).toBe(true);
    mkdirSync(room.path('directory'));
    expect(() => room.open({ path: room.path('directory') })).toThrow(/EADDRINUSE/);
    const dead = room.machine('dead');
    room.close(dead.fd);
    symlinkSync(room.path('dead'), room.path('link'));
    expect(() => room.open({ path: room.path('link') })).toThrow(/EADDRINUSE/);
    expect(existsSync(room.path('dead'))).toBe(true);
  });

  test.each([
    ['relative', null],
    ['@abstract', null],
    [`/${'x'.repeat(107)}`, null],
    ['/tmp/icx-not-made', 'relative'],
  ])('refuses the paths %s and %s', (path, remote) => {
    const before = openFds();
    expect(() => openDgramPort({ path, remote, mtuBytes: 1_500 })).toThrow(RangeError);
    expect(openFds()).toBe(before);
    expect(existsSync('/tmp/icx-not-made')).toBe(false);
  });

  test('says so when the directory is missing', () => {
    expect(() => room.open({ path: room.path('missing/port') })).toThrow(/ENOENT/);
  });
});

describe('adoptDgramPort()', () => {
  test('takes an end of a pair, which programs that are started do not get', () => {
    const { spec } = room.pair(9_000);
    expect(structuredClone(spec)).toEqual({ fd: spec.fd, isConnected: true, remote: null, mtuBytes: 9_000 });
    expect(fcntl(spec.fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    if (process.getuid?.() !== 0) return;
    expect(getOption(spec.fd, SOL_SOCKET, SO_SNDBUF)).toBeGreaterThanOrEqual(1 << 20);
    expect(getOption(spec.fd, SOL_SOCKET, SO_RCVBUF)).toBeGreaterThanOrEqual(4 << 20);
  });

  test('refuses and closes what is none', () => {
    const [ours, theirs] = openSocketPair();
    const before = openFds();
    for (const fd of [ours, theirs, socket(AF_INET, SOCK_DGRAM, 0)]) {
      expect(() => adoptDgramPort(fd, 1_500)).toThrow(SystemCallError);
    }
    expect(openFds()).toBe(before - 2);
    expect(() => adoptDgramPort(-1, 1_500)).toThrow(/no Unix datagram socket/);
  });
});

describe('closeDgramPort()', () => {
  test('closes the socket and removes its file', () => {
    const path = room.path('port');
    const before = openFds();
    const spec = openDgramPort({ path, remote: null, mtuBytes: 1_500 });
    closeDgramPort(spec, path);
    expect(existsSync(path)).toBe(false);
    expect(openFds()).toBe(before);
    closeDgramPort(openDgramPort({ path, remote: null, mtuBytes: 1_500 }));
    expect(existsSync(path)).toBe(true);
  });

  test('leaves a file that another has replaced it by', () => {
    const path = room.path('port');
    const spec = openDgramPort({ path, remote: null, mtuBytes: 1_500 });
    unlinkSync(path);
    room.machine('port');
    closeDgramPort(spec, path);
    expect(existsSync(path)).toBe(true);
  });
});
