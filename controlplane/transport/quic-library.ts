/**
 * Loads the QUIC library, and makes it let go of what it holds.
 */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type * as Iroh from '@number0/iroh';
import { underFilter } from './quic-sandbox.ts';

export type IrohLibrary = typeof Iroh;
export type IrohEndpoint = Iroh.Endpoint;
export type IrohConnection = Iroh.Connection;
export type IrohStream = Iroh.BiStream;
export type IrohIncoming = Iroh.Incoming;

let library: IrohLibrary | null = null;

/**
 * Loads the library, kept from talking to routers; to be awaited before {@link irohLibrary}.
 *
 * By the path of its index.js: `main` in its package.json names a file that does not exist, and
 * Node.js says so with a deprecation warning (DEP0128). Its watch functions
 * (watchPaths, watchAddr …) abort the process and must not be called.
 *
 * @param onNotice Told once when the library could not be held back.
 */
export async function loadIroh(onNotice: (notice: string) => void): Promise<void> {
  if (library !== null) return;
  const load = () => createRequire(import.meta.url)('@number0/iroh/index.js') as IrohLibrary;
  library = await underFilter(import.meta.url, load).catch((error: Error) => {
    onNotice(`The QUIC library may search for UPnP routers on the local network: ${error.message}`);
    return load();
  });
}

export function irohLibrary(): IrohLibrary {
  if (library === null) throw new TypeError('loadIroh() was not awaited');
  return library;
}

/**
 * Makes the library close the sockets of endpoints that were closed.
 *
 * It keeps them until the JavaScript objects are collected, which may be never in a quiet
 * process; until then the port is taken. A collection costs some milliseconds.
 * The caller must have dropped every reference to the endpoint and its connections.
 */
export async function releaseSockets(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 2; round += 1) {
    // Native finalizers run between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
}
