/** A temporary directory with keys and configs, for tests of the command line. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../cli/config/config-error.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import { identityFromSeed } from '../../../controlplane/identity.ts';
import { encodeKey } from '../../../controlplane/key-text.ts';

/** Key pairs that are the same in every run: seed of 32 equal bytes. */
export function seedText(byte: number): string {
  return encodeKey(new Uint8Array(32).fill(byte));
}

export function publicKeyText(byte: number): string {
  return encodeKey(identityFromSeed(new Uint8Array(32).fill(byte)).publicKey);
}

export class ConfigDir {
  readonly path = mkdtempSync(join(tmpdir(), 'icx-config-'));

  constructor() {
    this.write('own.key', `${seedText(1)}\n`, 0o600);
  }

  /** @returns the path of the file. */
  write(name: string, text: string | Buffer, mode = 0o644): string {
    const file = join(this.path, name);
    writeFileSync(file, text, { mode });
    chmodSync(file, mode);
    return file;
  }

  /** What is wrong with a config of this text, a line a problem, with the directory left out. */
  problems(text: string | Buffer, mode = 0o644, name = 'icx0.toml'): string[] {
    const file = this.write(name, text, mode);
    try {
      loadConfig(file);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message.split('\n').map((line) => line.replaceAll(`${this.path}/`, ''));
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
