/** What benches write as JSON and the report reads. */
import { z } from 'zod';

const FIGURE = z.object({
  name: z.string(),
  /** Median over the runs, and the least and the most. */
  value: z.number(),
  least: z.number(),
  most: z.number(),
  runs: z.number(),
  /** Name of the figure that this one is compared with, null for none. */
  base: z.string().nullable(),
  /** `value` in units of the base's. */
  ratio: z.number().nullable(),
});

/** One bench whose variants are measured each by one figure. */
const FIGURES = z.object({
  kind: z.literal('figures'),
  bench: z.string(),
  question: z.string(),
  /** What `value` counts: 'ns a packet'. */
  unit: z.string(),
  figures: z.array(FIGURE),
  notes: z.array(z.string()),
});

const TUNNEL = z.object({
  name: z.string(),
  about: z.string(),
  /** One entry a round that came to its end: values by the metrics of `end-to-end/metrics.ts`. */
  rounds: z.array(z.record(z.string(), z.number().nullable())),
  /** Why rounds did not. */
  failures: z.array(z.string()),
});

/** The comparison of whole tunnels. */
const COMPARISON = z.object({
  kind: z.literal('comparison'),
  bench: z.string(),
  question: z.string(),
  /** Name of the tunnel that the others are compared with. */
  base: z.string(),
  settings: z.string(),
  tunnels: z.array(TUNNEL),
  missing: z.array(z.object({ name: z.string(), hint: z.string() })),
  notes: z.array(z.string()),
});

export const RECORD = z.discriminatedUnion('kind', [FIGURES, COMPARISON]);

export const RESULTS = z.object({
  machine: z.object({ cpu: z.string(), cores: z.number(), kernel: z.string(), node: z.string() }),
  command: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  records: z.array(RECORD),
});

export type Figure = z.infer<typeof FIGURE>;
export type Figures = z.infer<typeof FIGURES>;
export type TunnelRounds = z.infer<typeof TUNNEL>;
export type Comparison = z.infer<typeof COMPARISON>;
export type BenchRecord = z.infer<typeof RECORD>;
export type Results = z.infer<typeof RESULTS>;

/** Millions a second, null where the unit is no time of one thing. */
export function perSecond(value: number, unit: string): number | null {
  return unit.startsWith('ns a ') ? 1_000 / value : null;
}
