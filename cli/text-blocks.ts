/** Blocks of lines under a heading, as `wg show` prints them. */
import type pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** A null value leaves its line out. */
export type Row = readonly [label: string, value: string | null];

/** One line a row, indented under its heading. */
export function rows(c: Colors, entries: readonly Row[]): string[] {
  return entries.flatMap(([label, value]) => (value === null ? [] : [`  ${c.bold(label)}: ${value}`]));
}

/** Lines under a heading that is indented itself. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `    ${line}`);
}
