#!/usr/bin/env node
/** Entry point of the program. */
import { processContext } from './cli-context.ts';
import { Exit } from './cli-error.ts';
import { flush } from './flush.ts';
import { run } from './program.ts';

// `icx status | head` closes the pipe early: nobody is left to tell. What else fails is told below.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(Exit.done);
});
// An agent outlives whoever read its stderr.
process.stderr.on('error', () => undefined);

let exit = await run(process.argv.slice(2), processContext());
const failure = await flush(process.stdout);
if (failure !== null) {
  process.stderr.write(`icx: cannot write the output: ${failure.code ?? failure.message}\n`);
  if (exit === Exit.done) exit = Exit.failed;
}
await flush(process.stderr);
// Native libraries may keep handles open.
process.exit(exit);
