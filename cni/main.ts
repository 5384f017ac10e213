#!/usr/bin/env node
/** Entry point of the CNI plugin `icx-cni`, which container runtimes start for every container. */
import { fstatSync, readFileSync } from 'node:fs';
import { runPlugin } from './plugin.ts';

const { exit, stdout } = await runPlugin({
  variables: process.env,
  // A person at a terminal gets an answer, too. process.stdin would cost more than all of VERSION.
  stdin: () => (fstatSync(0).isCharacterDevice() ? '' : readFileSync(0, 'utf8')),
  // Runtimes start plugins as root: its agents are in one place.
  runDir: process.env.ICX_RUN_DIR ?? '/run/icx',
  log: (line) => void process.stderr.write(`icx-cni: ${line}\n`),
});
// What is on its way to a pipe would be lost by process.exit().
process.exitCode = exit;
process.stdout.write(stdout);
