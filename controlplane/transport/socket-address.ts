/**
 * Underlay addresses as text: which to bind, how to join address and port, how to part them.
 */
import { isIP } from 'node:net';
import { TransportError } from './transport.ts';

/** Address and port as the libraries and URLs write them: IPv6 in brackets. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as the operator writes it: sockets for both families show IPv4 as ::ffff:192.0.2.1. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

/**
 * What bounds on strangers count by: an IPv4 address, or the /64 that one IPv6 host may have all
 * addresses of.
 *
 * @see RFC 4291 §2.5.4, RFC 7934 §4
 */
export function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':');
    // Dotted IPv4 at the end stands for two groups.
    const written = groups.length + behind.length + (tail.includes('.') ? 1 : 0);
    groups.push(...Array<string>(8 - written).fill('0'), ...behind);
  }
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}

/** The address of `192.0.2.1:6082` or `[2001:db8::1]:6082`. */
export function hostOf(hostPort: string): string {
  return plainAddress(hostPort.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
}

/**
 * Which sockets the QUIC library binds.
 *
 * Both families are always named: for one that is not, the library opens a wildcard socket.
 * The family nobody asked for gets a loopback socket on any port.
 *
 * @throws {TransportError} when `listen` is no IP address
 */
export function bindAddresses(listen: string, port: number): string[] {
  if (listen === '::') return [joinHostPort('::', port), joinHostPort('0.0.0.0', port)];
  const family = isIP(listen);
  if (family === 0) {
    throw new TransportError(
      'ERR_ICX_TRANSPORT_BIND',
      `Cannot listen on ${listen}: expected an IPv4 or IPv6 address`,
      'set listen to an address of this host, 0.0.0.0 or ::',
    );
  }
  return [joinHostPort(listen, port), family === 4 ? '[::1]:0' : '127.0.0.1:0'];
}

/**
 * Refuses what no socket of ours can reach, at once and not by a timeout.
 *
 * @throws {TransportError} for host names, and for the family that `listen` leaves out
 */
export function checkReachable(listen: string, host: string, port: number): void {
  const family = isIP(host);
  if (family === 0) throw unreachable(host, port, 'expected an IP address', 'resolve the host name first');
  if (listen === '::' || family === isIP(listen)) return;
  throw unreachable(
    host,
    port,
    `it is IPv${family}, and the control port is bound to ${listen} only`,
    "set listen = '::' for both IPv4 and IPv6",
  );
}

function unreachable(host: string, port: number, why: string, hint: string): TransportError {
  return new TransportError(
    'ERR_ICX_TRANSPORT_UNREACHABLE',
    `Cannot dial ${joinHostPort(host, port)}: ${why}`,
    hint,
  );
}
