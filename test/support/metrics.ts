/** An agent's metrics, read over HTTP as Prometheus does. */
import { expect } from 'vitest';
import type { Agent } from './agent.ts';

export type Direction = 'rx' | 'tx';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const FETCH = `fetch(process.argv[1]).then(async (answer) => {
  process.stdout.write(await answer.text());
  process.exit(answer.ok ? 0 : 1);
});`;

export class Scrape {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap(parseLine);
  }

  /** Sum of all samples of a metric with these labels. @throws {Error} when there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    const found = this.#samples.filter(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    );
    if (found.length === 0) throw new Error(`no sample of ${name} ${JSON.stringify(labels)}`);
    return found.reduce((sum, sample) => sum + sample.value, 0);
  }

  drops(direction: Direction, reason: string): number {
    return this.value('icx_drops_total', { direction, reason });
  }

  /** Asserts that no packet vanished without a reason. */
  expectBalanced(): void {
    for (const direction of ['rx', 'tx'] as const) {
      const received = this.value('icx_received_packets_total', { direction });
      const delivered = this.value('icx_delivered_packets_total', { direction });
      const drops = this.value('icx_drops_total', { direction });
      expect({ direction, received }).toEqual({ direction, received: delivered + drops });
    }
  }
}

/** @param listen As in the agent's `[metrics]`. @throws {Error} when they can't be read. */
export async function scrape(agent: Agent, listen = '127.0.0.1:6083'): Promise<Scrape> {
  const done = await agent.host.exec([process.execPath, '-e', FETCH, `http://${listen}/metrics`]);
  if (done.code !== 0) throw new Error(`metrics of ${agent.name}: ${done.stderr}`);
  return new Scrape(done.stdout);
}

function parseLine(line: string): Sample[] {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) return [];
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text]);
  return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
}
