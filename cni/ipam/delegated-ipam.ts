/** Addresses that another plugin manages, such as host-local or dhcp. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { CniCode, CniError } from '../cni-error.ts';
import { pluginDirs, type Variables, type Verb } from '../environment.ts';
import { Fields, invalid, isObject } from '../fields.ts';
import { readResult } from '../result.ts';
import type { Ipam, IpamContext } from './ipam.ts';

const MAX_OUTPUT_BYTES = 1024 * 1024;

/** @throws {CniError} 7 when it can't be the name of a plugin. @see CNI specification 1.1, section 4 */
export function delegatedIpam({ config, variables }: IpamContext, type: unknown): Ipam {
  // It becomes part of a path.
  if (typeof type !== 'string' || !/^[\w.-]+$/.test(type) || /^\.+$/.test(type)) {
    throw invalid('ipam.type', type, 'the name of a plugin');
  }
  const run = (verb: Verb) => runPlugin(type, verb, variables, config.text);
  return {
    async add() {
      const text = await run('ADD');
      const fields = new Fields(decode(type, text), `the result of ${type}`);
      const result = readResult(fields);
      if (result.ips.length === 0)
        throw new CniError(CniCode.delegate, `the IPAM plugin ${type} gave no address`);
      return { ...result, interfaces: [], ips: result.ips.map((ip) => ({ ...ip, interface: undefined })) };
    },
    async del() {
      await run('DEL');
    },
    async check() {
      await run('CHECK');
    },
    async gc() {
      await run('GC');
    },
    async status() {
      await run('STATUS');
    },
  };
}

/**
 * Runs a plugin with our own environment and configuration.
 *
 * @returns its standard output.
 * @throws {CniError} with the plugin's own code, or 105.
 */
async function runPlugin(type: string, verb: Verb, variables: Variables, config: string): Promise<string> {
  const path = findPlugin(type, variables);
  const { spawn } = await import('node:child_process');
  const child = spawn(path, [], {
    env: { ...variables, CNI_COMMAND: verb },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A plugin need not read it all.
  child.stdin.on('error', () => undefined);
  child.stdin.end(config);
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_OUTPUT_BYTES) chunks.push(chunk);
  });
  const ending = await new Promise<string | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(new CniError(CniCode.delegate, `cannot run ${path}: ${error.code ?? error.message}`));
    });
    child.on('close', (code, signal) => resolve(code === 0 ? null : `${signal ?? `exit status ${code}`}`));
  });
  const output = Buffer.concat(chunks).toString('utf8');
  if (ending !== null) throw failure(type, ending, output);
  return output;
}

function findPlugin(type: string, variables: Variables): string {
  const dirs = pluginDirs(variables);
  if (dirs.length === 0) {
    throw new CniError(CniCode.badEnvironment, `CNI_PATH is not set, but the IPAM plugin ${type} is needed`);
  }
  const path = dirs.map((dir) => join(dir, type)).find(isExecutable);
  if (path !== undefined) return path;
  throw new CniError(
    CniCode.delegate,
    `the IPAM plugin ${type} is not in CNI_PATH`,
    `searched: ${dirs.join(', ')}`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The plugin's own error where it gave one. */
function failure(type: string, ending: string, output: string): CniError {
  const error = tryDecode(output);
  if (isObject(error) && Number.isInteger(error.code) && typeof error.msg === 'string') {
    return new CniError(
      error.code as number,
      error.msg,
      typeof error.details === 'string' ? error.details : '',
    );
  }
  return new CniError(
    CniCode.delegate,
    `the IPAM plugin ${type} failed (${ending})`,
    output.trim().slice(0, 500),
  );
}

function decode(type: string, output: string): unknown {
  const value = tryDecode(output);
  if (value !== undefined) return value;
  throw new CniError(CniCode.delegate, `the IPAM plugin ${type} gave no JSON`, output.trim().slice(0, 500));
}

function tryDecode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
