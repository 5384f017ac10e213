/** One queue's worker thread as the main thread sees it: requests, answers, death. */
import { Worker } from 'node:worker_threads';
import { signalEventFd } from '../io/eventfd.ts';
import type {
  AnswerTo,
  WorkerAnswer,
  WorkerCommand,
  WorkerReady,
  WorkerReport,
  WorkerSetup,
} from './messages.ts';

/** A command was refused by the engine's guards, or its worker is gone. */
export class WorkerError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'WorkerError';
    this.code = code;
  }
}

/** For requests that a thread which is gone need not answer. @throws any other error. */
export function unlessGone(error: unknown): null {
  if (error instanceof WorkerError && error.code === 'ERR_ICX_WORKER_DEAD') return null;
  throw error;
}

export interface QueueThreadEvents {
  onEndpoint(queue: number, slot: number, words: Uint32Array): void;
  onPathTooSmall(slot: number): void;
  onPortLost(vni: number, id: number): void;
  /** The thread ended without being told to. */
  onDeath(queue: number, reason: string): void;
}

interface Pending {
  resolve(result: WorkerAnswer): void;
  reject(error: WorkerError): void;
}

/** Two semi-spaces of 2 MB and what is on its way between them; without a limit it is 48. */
const MAX_YOUNG_MB = 6;

const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './queue-worker.ts' : './queue-worker.js',
  import.meta.url,
);

export class QueueThread {
  readonly setup: WorkerSetup;
  /** Resolves with what the worker runs on. */
  readonly ready: Promise<WorkerReady>;
  readonly #worker: Worker;
  readonly #events: QueueThreadEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #alive = true;
  #stopping = false;
  #failure = 'it exited';

  constructor(setup: WorkerSetup, events: QueueThreadEvents) {
    this.setup = setup;
    this.#events = events;
    this.#worker = new Worker(ENTRY, {
      workerData: setup,
      name: `queue-${setup.queue}`,
      resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_MB },
    });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (report: WorkerReport) => {
        if (report.kind === 'ready') resolve(report);
        else this.#take(report);
      });
      this.#worker.on('exit', () => reject(new WorkerError('ERR_ICX_WORKER_DEAD', this.#failure)));
    });
    this.ready.catch(() => {});
    this.#worker.on('error', (error) => {
      this.#failure = String(error);
    });
    this.#ended = new Promise((resolve) => this.#worker.on('exit', () => resolve(this.#end())));
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Why the thread is gone, null while it runs. */
  get fault(): string | null {
    return this.#alive ? null : this.#gone().message;
  }

  /** @throws {WorkerError} when the engine refuses or the worker is gone. */
  request<C extends WorkerCommand>(
    command: C,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<AnswerTo<C['kind']>> {
    // Nobody would answer, and once the pool is closed the eventfd's number is another file's.
    if (!this.#alive) return Promise.reject(this.#gone());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      // A worker answers a command of a kind with what belongs to that kind.
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.postMessage({ id, command }, [...transfer]);
      signalEventFd(this.setup.wakeFd);
    });
  }

  /** Resolves when the thread has ended; it gets `timeoutMs` to end by itself. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    this.#failure = 'it was stopped';
    this.#worker.postMessage({ id: 0, command: { kind: 'stop' } });
    signalEventFd(this.setup.wakeFd);
    const timer = setTimeout(() => void this.#worker.terminate(), timeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #take(report: WorkerReport): void {
    switch (report.kind) {
      case 'done':
        this.#settle(report.id)?.resolve(report.result);
        break;
      case 'refused':
        this.#settle(report.id)?.reject(new WorkerError(report.code, report.message));
        break;
      case 'endpoint':
        this.#events.onEndpoint(this.setup.queue, report.slot, report.words);
        break;
      case 'pathTooSmall':
        this.#events.onPathTooSmall(report.slot);
        break;
      case 'portLost':
        this.#events.onPortLost(report.vni, report.id);
        break;
      case 'ready':
      case 'stopped':
        break;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #end(): void {
    this.#alive = false;
    const error = this.#gone();
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    if (!this.#stopping) this.#events.onDeath(this.setup.queue, this.#failure);
  }

  #gone(): WorkerError {
    return new WorkerError('ERR_ICX_WORKER_DEAD', `queue ${this.setup.queue} is gone: ${this.#failure}`);
  }
}
