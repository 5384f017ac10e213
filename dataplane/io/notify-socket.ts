/** Tells the service manager how the process is: the datagram protocol of sd_notify(3). */
import { addressOf, close, SystemCallError, sendto, socket } from './libc.ts';
import { AF_UNIX, unixAddress } from './unix-address.ts';

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Sends one state, such as `READY=1`, `STOPPING=1` or `STATUS=text`; several are separated by `\n`.
 *
 * @param path Value of NOTIFY_SOCKET: an absolute path, or `@name` in the abstract namespace.
 * @throws {RangeError} when `path` is neither, or does not fit a socket address.
 * @throws {SystemCallError} when nobody listens there.
 * @see sd_notify(3)
 */
export function notifyServiceManager(path: string, state: string): void {
  const sockaddr = unixAddress(path, 'notify socket');
  const message = new TextEncoder().encode(state);
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a Unix socket');
  try {
    const sent = sendto(
      fd,
      addressOf(message),
      message.length,
      MSG_NOSIGNAL,
      addressOf(sockaddr),
      sockaddr.length,
    );
    if (sent !== message.length) throw new SystemCallError(`notify the service manager at ${path}`);
  } finally {
    close(fd);
  }
}
