/** Where agents put their admin sockets. */
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AdminCode, AdminError } from './admin-error.ts';

export const SYSTEM_DIR = '/run/icx';
/** Anybody may make a directory there, also one with another user's name. */
const SHARED_DIR = '/tmp';

/**
 * The directory that `ICX_RUN_DIR` names: several hosts simulated on one machine need one each. Else
 * root has one for the host, and every other user one of their own.
 *
 * @see XDG Base Directory Specification, XDG_RUNTIME_DIR
 */
export function runDirOf(env: NodeJS.ProcessEnv, uid: number): string {
  if (env.ICX_RUN_DIR !== undefined) return env.ICX_RUN_DIR;
  if (uid === 0) return SYSTEM_DIR;
  const own = env.XDG_RUNTIME_DIR;
  return own?.startsWith('/') === true ? join(own, 'icx') : join(SHARED_DIR, `icx-${uid}`);
}

/** What to add to a hint where no agent is found: an ordinary user finds their own alone. */
export function orAsRoot(dir: string, env: NodeJS.ProcessEnv = process.env, uid: number = UID): string {
  const isOwn = uid !== 0 && env.ICX_RUN_DIR === undefined && dir === runDirOf(env, uid);
  return isOwn ? ', or look for those of root as root' : '';
}

const UID = process.geteuid?.() ?? 0;

export const RUN_DIR = runDirOf(process.env, UID);

/**
 * Makes the directory with mode 0700, unless it is there.
 *
 * @throws {AdminError} as of `refuseForeignDir`.
 */
export function makeRunDir(dir: string, uid: number = UID, shared: string = SHARED_DIR): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  refuseForeignDir(dir, uid, shared);
}

/**
 * Refuses a directory in /tmp that another user made or may write to: they could put a socket of
 * theirs in the place of ours. One that is not there is fine.
 *
 * @throws {AdminError}
 */
export function refuseForeignDir(dir: string, uid: number = UID, shared: string = SHARED_DIR): void {
  if (dir !== join(shared, `icx-${uid}`)) return;
  const found = lstatSync(dir, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return;
  const message = `${dir} is not a directory of this user alone`;
  throw new AdminError(AdminCode.socket, message, 'remove it, or name another with ICX_RUN_DIR');
}
