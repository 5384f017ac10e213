/** What the agent remembers of each attachment, one file each, so that it survives any end of the agent. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ATTACH, ATTACHED, type AttachmentKey } from '../../cni/attach-api.ts';
import { hostEndName } from './link-names.ts';

/** Written before anything is made, changed when all is, and changed again before it is removed. */
export const RECORD_STATES = ['making', 'attached', 'removing'] as const;

export const RECORD = z.object({
  version: z.literal(1),
  state: z.enum(RECORD_STATES),
  request: ATTACH,
  network: z.object({ name: z.string(), vni: z.int(), mode: z.enum(['l2', 'l3']) }),
  /** Identity of the namespace, as in `Netns`. */
  netnsId: z.string(),
  /** Name of the port of the network's switch; null in L3. */
  port: z.string().nullable(),
  /** Addresses with prefix length that the network's interface has for the sake of this attachment. */
  gateways: z.array(z.string()),
  ...ATTACHED.shape,
});
export type AttachmentRecord = z.infer<typeof RECORD>;

const SUFFIX = '.json';
const OWNER_ONLY = 0o600;

export class RecordStore {
  readonly #dir: string;

  /** @param dir Made when the first record is. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Whether there ever was a record since the host's boot. */
  get isUsed(): boolean {
    return existsSync(this.#dir);
  }

  /** @param onBroken Told the path of a file that makes no sense, which is left alone. */
  load(onBroken: (path: string) => void): AttachmentRecord[] {
    if (!this.isUsed) return [];
    const names = readdirSync(this.#dir).filter((name) => name.endsWith(SUFFIX));
    return names.flatMap((name) => {
      const path = join(this.#dir, name);
      const record = parse(readFileSync(path, 'utf8'));
      if (record !== null) return [record];
      onBroken(path);
      return [];
    });
  }

  /**
   * Replaces what was there in one step. Not synced: what ends with the host's power ends with its namespaces.
   */
  write(record: AttachmentRecord): void {
    const path = this.#path(record.request);
    const draft = `${path}.new`;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(record)}\n`, { mode: OWNER_ONLY });
    renameSync(draft, path);
  }

  remove(key: AttachmentKey): void {
    const path = this.#path(key);
    rmSync(path, { force: true });
    rmSync(`${path}.new`, { force: true });
  }

  #path(key: AttachmentKey): string {
    return join(this.#dir, `${hostEndName(key)}${SUFFIX}`);
  }
}

function parse(text: string): AttachmentRecord | null {
  try {
    return RECORD.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Of an attachment in maps. */
export function keyText({ confName, containerId, ifname }: AttachmentKey): string {
  return `${confName}/${containerId}/${ifname}`;
}
