/** Columns for a terminal, without borders. */
import type { Colors } from './text-blocks.ts';

const GAP = '  ';

/**
 * Lines of a table, none ended by spaces. Time is linear in the rows: a switch knows stations by
 * the ten thousand.
 *
 * @param rows As many cells each as `head`, without colours.
 */
export function columns(head: readonly string[], rows: readonly (readonly string[])[], c: Colors): string[] {
  const widths = head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
  return [dimmed(line(head), c), ...rows.map(line)];
}

/** The indent stays outside, so that nothing but text is coloured. */
function dimmed(text: string, c: Colors): string {
  const words = text.trimStart();
  return `${text.slice(0, text.length - words.length)}${c.dim(words)}`;
}
