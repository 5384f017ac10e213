/** What a runtime says in environment variables: the verb, and the container that it is about. */
import { CniCode, CniError } from './cni-error.ts';

export const VERBS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Verb = (typeof VERBS)[number];

/** Variables by name, as a process has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface Container {
  readonly containerId: string;
  readonly ifname: string;
  /** Path of the network namespace; empty where the runtime does not know it any more. */
  readonly netns: string;
}

/** Of a container's interface, within one configuration. */
export function containerKey(container: { readonly containerId: string; readonly ifname: string }): string {
  return `${container.containerId}/${container.ifname}`;
}

/** @throws {CniError} 4 */
export function readVerb(variables: Variables): Verb {
  const text = variables.CNI_COMMAND ?? '';
  if (text === '') throw refusal('CNI_COMMAND is not set', 'a container runtime starts this program');
  const verb = VERBS.find((candidate) => candidate === text);
  if (verb !== undefined) return verb;
  throw refusal(`CNI_COMMAND ${JSON.stringify(text)} is unknown`, `expected one of ${VERBS.join(', ')}`);
}

/**
 * @param netnsRequired False for DEL alone.
 * @throws {CniError} 4
 * @see CNI specification 1.1, section 2, "Parameters"
 */
export function readContainer(variables: Variables, netnsRequired: boolean): Container {
  const containerId = required(variables, 'CNI_CONTAINERID');
  // It becomes part of messages and files.
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(containerId)) {
    throw refusal(
      `CNI_CONTAINERID ${JSON.stringify(containerId)} is not valid`,
      'expected a letter or digit, then letters, digits, dots, hyphens and underscores',
    );
  }
  const ifname = required(variables, 'CNI_IFNAME');
  checkIfname(ifname);
  const netns = netnsRequired ? required(variables, 'CNI_NETNS') : (variables.CNI_NETNS ?? '');
  if (netns !== '' && !netns.startsWith('/')) {
    throw refusal(`CNI_NETNS ${JSON.stringify(netns)} is not valid`, 'expected an absolute path');
  }
  return { containerId, ifname, netns };
}

/** The kernel's rule, with bytes for characters. @see dev_valid_name() in net/core/dev.c */
function checkIfname(ifname: string): void {
  const problem =
    Buffer.byteLength(ifname) > 15
      ? 'it is longer than 15 bytes'
      : /[/:\s]/.test(ifname)
        ? 'it has a slash, a colon or a space'
        : ifname === '.' || ifname === '..'
          ? 'it is the name of a directory'
          : null;
  if (problem !== null) throw refusal(`CNI_IFNAME ${JSON.stringify(ifname)} is not valid: ${problem}`);
}

/** `CNI_ARGS`: names and values, as in "IP=10.1.0.5;K8S_POD_NAME=web". @throws {CniError} 4 */
export function readArgs(variables: Variables): ReadonlyMap<string, string> {
  const pairs = (variables.CNI_ARGS ?? '').split(';').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const equalsAt = pair.indexOf('=');
      if (equalsAt > 0) return [pair.slice(0, equalsAt), pair.slice(equalsAt + 1)];
      throw refusal(
        `CNI_ARGS has ${JSON.stringify(pair)}`,
        'expected NAME=VALUE pairs with semicolons between',
      );
    }),
  );
}

/** Directories with plugins, in the order in which they are searched. */
export function pluginDirs(variables: Variables): string[] {
  return (variables.CNI_PATH ?? '').split(':').filter((dir) => dir !== '');
}

function required(variables: Variables, name: string): string {
  const value = variables[name] ?? '';
  if (value === '') throw refusal(`${name} is not set`);
  return value;
}

function refusal(message: string, details = ''): CniError {
  return new CniError(CniCode.badEnvironment, message, details);
}
