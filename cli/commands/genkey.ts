/** `icx genkey` and `icx genpsk`: make secrets. The only commands that print any. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { encodeKey, generateSeed } from '../../controlplane/key-text.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError } from '../cli-error.ts';

interface GenkeyOptions {
  readonly out?: string;
}

export function addGenkey(program: Command, context: CliContext): void {
  program
    .command('genkey')
    .description('make a private key and print it')
    .option('-o, --out <FILE>', 'write it to a new file that only its owner may read')
    .action((options: GenkeyOptions) => emitSecret(options.out, context));
}

export function addGenpsk(program: Command, context: CliContext): void {
  program
    .command('genpsk')
    .description('make a preshared key and print it')
    .option('-o, --out <FILE>', 'write it to a new file that only its owner may read')
    .action((options: GenkeyOptions) => emitSecret(options.out, context));
}

/** A private key and a preshared key are both 32 random bytes. */
function emitSecret(file: string | undefined, context: CliContext): void {
  const secret = generateSeed();
  const line = `${encodeKey(secret)}\n`;
  secret.fill(0);
  if (file !== undefined) {
    writeNewFile(file, line);
    return;
  }
  if (context.stdoutIsOpenFile) {
    context.writeError(
      'icx: warning: the output file is readable by others; run chmod 600 on it, or use --out\n',
    );
  }
  context.write(line);
}

/** The open itself refuses an existing file, so that no key is ever lost to a typing error. */
function writeNewFile(file: string, line: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new CliError(`${file} exists and is not overwritten`, 'choose another name, or remove it first');
    }
    const hint = code === 'ENOENT' ? 'make its directory first' : 'check the permissions of its directory';
    throw new CliError(`cannot write ${file}: ${code}`, hint);
  }
  try {
    writeSync(descriptor, line);
  } finally {
    closeSync(descriptor);
  }
}
