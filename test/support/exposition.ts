/** Reads /metrics as Prometheus does, types and labels included. */
import type { Agent } from './agent.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const GET = `fetch(process.argv[1]).then(async (answer) => {
  process.stdout.write(answer.headers.get('content-type') + '\\n' + await answer.text());
});`;

/** @returns The answer's content type, a newline, its body. */
export async function fetchText(agent: Agent, url: string): Promise<string> {
  const { stdout, stderr } = await agent.host.exec([process.execPath, '-e', GET, url]);
  if (stdout === '') throw new Error(`GET ${url} at ${agent.name}: ${stderr}`);
  return stdout;
}

/**
 * Metric families by name; a histogram's parts belong to its family.
 *
 * @throws {Error} for a line that is none of the format, or a sample without a type.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const helps = new Map<string, string>();
  for (const line of text.split('\n').filter(Boolean)) {
    const [, keyword, about = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') helps.set(about, rest);
    else if (keyword === 'TYPE')
      families.set(about, { type: rest, help: helps.get(about) ?? '', samples: [] });
    else addSample(families, line);
  }
  return families;
}

function addSample(families: ReadonlyMap<string, { samples: Sample[] }>, line: string): void {
  const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  if (family === undefined) throw new Error(`no sample of a known type: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [
    label,
    text,
  ]);
  family.samples.push({ labels: Object.fromEntries(pairs), value: Number(value) });
}
