/**
 * The threads of all queues: a command for each of them, and another thread for one that died.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerTo, WorkerCommand, WorkerSetup } from './messages.ts';
import { QueueThread, type QueueThreadEvents, unlessGone, WorkerError } from './queue-thread.ts';

/** A thread that lived for less is replaced after a pause: else one that can't live takes a core. */
const SHORT_LIFE_MS = 10_000;
const PAUSE_MS = 1_000;
const STOP_MS = 1_000;

export interface QueueThreadsEvents extends Omit<QueueThreadEvents, 'onDeath'> {
  /** A thread died; the one in its place knows what `restore` says, and no SA. */
  onReplaced(queue: number, reason: string): void;
}

export class QueueThreads {
  readonly #threads: QueueThread[];
  readonly #events: QueueThreadsEvents;
  readonly #restore: (queue: number) => readonly WorkerCommand[];
  #running = false;

  /** @param restore What another thread is told before anything else. */
  constructor(
    setups: readonly WorkerSetup[],
    events: QueueThreadsEvents,
    restore: (queue: number) => readonly WorkerCommand[],
  ) {
    this.#events = events;
    this.#restore = restore;
    this.#threads = setups.map((setup) => this.#start(setup));
  }

  /** Threads that die from now on are replaced. @throws {WorkerError} when one did not start. */
  async ready(): Promise<Awaited<QueueThread['ready']>> {
    const [first] = await Promise.all(this.#threads.map((thread) => thread.ready));
    const dead = this.#threads.find((thread) => !thread.alive);
    if (first === undefined || dead !== undefined)
      throw new WorkerError('ERR_ICX_WORKER_DEAD', 'a queue died');
    this.#running = true;
    return first;
  }

  /** Which thread is gone, and why; null when all run. */
  get fault(): string | null {
    return this.#threads.find((thread) => !thread.alive)?.fault ?? null;
  }

  /** Asks every thread. @throws {WorkerError} when one refuses or is gone. */
  all<C extends WorkerCommand>(command: C): Promise<AnswerTo<C['kind']>[]> {
    return Promise.all(this.#threads.map((thread) => thread.request(command)));
  }

  /** Asks every thread for what is its own. @throws {WorkerError} as `all`. */
  async each(commands: (queue: number) => readonly WorkerCommand[]): Promise<void> {
    const asked = this.#threads.flatMap((thread) =>
      commands(thread.setup.queue).map((command) => thread.request(command)),
    );
    await Promise.all(asked);
  }

  /** As `all`, for what a thread that is gone needs no more: it answers null. @param isFor Which are asked. */
  living<C extends WorkerCommand>(
    command: C,
    isFor: (queue: number) => boolean = () => true,
  ): Promise<(AnswerTo<C['kind']> | null)[]> {
    const asked = this.#threads.filter(({ setup }) => isFor(setup.queue));
    return Promise.all(asked.map((thread) => thread.request(command).catch(unlessGone)));
  }

  /** For what needs no answer. */
  tell(command: WorkerCommand, but = -1): void {
    for (const thread of this.#threads) {
      if (thread.setup.queue !== but) thread.request(command).catch(() => {});
    }
  }

  /** Asks the thread of one queue; `transfer` moves along. @throws {WorkerError} as `all`. */
  async one<C extends WorkerCommand>(
    queue: number,
    command: C,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<AnswerTo<C['kind']>> {
    const thread = this.#threads[queue];
    if (thread === undefined) throw new RangeError(`there is no queue ${queue}`);
    return await thread.request(command, transfer);
  }

  /** Ends all threads for good. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#threads.map((thread) => thread.stop(STOP_MS)));
  }

  #start(setup: WorkerSetup): QueueThread {
    const startedAtMs = performance.now();
    const { onEndpoint, onPathTooSmall, onPortLost } = this.#events;
    return new QueueThread(setup, {
      onEndpoint,
      onPathTooSmall,
      onPortLost,
      onDeath: (queue, reason) => {
        const lifeMs = performance.now() - startedAtMs;
        // One that dies before it knows all has died a second time, and is replaced for that.
        this.#replace(setup, queue, reason, lifeMs).catch(() => {});
      },
    });
  }

  async #replace(setup: WorkerSetup, queue: number, reason: string, lifeMs: number): Promise<void> {
    if (!this.#running) return;
    if (lifeMs < SHORT_LIFE_MS) await sleep(PAUSE_MS, undefined, { ref: false });
    if (!this.#running) return;
    const thread = this.#start(setup);
    this.#threads[queue] = thread;
    const asked = this.#restore(queue).map((command) => thread.request(command));
    // One command that is refused keeps nobody from what the others restore.
    const refusals = (await Promise.allSettled(asked)).filter((answer) => answer.status === 'rejected');
    if (thread.alive) this.#events.onReplaced(queue, [reason, ...refusals.map(reasonOf)].join('; '));
  }
}

function reasonOf({ reason }: PromiseRejectedResult): string {
  return reason instanceof Error ? reason.message : String(reason);
}
