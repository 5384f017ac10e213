/** Which of an agent's L2 networks a request means. */
import { CliError, Exit } from '../cli-error.ts';

/** What a request can name a network by. */
export interface NamedNetwork {
  readonly name: string;
  readonly vni: number;
}

/**
 * The networks that a question is about: the named one, or all.
 *
 * @param wanted A name or, where no network has that name, a VNI as decimal text.
 * @throws {CliError} when there is none.
 */
export function networksFor<T extends NamedNetwork>(l2: readonly T[], wanted?: string): readonly T[] {
  if (l2.length === 0) throw noL2Network();
  if (wanted === undefined) return l2;
  const found = l2.find(({ name }) => name === wanted) ?? l2.find(({ vni }) => String(vni) === wanted);
  if (found !== undefined) return [found];
  throw new CliError(`there is no L2 network ${wanted}`, `here are ${list(l2)}`, Exit.usage, CHOICE_CODE);
}

/**
 * The network that a request is to change: the named one, or the only one.
 *
 * @param wanted As of `networksFor`.
 * @throws {CliError} when there is none, or several and none is named.
 */
export function networkFor<T extends NamedNetwork>(l2: readonly T[], wanted?: string): T {
  const [first, ...others] = networksFor(l2, wanted);
  if (first === undefined) throw noL2Network();
  if (others.length === 0) return first;
  throw new CliError(
    'there are several L2 networks',
    `name one with --network: ${list(l2)}`,
    Exit.usage,
    CHOICE_CODE,
  );
}

export function noL2Network(): CliError {
  return new CliError('no L2 network', 'mode = "l2" in the config makes one', Exit.failed, 'ERR_ICX_NO_L2');
}

const CHOICE_CODE = 'ERR_ICX_USAGE';

function list(networks: readonly NamedNetwork[]): string {
  return networks.map(({ name, vni }) => `${name} (vni ${vni})`).join(', ');
}
