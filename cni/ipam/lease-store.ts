/**
 * Addresses that are given away, on disk, shared by any number of processes that may die at any time.
 *
 *     DIR/10.1.0.5/TOKEN    a lease: JSON that names its owner
 *     DIR/.new-…/TOKEN      one that is being made
 *     DIR/.last-N           the address that range set N gave away last
 *
 * There is no lock that could be left behind. rename(2) puts a directory with the lease in the place of
 * the address: it fails while another lease is there, and takes the place of an empty directory. A lease
 * ends when its file goes; its token is never used again, so that no late process removes another's.
 *
 * Nothing waits for the disk: what a power failure loses or damages is of containers that it ended, too,
 * and the next boot takes leases of the one before for void.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseIp } from '../../dataplane/wire/ip-text.ts';
import { ioError } from '../cni-error.ts';
import { isObject } from '../fields.ts';

export interface LeaseOwner {
  readonly containerId: string;
  readonly ifname: string;
  /** Path of its network namespace. */
  readonly netns: string;
}

export interface Lease extends LeaseOwner {
  /** Canonical text. */
  readonly address: string;
  /** The boot of the host in which it was made. */
  readonly bootId: string;
  readonly token: string;
}

const NEW_PREFIX = '.new-';
const NEW_FILE = { flag: 'wx', mode: 0o600 } as const;
const ATTEMPTS = 16;

/** Methods throw CniError 5 when the disk does not work. */
export class LeaseStore {
  readonly #dir: string;
  readonly #bootId: string;

  /** @param dir Made when a lease is. */
  constructor(dir: string, bootId: string) {
    this.#dir = dir;
    this.#bootId = bootId;
  }

  /**
   * Gives one of the addresses away: the first that is free.
   *
   * @param candidates Tried in their order.
   * @returns null when none of them was free.
   */
  reserve(candidates: Iterable<string>, owner: LeaseOwner): Lease | null {
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      const token = newToken(this.#bootId);
      const draft = this.#draft(token, owner);
      for (const address of candidates) {
        if (!this.#place(draft, address)) continue;
        return { ...owner, address, bootId: this.#bootId, token };
      }
      rmSync(draft.path, { recursive: true, force: true });
      return null;
    } catch (error) {
      throw ioError(`cannot reserve an address in ${this.#dir}`, error);
    }
  }

  #draft(token: string, owner: LeaseOwner): Draft {
    const draft = {
      path: join(this.#dir, `${NEW_PREFIX}${token}`),
      token,
      text: leaseText(owner, this.#bootId),
    };
    writeDraft(draft);
    return draft;
  }

  #place(draft: Draft, address: string): boolean {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        renameSync(draft.path, join(this.#dir, address));
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
        // Another process, which can't see ours, took the draft for abandoned.
        if (code !== 'ENOENT') throw error;
        rmSync(draft.path, { recursive: true, force: true });
        writeDraft(draft);
      }
    }
    throw new Error('other processes keep removing what is being made');
  }

  /** All leases, in no order. What a power failure left unreadable is a lease of no container and no boot. */
  list(): Lease[] {
    try {
      return this.#names().flatMap((name) => (parseIp(name) === null ? [] : this.#leasesOf(name)));
    } catch (error) {
      throw ioError(`cannot read the leases in ${this.#dir}`, error);
    }
  }

  #leasesOf(address: string): Lease[] {
    const dir = join(this.#dir, address);
    return readNames(dir).flatMap((token) => {
      const text = readText(join(dir, token));
      return text === null ? [] : [{ ...readLease(text), address, token }];
    });
  }

  /** The lease of an address; null when it is free. */
  find(address: string): Lease | null {
    return this.#leasesOf(address)[0] ?? null;
  }

  /** Idempotent: a lease that is gone stays gone, and one that followed it is left alone. */
  release(lease: Lease): void {
    const dir = join(this.#dir, lease.address);
    try {
      unlinkSync(join(dir, lease.token));
      removeEmpty(dir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw ioError(`cannot release ${lease.address} in ${this.#dir}`, error);
    }
  }

  /** The address that a range set gave away last; null when there is none. */
  last(setIndex: number): string | null {
    const text = readText(join(this.#dir, `.last-${setIndex}`))?.trim() ?? '';
    return parseIp(text) === null ? null : text;
  }

  /** A hint for the next allocation; two processes at once may overwrite each other. */
  setLast(setIndex: number, address: string): void {
    const draft = join(this.#dir, `${NEW_PREFIX}${newToken(this.#bootId)}`);
    try {
      writeFileSync(draft, `${address}\n`, NEW_FILE);
      renameSync(draft, join(this.#dir, `.last-${setIndex}`));
    } catch (error) {
      // Without the hint the next search only takes longer.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw ioError(`cannot note the last address in ${this.#dir}`, error);
      }
    }
  }

  /** Removes what processes that are gone left half made, and half removed. */
  sweep(): void {
    try {
      for (const name of this.#names()) {
        const path = join(this.#dir, name);
        if (!name.startsWith(NEW_PREFIX)) removeEmpty(path);
        else if (isAbandoned(name.slice(NEW_PREFIX.length), this.#bootId)) {
          rmSync(path, { recursive: true, force: true });
        }
      }
    } catch (error) {
      throw ioError(`cannot clear up ${this.#dir}`, error);
    }
  }

  #names(): string[] {
    return readNames(this.#dir);
  }
}

interface Draft {
  readonly path: string;
  readonly token: string;
  readonly text: string;
}

/** Boot, process and time: no other lease of this host ever has the same. */
function newToken(bootId: string): string {
  return `${bootId.slice(0, 8)}-${process.pid}-${process.hrtime.bigint()}`;
}

function isAbandoned(token: string, bootId: string): boolean {
  const [boot, pid] = token.split('-');
  return boot !== bootId.slice(0, 8) || !existsSync(`/proc/${pid}`);
}

function leaseText(owner: LeaseOwner, bootId: string): string {
  const { containerId, ifname, netns } = owner;
  return `${JSON.stringify({ containerId, ifname, netns, bootId })}\n`;
}

function readLease(text: string): Omit<Lease, 'address' | 'token'> {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Below it is a lease of nobody.
  }
  const field = (name: string) => (isObject(json) && typeof json[name] === 'string' ? json[name] : '');
  return {
    containerId: field('containerId'),
    ifname: field('ifname'),
    netns: field('netns'),
    bootId: field('bootId'),
  };
}

function writeDraft(draft: Draft): void {
  mkdirSync(draft.path, { mode: 0o700 });
  writeFileSync(join(draft.path, draft.token), draft.text, NEW_FILE);
}

/** Leaves a directory that another lease is in. */
function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
  }
}

/** Empty when there is no such directory: another process may remove it any time. */
function readNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
