/** Waits until a stream's text is where it goes, because process.exit() drops what still waits. */
import type { Writable } from 'node:stream';

/**
 * Resolves once all that was written is out, or the stream failed.
 *
 * A pipe takes 64 KiB at once; the rest waits in this process for its reader. The stream needs a
 * listener for its errors.
 *
 * @returns What the stream failed with, or null.
 */
export async function flush(stream: Writable): Promise<NodeJS.ErrnoException | null> {
  return await new Promise((resolve) => {
    // What made the stream fail says more than that it can't be written any more.
    stream.write('', (error) => resolve(stream.errored ?? error ?? null));
  });
}
