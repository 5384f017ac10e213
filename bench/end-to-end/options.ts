/** The options of the end-to-end benches. */
import { parseArgs } from 'node:util';

export interface EndToEndOptions {
  /** Names of the tunnels to compare; null for all that are installed. */
  readonly tunnels: readonly string[] | null;
  /** Name of the tunnel that the others are compared with; null for the standard one. */
  readonly base: string | null;
  readonly rounds: number;
  /** Of each throughput test. */
  readonly seconds: number;
  /** Whether the underlay carries single packets only. */
  readonly noOffload: boolean;
  /** Of icx; null leaves it to icx. */
  readonly queues: number | null;
  /** File for the results, null for none. */
  readonly json: string | null;
}

const MAX_ROUNDS = 100;
const MAX_SECONDS = 600;
const MAX_QUEUES = 64;
/** Few rounds, as `npm run bench` makes them with everything else. */
const ROUNDS = 2;
const SECONDS = 2;

/**
 * @param argv What follows the program's name.
 * @throws {RangeError} for a value out of range; {TypeError} for an unknown option.
 */
export function parseOptions(argv: readonly string[]): EndToEndOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      tunnels: { type: 'string' },
      base: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      queues: { type: 'string' },
      json: { type: 'string' },
      'no-offload': { type: 'boolean' },
      // Here for the sake of a command line that is one for all benches.
      quick: { type: 'boolean' },
    },
  });
  return {
    tunnels: values.tunnels?.split(',').filter(Boolean) ?? null,
    base: values.base ?? null,
    rounds: integer('rounds', values.rounds ?? `${values.quick === true ? 1 : ROUNDS}`, MAX_ROUNDS),
    seconds: integer('seconds', values.seconds ?? `${SECONDS}`, MAX_SECONDS),
    noOffload: values['no-offload'] ?? false,
    queues: values.queues === undefined ? null : integer('queues', values.queues, MAX_QUEUES),
    json: values.json ?? null,
  };
}

function integer(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new RangeError(`Cannot use --${name} ${text}: expected 1 to ${most}`);
}
