/** How the help of a section is put together. */
import type { Field } from './field.ts';

/** A sentence or two for each key of a section. */
export type Help<Fields> = Readonly<Record<keyof Fields, string>>;

export interface SectionHelp {
  /** As written in the file. */
  readonly title: string;
  /** Before the keys; empty where they say it. */
  readonly about: string;
  readonly keys: Readonly<Record<string, string>>;
}

/** What a key is about, then what may be written. */
export function withValues<K extends string>(
  help: Readonly<Record<K, string>>,
  fields: Readonly<Record<K, Field>>,
): Readonly<Record<string, string>> {
  const keys = Object.keys(help) as K[];
  return Object.fromEntries(keys.map((key) => [key, `${help[key]} Value: ${fields[key].expected}.`]));
}
