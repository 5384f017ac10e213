import { afterAll, expect, test } from 'vitest';
import { close, Errno, errno, socket } from '../../../dataplane/io/libc.ts';
import { getOption, SOL_SOCKET, setBuffers, setOption } from '../../../dataplane/io/socket-option.ts';

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF] = [2, 7, 8];
const NO_SUCH_OPTION = 9_999;

const fd = socket(AF_INET, SOCK_DGRAM, 0);
afterAll(() => close(fd));

test('setOption() sets what getOption() reads', () => {
  expect(getOption(fd, SOL_SOCKET, SO_REUSEADDR)).toBe(0);
  expect(setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)).toBe(true);
  expect(getOption(fd, SOL_SOCKET, SO_REUSEADDR)).toBe(1);
});

test('both say that there is no such option', () => {
  expect(setOption(fd, SOL_SOCKET, NO_SUCH_OPTION, 1)).toBe(false);
  expect(getOption(fd, SOL_SOCKET, NO_SUCH_OPTION)).toBeNull();
  expect(getOption(-1, SOL_SOCKET, SO_REUSEADDR)).toBeNull();
  expect(errno()).not.toBe(Errno.EINTR);
});

test('setBuffers() sets both sizes, beyond the limit where that is allowed', () => {
  setBuffers(fd, 32 << 20, 16 << 20);
  // The kernel doubles what it is told.
  const [receive, send] = [SO_RCVBUF, SO_SNDBUF].map((option) => getOption(fd, SOL_SOCKET, option) ?? 0);
  if (process.getuid?.() === 0) expect([receive, send]).toEqual([64 << 20, 32 << 20]);
  else expect(receive).toBeGreaterThan(65_536);
});
