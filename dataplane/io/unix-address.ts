/** Addresses of Unix sockets: `struct sockaddr_un`. @see unix(7) */

export const AF_UNIX = 1;
export const PATH_AT = 2;
/** sizeof(sun_path) */
const PATH_LEN = 108;
/** Longest address. */
export const SOCKADDR_UN_LEN = PATH_AT + PATH_LEN;

/**
 * The address of a path, or of `@name` in the abstract namespace: of that the length counts, it has
 * no end mark.
 *
 * @param what What it is the address of, for errors.
 * @throws {RangeError} when `path` is neither, or does not fit.
 */
export function unixAddress(path: string, what: string): Uint8Array {
  const abstract = path.startsWith('@');
  if (!abstract && !path.startsWith('/')) {
    throw new RangeError(`Cannot use ${what} '${path}': expected an absolute path or @name`);
  }
  const name = new TextEncoder().encode(abstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > PATH_LEN) {
    throw new RangeError(`Cannot use ${what} '${path}': longer than ${PATH_LEN - 1} bytes`);
  }
  // Of a buffer of its own: the memory of short arrays moves.
  const sockaddr = new Uint8Array(new ArrayBuffer(PATH_AT + name.length));
  new DataView(sockaddr.buffer).setUint16(0, AF_UNIX, true);
  sockaddr.set(name, PATH_AT);
  return sockaddr;
}

/** What `unixAddress` was given for an address of `len` bytes; '' where it is unnamed. */
export function unixPath(sockaddr: Uint8Array, len: number): string {
  const name = new TextDecoder().decode(sockaddr.subarray(PATH_AT, Math.max(PATH_AT, len)));
  if (name.startsWith('\0')) return `@${name.slice(1)}`;
  const end = name.indexOf('\0');
  return end < 0 ? name : name.slice(0, end);
}
