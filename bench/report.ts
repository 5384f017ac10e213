/** Turns results into the tables of docs/performance.md. */
import { summaryTables } from './end-to-end/summary.ts';
import { type Comparison, type Figure, type Figures, perSecond, type Results } from './results.ts';
import { type Column, figure, markdownTable } from './text-table.ts';

export const BEGIN = '<!-- tables of npm run bench -->';
export const END = '<!-- end of the tables -->';

/** All tables, with what they were measured on. */
export function renderReport({ machine, command, startedAt, records }: Results): string {
  const about = [
    `- machine: ${machine.cpu}, ${machine.cores} cores`,
    `- kernel: ${machine.kernel}`,
    `- Node.js: ${machine.node}`,
    `- date: ${startedAt.slice(0, 10)}`,
    `- command: \`${command}\``,
  ].join('\n');
  const sections = records.map((record) =>
    record.kind === 'figures' ? renderFigures(record) : renderComparison(record),
  );
  return [about, ...sections].join('\n\n');
}

/** @returns `document` with the text between its markers replaced. @throws {RangeError} when it has none. */
export function replaceTables(document: string, tables: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new RangeError(`The document lacks the lines '${BEGIN}' and '${END}'`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${document.slice(end)}`;
}

function renderFigures({ bench, question, unit, figures, notes }: Figures): string {
  const isCompared = figures.some(({ ratio }) => ratio !== null);
  const isTimed = perSecond(1, unit) !== null;
  const columns: Column[] = [
    { title: 'case', align: 'left' },
    { title: unit, align: 'right' },
    { title: 'least – most', align: 'right' },
    ...(isTimed ? [{ title: 'M/s', align: 'right' } as const] : []),
    ...(isCompared ? [{ title: 'ratio', align: 'right' } as const] : []),
  ];
  const rows = figures.map((own) => [
    own.name,
    figure(own.value),
    `${figure(own.least)} – ${figure(own.most)}`,
    ...(isTimed ? [figure(perSecond(own.value, unit))] : []),
    ...(isCompared ? [ratioText(own)] : []),
  ]);
  const heading = `### ${capitalize(question)}\n\n\`${bench}\`, medians of ${runsText(figures)} runs.`;
  return [heading, markdownTable(columns, rows), ...listOf(notes)].join('\n\n');
}

/** '7', or '10 to 35' where some were run oftener. */
function runsText(figures: readonly Figure[]): string {
  const runs = figures.map((own) => own.runs);
  const [least, most] = [Math.min(...runs), Math.max(...runs)];
  return least === most ? `${least}` : `${least} to ${most}`;
}

function ratioText({ ratio, base }: Figure): string {
  return ratio === null ? '' : `${figure(ratio)} × ${base}`;
}

function renderComparison(comparison: Comparison): string {
  const { question, settings, tunnels, missing, notes } = comparison;
  const tables = summaryTables(comparison).map(
    ({ title, columns, rows }) => `${capitalize(title)}:\n\n${markdownTable(columns, rows)}`,
  );
  const legend = [
    ...tunnels.map(({ name, about }) => `${name}: ${about}`),
    ...missing.map(({ name, hint }) => `${name}: missing here; ${hint}`),
    ...notes,
  ];
  return [`### ${capitalize(question)}\n\n${capitalize(settings)}.`, ...tables, ...listOf(legend)].join(
    '\n\n',
  );
}

function listOf(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.map((line) => `- ${line}`).join('\n')];
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
