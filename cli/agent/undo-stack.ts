/** What was made, in order, so that it can be removed in reverse whatever happens in between. */

interface Step {
  readonly what: string;
  undo(): Promise<void> | void;
}

export class UndoStack {
  readonly #steps: Step[] = [];

  /** @param what Names the thing for the log, as in `cannot remove WHAT`. */
  push(what: string, undo: () => Promise<void> | void): void {
    this.#steps.push({ what, undo });
  }

  /** Runs every step, newest first; a step that fails is reported and does not stop the others. */
  async unwind(onError: (what: string, error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        onError(step.what, error);
      }
    }
  }
}
