/** Numbers and texts as people read them. */

const BINARY_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** "592 B", "1.21 KiB", "3.40 GiB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  const power = Math.min(BINARY_UNITS.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(2)} ${BINARY_UNITS[power - 1] ?? ''}`;
}

const TIME_UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** As `wg` does: "1 day, 2 hours, 3 minutes, 4 seconds". */
export function formatAge(seconds: number): string {
  let rest = Math.floor(seconds);
  const parts: string[] = [];
  for (const [unit, size] of TIME_UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(plural(count, unit));
  }
  return parts.length === 0 ? 'less than a second' : parts.join(', ');
}

/** "1 packet", "2 packets". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** "0.42 ms", "35.1 ms", "1.20 s". */
export function formatLatency(seconds: number): string {
  const ms = seconds * 1000;
  if (ms >= 1000) return `${seconds.toFixed(2)} s`;
  return ms >= 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

/** Text that came from elsewhere, without what would move a terminal's cursor or forge a line. */
export function printable(text: string): string {
  return text.replace(/\p{C}+/gu, '�');
}
