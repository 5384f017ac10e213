/** What the demo prints: progress as it goes, then a table, or all of it as JSON. */
import pc from 'picocolors';

export interface DemoStep {
  readonly name: string;
  readonly passed: boolean;
  /** The result in words, or why it failed. */
  readonly text: string;
  /** The same as data; null where it failed. */
  readonly values: object | null;
}

export class DemoReport {
  readonly #json: boolean;
  readonly #write: (text: string) => void;
  readonly #startedAtMs = performance.now();
  readonly #steps: DemoStep[] = [];

  constructor(json: boolean, write: (text: string) => void) {
    this.#json = json;
    this.#write = write;
  }

  get passed(): boolean {
    return this.#steps.length > 0 && this.#steps.every((step) => step.passed);
  }

  /** Something that takes a while begins. */
  begin(what: string): void {
    if (!this.#json) this.#write(pc.dim(`  … ${what}\n`));
  }

  add(step: DemoStep): void {
    this.#steps.push(step);
    if (!this.#json) this.#write(`${this.#line(step)}\n`);
  }

  /** The last output. */
  finish(): void {
    const seconds = (performance.now() - this.#startedAtMs) / 1_000;
    if (this.#json) {
      const steps = Object.fromEntries(
        this.#steps.map(({ name, passed, text, values }) => [
          name.replaceAll(' ', '_'),
          { passed, text, ...(values ?? {}) },
        ]),
      );
      const result = { version: 1, passed: this.passed, seconds: Math.round(seconds * 10) / 10, steps };
      this.#write(`${JSON.stringify(result, null, 2)}\n`);
      return;
    }
    const width = Math.max(...this.#steps.map((step) => step.name.length));
    const rows = this.#steps.map((step) => `  ${step.name.padEnd(width)}  ${firstLine(step.text)}`);
    const verdict = this.passed ? pc.green('passed') : pc.red('FAILED');
    this.#write(`\n${rows.join('\n')}\n\n${verdict} in ${seconds.toFixed(1)} s\n`);
  }

  #line(step: DemoStep): string {
    return `${step.passed ? pc.green('  ✓') : pc.red('  ✗')} ${step.name}: ${step.text}`;
  }
}

function firstLine(text: string): string {
  return text.split('\n').at(0) ?? '';
}
