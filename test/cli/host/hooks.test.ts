import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HookError, runHooks } from '../../../cli/host/hooks.ts';

function recorder() {
  const info: string[] = [];
  const warn: string[] = [];
  return {
    info,
    warn,
    log: {
      info: (_fields: object, message: string) => info.push(message),
      warn: (_fields: object, message: string) => warn.push(message),
    },
  };
}

/** A zombie that nobody collects, as in containers without init, is not running. */
function isRunning(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z';
  return !/\) Z/.test(stat);
}

describe('runHooks()', () => {
  test('runs commands in order with %i replaced and logs their output by line', async () => {
    const { log, info } = recorder();
    await runHooks('post_up', ['echo one %i; echo two >&2', 'printf "three %i-%i"'], 'icx0', log);
    expect(info.sort()).toEqual(['one icx0', 'three icx0-icx0', 'two']);
  });

  test.each(['pre_up', 'post_up'] as const)('%s stops at the first failure', async (stage) => {
    const { log, info } = recorder();
    const error = await runHooks(stage, ['echo before; exit 3', 'echo after'], 'icx0', log).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(HookError);
    expect(error).toHaveProperty(
      'message',
      `Cannot run ${stage} command 'echo before; exit 3': exit status 3`,
    );
    expect(info).toEqual(['before']);
  });

  test.each(['pre_down', 'post_down'] as const)('%s warns and goes on', async (stage) => {
    const { log, info, warn } = recorder();
    await runHooks(stage, ['false', 'echo after'], 'icx0', log);
    expect(warn).toEqual([`Cannot run ${stage} command 'false': exit status 1`]);
    expect(info).toEqual(['after']);
  });

  test('kills a command that runs too long, with all it started', async () => {
    const { log, info } = recorder();
    const error = await runHooks('pre_up', ['sleep 61.25 & echo $!; wait'], 'icx0', log, {
      timeoutMs: 300,
    }).catch((reason: unknown) => reason);
    expect(error).toHaveProperty('message', expect.stringContaining('still running after 0.3 s'));
    const pid = Number(info[0]);
    expect(pid).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isRunning(pid)).toBe(false);
  });

  test('kills what runs when interrupted, and starts no other', async () => {
    const { log, info } = recorder();
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(), 200);
    const commands = ['echo $$; exec sleep 62.25', 'echo after'];
    const options = { interrupt: interrupt.signal };
    await expect(runHooks('pre_up', commands, 'icx0', log, options)).rejects.toThrow('interrupted');
    await expect(runHooks('pre_up', ['echo after'], 'icx0', log, options)).rejects.toThrow('interrupted');
    expect(info).toHaveLength(1);
    expect(isRunning(Number(info[0]))).toBe(false);
  });

  test('does not wait for what a hook leaves in the background', async () => {
    const { log, info } = recorder();
    const startedAtMs = performance.now();
    await runHooks('post_up', ['sleep 5 & echo $!'], 'icx0', log);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    process.kill(Number(info[0]));
  });
});
