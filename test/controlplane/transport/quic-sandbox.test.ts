import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadIroh } from '../../../controlplane/transport/quic-library.ts';

/** Threads by their seccomp mode: 0 none, 2 filter. @see proc_pid_status(5) */
function threads(): Map<string, string[]> {
  const byMode = new Map<string, string[]>();
  for (const id of readdirSync('/proc/self/task')) {
    const status = readFileSync(`/proc/self/task/${id}/status`, 'utf8');
    const mode = /^Seccomp:\t(\d)/m.exec(status)?.[1] ?? 'unknown';
    byMode.set(mode, [...(byMode.get(mode) ?? []), id]);
  }
  return byMode;
}

describe('underFilter()', () => {
  test('puts the threads of the QUIC library under the filter, and no other', async () => {
    const before = [...threads().values()].flat();
    const notices: string[] = [];
    await loadIroh((notice) => notices.push(notice));
    expect(notices).toEqual([]);
    const filtered = threads().get('2') ?? [];
    expect(filtered.length).toBeGreaterThan(0);
    expect(filtered.filter((id) => before.includes(id))).toEqual([]);
  });
});
