/** The C library as the data plane calls it: arguments arrive, errors say what came. */
import { describe, expect, test } from 'vitest';
import {
  addressOf,
  close,
  Errno,
  errno,
  fcntl,
  open,
  poll,
  read,
  SystemCallError,
  write,
} from '../../../dataplane/io/libc.ts';

const O_RDONLY = 0;
const O_WRONLY = 1;
const F_GETFD = 1;

describe('libc', () => {
  test('read() fills exactly the bytes asked for', () => {
    const bytes = Buffer.alloc(128, 0xa5);
    const fd = open('/dev/zero', O_RDONLY);
    expect(read(fd, addressOf(bytes) + 10, 20)).toBe(20);
    close(fd);
    expect(bytes.subarray(0, 10).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytes.subarray(10, 30).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(30).every((byte) => byte === 0xa5)).toBe(true);
  });

  test('a call that fails returns -1 and leaves its reason in errno()', () => {
    expect(open('/nonexistent/icx', O_RDONLY)).toBe(-1);
    expect(errno()).toBe(2);
    const bytes = Buffer.alloc(128);
    expect(write(-1, addressOf(bytes), 1)).toBe(-1);
    expect(errno()).toBe(9);
  });

  test('close() gives the descriptor back', () => {
    const fd = open('/dev/null', O_WRONLY);
    expect(fcntl(fd, F_GETFD, 0)).toBeGreaterThanOrEqual(0);
    expect(close(fd)).toBe(0);
    expect(fcntl(fd, F_GETFD, 0)).toBe(-1);
  });

  test('poll() waits as long as it is told when nothing is ready', () => {
    const startedAtMs = performance.now();
    expect(poll(0, 0, 30)).toBe(0);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(29);
  });

  test('addressOf() follows a view into its buffer', () => {
    const bytes = new Uint8Array(256);
    expect(addressOf(bytes.subarray(100))).toBe(addressOf(bytes) + 100);
  });
});

describe('SystemCallError', () => {
  test('says what was tried and what came', () => {
    const error = new SystemCallError('bind UDP 0.0.0.0 port 6081', Errno.EADDRINUSE);
    expect(error.message).toBe('Cannot bind UDP 0.0.0.0 port 6081: address already in use (EADDRINUSE)');
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: 98, name: 'SystemCallError' });
  });

  test('takes the errno of the call that failed last', () => {
    open('/nonexistent/icx', O_RDONLY);
    expect(new SystemCallError('open it')).toMatchObject({ code: 'ENOENT', errno: 2 });
  });

  test('has words for a number that Node does not know', () => {
    expect(new SystemCallError('do it', 4_000).message).toBe('Cannot do it: unknown error (errno 4000)');
  });

  // Node has no name for EBADFD.
  test.each(Object.entries(Errno).filter(([name]) => name !== 'EBADFD'))(
    'Errno.%s is the number that the system gives it',
    (name, number) => {
      expect(new SystemCallError('x', number).code).toBe(name);
    },
  );
});
