/** Reads a key from a file that only its owner may read. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { decodeKey } from '../../controlplane/key-text.ts';
import { ValueError } from './text-values.ts';

/** A key is 44 characters; more than this is the wrong file. */
const MAX_KEY_FILE_BYTES = 256;
const KEY_TEXT = /^[A-Za-z0-9+/]{43}=?$/;
/** Read and write permission of group and others. */
const OTHERS_MODE = 0o066;

/**
 * The 32 bytes that base64 text stands for. The text never gets into the error.
 *
 * @param what Name of the value, for the error.
 * @throws {ValueError}
 */
export function parseKey(text: string, what: string): Uint8Array {
  try {
    return decodeKey(text);
  } catch {
    throw new ValueError(
      `${what} is not a key (${text.length} characters)`,
      'expected 44 characters of base64 ending in =, as icx genkey and icx pubkey print them',
    );
  }
}

/** @throws {ValueError} when group or others may read or write the file. */
export function checkOwnerOnly(mode: number, file: string, what: string): void {
  if ((mode & OTHERS_MODE) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  throw new ValueError(`${what} ${file} is open to group or others (mode ${octal})`, `run chmod 600 ${file}`);
}

/**
 * @param file Absolute, or relative to the config file's directory.
 * @param what Name of the config key, for the error.
 * @throws {ValueError} when it is missing, unreadable, readable by others, or not a key.
 */
export function readKeyFile(file: string, configFile: string, what: string): Uint8Array {
  // A mistake that would print the key as a missing file.
  if (KEY_TEXT.test(file)) throw new ValueError(`${what} holds a key, not a path`, 'write the key to a file');
  const path = resolve(dirname(configFile), file);
  const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES);
  try {
    const length = readOwnerOnly(path, bytes, what);
    return parseKey(bytes.toString('latin1', 0, length).trim(), `content of ${what} ${path}`);
  } finally {
    bytes.fill(0);
  }
}

/** Mode and content come from one descriptor, so that nobody can swap the file in between. */
function readOwnerOnly(path: string, into: Buffer, what: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw unreadable(path, error, what);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new ValueError(`${what} ${path} is not a regular file`);
    checkOwnerOnly(stat.mode, path, what);
    return readSync(descriptor, into);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(path: string, error: unknown, what: string): ValueError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOENT') {
    const maker = what === 'preshared_key_file' ? 'icx genpsk > FILE' : 'icx genkey --out FILE';
    return new ValueError(`${what} ${path} does not exist`, `make one with ${maker}`);
  }
  return new ValueError(`cannot read ${what} ${path}: ${code}`, code === 'EACCES' ? 'run as root' : '');
}
