/** A container's network namespace, held open while it is worked on. */
import { closeSync, fstatSync, openSync, statfsSync, statSync } from 'node:fs';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { AttachError } from './attach-error.ts';
import { type ProgramResult, runProgram } from './run-program.ts';

/** NSFS_MAGIC. @see include/uapi/linux/magic.h */
const NSFS = 0x6e736673;
const OWN = '/proc/self/ns/net';

export class Netns {
  /** Device and inode: no other namespace has them while this one lives. */
  readonly id: string;
  readonly #fd: number;

  private constructor(fd: number, id: string) {
    this.#fd = fd;
    this.id = id;
  }

  /**
   * @param path Of a file that a namespace is mounted on, or of a process's.
   * @throws {AttachError} when there is none, or it is this agent's own.
   */
  static open(path: string): Netns {
    const fd = openPath(path);
    try {
      const { type } = statfsSync(`/proc/self/fd/${fd}`);
      if (type !== NSFS) throw noNetns(`${path} is no network namespace`);
      const id = idOf(fstatSync(fd));
      if (id === idOf(statSync(OWN))) {
        throw new AttachError(AttachCode.unsupported, `${path} is the network namespace of the host itself`);
      }
      return new Netns(fd, id);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** For child processes of this one. By descriptor: what the path leads to may be another one by now. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`;
  }

  /** Runs a program in here. @throws {AttachError} */
  run(argv: readonly string[], input = ''): Promise<ProgramResult> {
    return runProgram('nsenter', [`--net=${this.path}`, ...argv], input);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function openPath(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw noNetns(`cannot open the network namespace ${path}: ${code}`);
  }
}

function noNetns(message: string): AttachError {
  return new AttachError(AttachCode.noNetns, message, 'did the container end?');
}

function idOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}
