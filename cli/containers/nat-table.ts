/** Keeps the table of nftables that containers need: written as a whole, and only when it changes. */
import { createHash } from 'node:crypto';
import { AttachCode } from '../../cni/attach-protocol.ts';
import { type NatState, removeCommands, replaceCommands } from '../../cni/netfilter.ts';
import { natDifferences } from '../../cni/netfilter-listing.ts';
import { AttachError } from './attach-error.ts';
import { runProgram, runWithPipe } from './run-program.ts';

const NO_TABLE = /No such file or directory/;

/** Name of an agent's table. nft's own language takes no other characters, and people use that. */
export function natTableName(agent: string): string {
  const plain = agent.replace(/[^A-Za-z0-9_]/g, '_');
  const unlike = plain === agent ? '' : `_${createHash('sha256').update(agent).digest('hex').slice(0, 6)}`;
  return `icx_${plain}${unlike}`;
}

export class NatTable {
  readonly #state: () => NatState;
  /** Text that is in the kernel; null when that is not known. */
  #written: string | null = null;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  /** @param state What the table is to be, asked when it is written. */
  constructor(state: () => NatState) {
    this.#state = state;
  }

  /** Whether there is something that only nftables can do. */
  get isNeeded(): boolean {
    return this.#state().attachments.some(
      ({ masquerade, portMappings }) => masquerade || portMappings.length > 0,
    );
  }

  /**
   * Resolves when the table is as the state was at some time after the call. Calls that wait share one
   * writing.
   *
   * @throws {AttachError} when nft is missing or refused; the table is as it was.
   */
  apply(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#write();
    });
    this.#running = this.#next.catch(() => {});
    return this.#next;
  }

  /** As `apply`, also where the table is thought to be right. */
  rewrite(): Promise<void> {
    this.#written = null;
    return this.apply();
  }

  /** One sentence for each way in which the kernel's table is not what it is to be. @throws {AttachError} */
  async differences(): Promise<string[]> {
    if (!this.isNeeded) return [];
    const state = this.#state();
    const { failed, stdout, stderr } = await runProgram('nft', ['-j', 'list', 'table', 'inet', state.table]);
    if (failed && !NO_TABLE.test(stderr)) throw refusal('list', stderr);
    return natDifferences(state, failed ? null : JSON.parse(stdout));
  }

  async #write(): Promise<void> {
    const state = this.#state();
    const text = this.isNeeded ? replaceCommands(state) : removeCommands(state.table);
    if (text === this.#written) return;
    this.#written = null;
    try {
      const { failed, stderr } = await runWithPipe('nft', ['-j', '-f', '-'], text);
      if (failed) throw refusal('change', stderr);
    } catch (error) {
      // Nothing is wanted of nftables, which may well not be there.
      if (this.isNeeded) throw error;
    }
    this.#written = text;
  }
}

function refusal(what: string, came: string): AttachError {
  const hint = 'published ports and ipMasq need nf_tables and nf_nat in the kernel';
  return new AttachError(AttachCode.kernel, `nft can't ${what} the rules of containers: ${came}`, hint);
}
