/** Tells the service manager how the process is: the datagram protocol of sd_notify(3). */
import { addressOf, close, SystemCallError, sendto, socket } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;
const PATH_AT = 2;
/** sizeof(sun_path). @see unix(7) */
const PATH_LEN = 108;

/**
 * Sends one state, such as `READY=1`, `STOPPING=1` or `STATUS=text`; several are separated by `\n`.
 *
 * @param path Value of NOTIFY_SOCKET: an absolute path, or `@name` in the abstract namespace.
 * @throws {RangeError} when `path` is neither, or does not fit a socket address.
 * @throws {SystemCallError} when nobody listens there.
 * @see sd_notify(3)
 */
export function notifyServiceManager(path: string, state: string): void {
  const { sockaddr, len } = unixAddress(path);
  const message = new TextEncoder().encode(state);
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a Unix socket');
  try {
    const sent = sendto(fd, addressOf(message), message.length, MSG_NOSIGNAL, addressOf(sockaddr), len);
    if (sent !== message.length) throw new SystemCallError(`notify the service manager at ${path}`);
  } finally {
    close(fd);
  }
}

/** `struct sockaddr_un`; an abstract name has no end mark, so its length counts. @see unix(7) */
function unixAddress(path: string): { sockaddr: Uint8Array; len: number } {
  const abstract = path.startsWith('@');
  if (!abstract && !path.startsWith('/')) {
    throw new RangeError(`Cannot use notify socket '${path}': expected an absolute path or @name`);
  }
  const name = new TextEncoder().encode(abstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > PATH_LEN) {
    throw new RangeError(`Cannot use notify socket '${path}': longer than ${PATH_LEN - 1} bytes`);
  }
  const sockaddr = new Uint8Array(PATH_AT + name.length);
  new DataView(sockaddr.buffer).setUint16(0, AF_UNIX, true);
  sockaddr.set(name, PATH_AT);
  return { sockaddr, len: sockaddr.length };
}
