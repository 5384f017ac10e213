/** A command line without a process: its streams are texts, its directories temporary. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliContext } from '../../cli/cli-context.ts';
import { run } from '../../cli/program.ts';

export interface RunResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class FakeCli {
  readonly dir = mkdtempSync(join(tmpdir(), 'icx-cli-'));
  readonly runDir = join(this.dir, 'run');

  async run(
    argv: readonly string[],
    changes: Partial<CliContext> & { input?: string } = {},
  ): Promise<RunResult> {
    let stdout = '';
    let stderr = '';
    const { input = '', ...rest } = changes;
    const exit = await run(argv, {
      stdin: (async function* () {
        yield Buffer.from(input);
      })(),
      write: (text) => {
        stdout += text;
      },
      writeError: (text) => {
        stderr += text;
      },
      colors: false,
      stderrIsTerminal: false,
      stdoutIsOpenFile: false,
      configDir: this.dir,
      runDir: this.runDir,
      ...rest,
    });
    return { exit, stdout, stderr };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
