/** Reads one table of a config file by its schema, noting every problem on the way. */
import type { z } from 'zod';
import type { ConfigProblem } from './config-error.ts';
import type { Field } from './field.ts';
import { suggest } from './suggest.ts';
import { ValueError } from './text-values.ts';
import type { TomlDocument, TomlPath } from './toml-document.ts';

type Fields = Readonly<Record<string, Field>>;

/** Values of a section; undefined where a value is optional and absent, or was refused. */
export type SectionValues<F extends Fields> = {
  readonly [K in keyof F]: z.output<F[K]['schema']> | undefined;
};

/** What a key that slipped out of its quotes looks like; no word of a config is as long. */
const LIKE_A_KEY = /[A-Za-z0-9+/]{20}/;

/** A document being checked: where problems gather. */
export class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  readonly #document: TomlDocument;

  constructor(document: TomlDocument) {
    this.#document = document;
  }

  /** Notes a problem at the line of `path`. */
  report(path: TomlPath, message: string, hint = ''): void {
    this.problems.push({ line: this.#document.lineOf(path), message, hint });
  }

  /** Runs a parser whose ValueError becomes a problem at `path`. */
  attempt<T>(path: TomlPath, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.report(path, error.message, error.hint);
      return undefined;
    }
  }

  /** Value at `path`, or undefined. */
  valueAt(path: TomlPath): unknown {
    let value: unknown = this.#document.root;
    for (const key of path) value = ownValue(value, key);
    return value;
  }

  /** Whether a list is absent or has nothing in it, as written: one that was refused has something. */
  isEmpty(path: TomlPath): boolean {
    const value = this.valueAt(path);
    return value === undefined || (Array.isArray(value) && value.length === 0);
  }

  /** Notes the keys of the table at `path` that are not among `known`. */
  unknownKeys(path: TomlPath, known: readonly string[], what: string): void {
    const table = this.valueAt(path);
    for (const key of kindOf(table) === 'table' ? Object.keys(table ?? {}) : []) {
      if (known.includes(key)) continue;
      const near = suggest(key, known);
      const hint = near === null ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
      this.report([...path, key], `unknown ${what} ${show(key, LIKE_A_KEY.test(key))}`, hint);
    }
  }

  /** Paths of the tables in the array at `path`, such as `[[peer]]`; none where there is none. */
  tables(path: TomlPath): TomlPath[] {
    const value = this.valueAt(path);
    return Array.isArray(value) ? value.map((_, index) => [...path, index]) : [];
  }

  /**
   * Reads the table at `path`; an absent one reads as empty.
   *
   * @param others Keys of the table that somebody else reads.
   */
  section<F extends Fields>(path: TomlPath, fields: F, others: readonly string[] = []): SectionValues<F> {
    const value = this.valueAt(path);
    const table = kindOf(value) === 'table' ? value : {};
    this.unknownKeys(path, [...Object.keys(fields), ...others], 'key');
    const entries = Object.entries(fields).map(([key, field]) => {
      const result = field.schema.safeParse(ownValue(table, key));
      if (result.success) return [key, result.data];
      for (const issue of result.error.issues) this.#reportIssue(path, key, field, issue);
      return [key, undefined];
    });
    return Object.fromEntries(entries) as SectionValues<F>;
  }

  #reportIssue(path: TomlPath, key: string, field: Field, issue: z.core.$ZodIssue): void {
    const full: TomlPath = [...path, key, ...issue.path.filter((part) => typeof part !== 'symbol')];
    const custom = findCustom(issue);
    if (custom !== null) {
      const hint: unknown = custom.params?.hint;
      this.report(full, `${key}: ${custom.message}`, typeof hint === 'string' ? hint : '');
      return;
    }
    const value = this.valueAt(full);
    const hint = `expected ${field.expected}`;
    if (value === undefined) this.report(full, `${key} is missing`, hint);
    else this.report(full, `cannot use ${key} = ${show(value, field.secret === true)}`, hint);
  }
}

/** What TOML calls it. */
export function kindOf(value: unknown): 'array' | 'table' | 'value' {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'object' && value !== null && !(value instanceof Date) ? 'table' : 'value';
}

/** Prototype members are not values: a key named "constructor" is just unknown. */
function ownValue(table: unknown, key: string | number): unknown {
  if (typeof table !== 'object' || table === null || !Object.hasOwn(table, key)) return undefined;
  return (table as Record<string | number, unknown>)[key];
}

/** The issue of a text parser, which may be one branch of a union. */
function findCustom(issue: z.core.$ZodIssue): z.core.$ZodIssueCustom | null {
  if (issue.code === 'custom') return issue;
  if (issue.code !== 'invalid_union') return null;
  return (
    issue.errors
      .flat()
      .map(findCustom)
      .find((found) => found !== null) ?? null
  );
}

/** One line, bounded, as the operator wrote it; never a secret. */
function show(value: unknown, secret: boolean): string {
  if (secret) return `(${typeof value}, not shown)`;
  if (value instanceof Date) return 'a date';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
