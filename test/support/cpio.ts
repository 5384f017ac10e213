/** Writes archives of the kind that Linux takes for an initial file system. */

export interface ArchiveEntry {
  /** Path without a leading slash; its directories come before it. */
  readonly path: string;
  /** Type and permissions as in `st_mode`. */
  readonly mode: number;
  /** Content of a file, target of a link, nothing of a directory. */
  readonly content?: Uint8Array;
}

export const Mode = { directory: 0o040755, program: 0o100755, file: 0o100644, link: 0o120777 } as const;

const MAGIC = '070701';
const TRAILER = { path: 'TRAILER!!!', mode: 0 } as const;

/** An archive in the "new ASCII" format, uncompressed. @see Documentation/driver-api/early-userspace/buffer-format.rst */
export function writeCpio(entries: readonly ArchiveEntry[]): Buffer {
  return Buffer.concat([...entries, TRAILER].map((entry, index) => writeEntry(entry, index + 1)));
}

function writeEntry({ path, mode, content = Buffer.alloc(0) }: ArchiveEntry, inode: number): Buffer {
  const nameLen = Buffer.byteLength(path) + 1;
  // Owner, group, one link, no time; then device and special-file numbers, and no checksum.
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameLen, 0];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`${header}${path}\0`)), padded(content)]);
}

/** Names with their headers, and contents, end at multiples of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
