#!/usr/bin/env node
/** Entry point of the program. */
import { processContext } from './cli-context.ts';
import { Exit } from './cli-error.ts';
import { run } from './program.ts';

// `icx status | head` closes the pipe early: nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? Exit.done : Exit.failed);
});
// An agent outlives whoever read its stderr.
process.stderr.on('error', () => undefined);

// Native libraries may keep handles open; stdout and stderr are written synchronously on Linux.
process.exit(await run(process.argv.slice(2), processContext()));
