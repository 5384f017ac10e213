/** `icx pubkey`: the public key of a private one. */
import type { Command } from 'commander';
import { decodeKey, encodeKey } from '../../controlplane/key-text.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError } from '../cli-error.ts';

/** A key is 45 bytes with its line end; more is something else. */
const MAX_INPUT_BYTES = 4096;

export function addPubkey(program: Command, context: CliContext): void {
  program
    .command('pubkey')
    .description('read a private key from stdin and print its public key')
    .action(async () => {
      const seed = await readSeed(context);
      const { identityFromSeed, wipeIdentity } = await import('../../controlplane/identity.ts');
      const identity = identityFromSeed(seed);
      seed.fill(0);
      wipeIdentity(identity);
      context.write(`${encodeKey(identity.publicKey)}\n`);
    });
}

async function readSeed(context: CliContext): Promise<Uint8Array> {
  let text = '';
  for await (const chunk of context.stdin) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
    if (text.length > MAX_INPUT_BYTES) break;
  }
  try {
    return decodeKey(text.trim());
  } catch {
    throw new CliError(
      'stdin has no private key: expected 44 characters of base64',
      'use icx pubkey < private.key',
    );
  }
}
