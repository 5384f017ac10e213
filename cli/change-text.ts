/** `icx reload` and `icx check` for people: what changed, or would. */
import type { Change, ReloadReport } from './admin-api.ts';
import { printable } from './format.ts';

const SIGN: Readonly<Record<Change['kind'], string>> = { added: '+', removed: '-', changed: '~' };

const RESTART = { reload: ' (not applied: needs a restart)', plan: ' (needs a restart)' } as const;

/** A line for each change, then what it takes. */
export function renderChanges(report: ReloadReport): string {
  const { changes } = report;
  if (changes.length === 0) return `${report.interface}: nothing changes\n`;
  const lines = changes.map((change) => {
    const detail = change.detail === '' ? '' : `: ${printable(change.detail)}`;
    const restart = change.needs_restart ? RESTART[report.applied ? 'reload' : 'plan'] : '';
    return `  ${SIGN[change.kind]} ${printable(change.subject)}${detail}${restart}`;
  });
  const heading = report.applied ? 'changed' : 'icx reload would change';
  return `${report.interface}: ${heading}\n${lines.join('\n')}\n`;
}
