/** Which of an agent's networks a request means, of those that it can be about. */
import { CliError, Exit } from '../cli-error.ts';

/** What a request can name a network by. */
export interface NamedNetwork {
  readonly name: string;
  readonly vni: number;
}

/** The networks that a request can be about, for the operator. */
export interface NetworkKind {
  readonly title: string;
  /** What makes one. */
  readonly hint: string;
  readonly code: string;
}

export const L2: NetworkKind = {
  title: 'L2 network',
  hint: 'mode = "l2" in the config makes one',
  code: 'ERR_ICX_NO_L2',
};

export const WITH_PORTS: NetworkKind = {
  title: 'network with ports',
  hint: 'mode = "l2" or a [[port]] in the config makes one',
  code: 'ERR_ICX_NO_PORTS',
};

export const FOR_GUESTS: NetworkKind = {
  title: 'L3 network that can have guests',
  hint: 'one with interface = false or a [[port]] in the config can, from the start of the agent',
  code: 'ERR_ICX_NO_GUESTS',
};

/**
 * The networks that a question is about: the named one, or all.
 *
 * @param wanted A name or, where no network has that name, a VNI as decimal text.
 * @throws {CliError} when there is none.
 */
export function networksFor<T extends NamedNetwork>(
  all: readonly T[],
  wanted?: string,
  kind: NetworkKind = L2,
): readonly T[] {
  if (all.length === 0) throw noNetwork(kind);
  if (wanted === undefined) return all;
  const found = all.find(({ name }) => name === wanted) ?? all.find(({ vni }) => String(vni) === wanted);
  if (found !== undefined) return [found];
  throw new CliError(`there is no ${kind.title} ${wanted}`, `here are ${list(all)}`, Exit.usage, CHOICE_CODE);
}

/**
 * The network that a request is to change: the named one, or the only one.
 *
 * @param wanted As of `networksFor`.
 * @throws {CliError} when there is none, or several and none is named.
 */
export function networkFor<T extends NamedNetwork>(
  all: readonly T[],
  wanted?: string,
  kind: NetworkKind = L2,
): T {
  const [first, ...others] = networksFor(all, wanted, kind);
  if (first === undefined) throw noNetwork(kind);
  if (others.length === 0) return first;
  throw new CliError(
    `there are several ${kind.title.replace('network', 'networks')}`,
    `name one with --network: ${list(all)}`,
    Exit.usage,
    CHOICE_CODE,
  );
}

export function noNetwork({ title, hint, code }: NetworkKind): CliError {
  return new CliError(`no ${title}`, hint, Exit.failed, code);
}

const CHOICE_CODE = 'ERR_ICX_USAGE';

function list(networks: readonly NamedNetwork[]): string {
  return networks.map(({ name, vni }) => `${name} (vni ${vni})`).join(', ');
}
