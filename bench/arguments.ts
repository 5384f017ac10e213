/** The command line of `npm run bench`. */

/** Benches by what they are about, in the order they run. */
export const GROUPS = {
  unit: ['checksum', 'segment', 'coalesce', 'seal', 'open', 'parse', 'window', 'spi', 'lpm', 'fdb'],
  pipeline: ['pipeline'],
  scale: ['scale', 'route-change', 'memory', 'cni'],
  relay: ['relay'],
  'end-to-end': ['end-to-end', 'flows', 'l2'],
} as const;

/** Options that take no value; the others of a bench take one. */
const FLAGS: ReadonlySet<string> = new Set(['--quick', '--no-offload']);
const VALUED: ReadonlySet<string> = new Set(['--tunnels', '--base', '--rounds', '--seconds', '--queues']);
/** What the benches of one process a variant understand. */
const COMMON: ReadonlySet<string> = new Set(['--quick']);

export interface BenchCommand {
  readonly kind: 'bench';
  /** In the order they run, none twice. */
  readonly benches: readonly string[];
  /** File for all results, null for none. */
  readonly json: string | null;
  /** Arguments for the benches in namespaces, and for the others. */
  readonly tunnelArguments: readonly string[];
  readonly commonArguments: readonly string[];
}

export interface ReportCommand {
  readonly kind: 'report';
  readonly file: string;
  /** Document to put the tables in, null to print them. */
  readonly into: string | null;
}

export const USAGE = `usage: npm run bench -- [unit | pipeline | scale | relay | end-to-end | NAME]... [--quick] [--json FILE]
           [--tunnels A,B] [--base NAME] [--rounds N] [--seconds N] [--no-offload] [--queues N]
       npm run bench -- report FILE [--into DOCUMENT]`;

/** Whether the bench runs in network namespaces. */
export function isTunnelBench(name: string): boolean {
  return (GROUPS['end-to-end'] as readonly string[]).includes(name);
}

/** @throws {RangeError} that names what is not understood. */
export function parseCommand(argv: readonly string[]): BenchCommand | ReportCommand {
  return argv[0] === 'report' ? parseReport(argv.slice(1)) : parseBench(argv);
}

function parseReport(argv: readonly string[]): ReportCommand {
  const [file, option, into, ...rest] = argv;
  const isRight = option === undefined || (option === '--into' && into !== undefined && rest.length === 0);
  if (file === undefined || file.startsWith('--') || !isRight) throw new RangeError(USAGE);
  return { kind: 'report', file, into: into ?? null };
}

function parseBench(argv: readonly string[]): BenchCommand {
  const chosen = new Set<string>();
  const tunnelArguments: string[] = [];
  let json: string | null = null;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (FLAGS.has(word)) tunnelArguments.push(word);
    else if (word === '--json') json = argumentOf(argv, i++);
    else if (VALUED.has(word)) tunnelArguments.push(word, argumentOf(argv, i++));
    else for (const name of benchesOf(word)) chosen.add(name);
  }
  const all = Object.values(GROUPS).flat();
  return {
    kind: 'bench',
    benches: all.filter((name) => chosen.size === 0 || chosen.has(name)),
    json,
    tunnelArguments,
    commonArguments: tunnelArguments.filter((word) => COMMON.has(word)),
  };
}

function argumentOf(argv: readonly string[], at: number): string {
  const value = argv[at + 1];
  if (value === undefined || value.startsWith('--')) {
    throw new RangeError(`${argv[at]} needs a value\n${USAGE}`);
  }
  return value;
}

/** The benches of a group, or the one of this name. A group's name goes before a bench's. */
function benchesOf(word: string): readonly string[] {
  const group = Object.entries(GROUPS).find(([name]) => name === word);
  if (group !== undefined) return group[1];
  if (Object.values(GROUPS).some((names) => (names as readonly string[]).includes(word))) return [word];
  throw new RangeError(`There is no bench '${word}'\n${USAGE}`);
}
