/** Builds the fields that a config's sections are made of: schema, default, and what to expect. */
import { z } from 'zod';
import { parseDuration, ValueError } from './text-values.ts';

/** One key of a section. */
export interface Field<T extends z.ZodType = z.ZodType> {
  readonly schema: T;
  /** What an operator may write, to follow "expected". */
  readonly expected: string;
  /** Its value is never shown. */
  readonly secret?: boolean;
}

export const HOUR_MS = 3_600_000;

export function field<T extends z.ZodType>(schema: T, expected: string): Field<T> {
  return { schema, expected };
}

/** Text that one of the parsers reads; its ValueError becomes the problem. */
export function text<T>(parse: (text: string) => T) {
  return z.string().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, params: { hint: error.hint } });
      return z.NEVER;
    }
  });
}

/** A duration from `minMs` to `maxMs`. */
export function duration(minMs: number, maxMs: number, range: string) {
  return text((value) => {
    const ms = parseDuration(value);
    if (ms < minMs || ms > maxMs) throw new ValueError(`"${value}" is out of range`, `expected ${range}`);
    return ms;
  });
}

export function secretKey(): Field<z.ZodOptional<z.ZodString>> {
  return { schema: z.string().optional(), expected: 'a key as text', secret: true };
}

export const path = () => field(z.string().min(1).optional(), 'the path of a file');
export const port = (standard: number) =>
  field(z.int().min(1).max(65_535).default(standard), 'a port number from 1 to 65535');
export const flag = (standard: boolean) => field(z.boolean().default(standard), 'true or false');
export const commands = () => field(z.array(z.string().min(1)).default([]), 'a list of shell commands');
export const autoOr = (min: number, max: number, what: string) =>
  field(z.union([z.literal('auto'), z.int().min(min).max(max)]).default('auto'), `"auto" or ${what}`);
