/**
 * Opens Unix datagram sockets for virtual machines: a frame a datagram, nothing in front of it.
 *
 * Who may write to the socket's file may send frames into the network, so it is its owner's alone
 * unless a mode says otherwise. The kernel queues net.unix.max_dgram_qlen datagrams (10) between
 * two sockets that are not connected to one another, as it was when the receiving one was made: a
 * host with fast machines sets it to some hundreds before.
 *
 * @see unix(7), qemu(1) -netdev dgram
 */
import { chmodSync, fchmodSync, lstatSync, unlinkSync } from 'node:fs';
import { addressOf, bind, close, connect, Errno, errno, fcntl, SystemCallError, socket } from '../io/libc.ts';
import { getOption, SOL_SOCKET, setBuffers } from '../io/socket-option.ts';
import { AF_UNIX, unixAddress } from '../io/unix-address.ts';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SO_TYPE = 3;
const SO_DOMAIN = 39;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

const OWNER_ONLY = 0o600;
/** What is under way to the machine may take this much, and what waits for us that: as vfkit wants it. */
const SEND_LEN = 1 << 20;
const RECEIVE_LEN = 4 << 20;

export interface DgramOptions {
  /** Absolute path of our socket. */
  readonly path: string;
  /** Absolute path of the machine's socket, or @name; null to learn it from what it sends. */
  readonly remote: string | null;
  /** Permissions of the socket's file; those of its owner alone by default. */
  readonly mode?: number;
  /** Longest payload of a frame. */
  readonly mtuBytes: number;
}

export interface DgramSpec {
  readonly fd: number;
  /** Whether it is an end of a pair: nobody else can send to it. */
  readonly isConnected: boolean;
  readonly remote: string | null;
  readonly mtuBytes: number;
}

/**
 * Binds a socket. A socket file that nobody listens on any more is replaced.
 *
 * @throws {RangeError} when a path is no address.
 * @throws {SystemCallError} when somebody listens at `path`, it is no socket, or can't be made.
 */
export function openDgramPort({ path, remote, mode = OWNER_ONLY, mtuBytes }: DgramOptions): DgramSpec {
  // An abstract name has no permissions: whoever shares the network namespace could send.
  if (path.startsWith('@'))
    throw new RangeError(`Cannot listen on socket '${path}': expected an absolute path`);
  const sockaddr = unixAddress(path, 'socket');
  if (remote !== null) unixAddress(remote, 'remote socket');
  const fd = openSocket();
  try {
    setBuffers(fd, RECEIVE_LEN, SEND_LEN);
    // bind(2) gives the file the socket's own mode: it is never open to more than shall be.
    fchmodSync(fd, mode);
    if (isStale(path, sockaddr)) unlinkSync(path);
    if (bind(fd, addressOf(sockaddr), sockaddr.length) < 0) throw bindError(path);
    // Less what the umask took away.
    chmodSync(path, mode);
    return { fd, isConnected: false, remote, mtuBytes };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Takes an end of a socketpair(2) whose other end a machine was given. The descriptor is the port's
 * from then on, also when it is refused.
 *
 * @throws {SystemCallError} when it is no Unix datagram socket.
 */
export function adoptDgramPort(fd: number, mtuBytes: number): DgramSpec {
  if (getOption(fd, SOL_SOCKET, SO_DOMAIN) !== AF_UNIX || getOption(fd, SOL_SOCKET, SO_TYPE) !== SOCK_DGRAM) {
    close(fd);
    throw new SystemCallError(`use descriptor ${fd} as a port: it is no Unix datagram socket`, Errno.EINVAL);
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  setBuffers(fd, RECEIVE_LEN, SEND_LEN);
  return { fd, isConnected: true, remote: null, mtuBytes };
}

/** Closes a port's socket, and removes the file that {@link openDgramPort} made for it. */
export function closeDgramPort(spec: DgramSpec, path: string | null = null): void {
  close(spec.fd);
  if (path !== null && isStale(path, unixAddress(path, 'socket'))) unlinkSync(path);
}

function openSocket(): number {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('open a Unix socket');
  return fd;
}

/** Whether a socket file is there that no socket belongs to: only that may be removed. */
function isStale(path: string, sockaddr: Uint8Array): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  const fd = openSocket();
  try {
    return connect(fd, addressOf(sockaddr), sockaddr.length) < 0 && errno() === Errno.ECONNREFUSED;
  } finally {
    close(fd);
  }
}

function bindError(path: string): SystemCallError {
  const error = new SystemCallError(`listen on socket ${path}`);
  if (error.errno === Errno.EADDRINUSE)
    error.message += '; another process listens there, or it is no socket';
  return error;
}
