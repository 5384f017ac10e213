/** Checks a value against a JSON Schema, independently of the library that made the schema. */

type Schema = Readonly<Record<string, unknown>>;
type Check = (expected: unknown, value: unknown, schema: Schema, at: string) => readonly string[];

/** Keywords that say nothing about the value; formats are annotations unless asked for. */
const ANNOTATIONS = new Set(['$schema', 'title', 'description', 'default', 'format']);

/**
 * @returns What is wrong, a line each; nothing when the value is valid.
 * @throws {Error} for a keyword that is not known here, so that none is passed over.
 */
export function schemaProblems(schema: unknown, value: unknown, at = '$'): string[] {
  if (schema === true) return [];
  if (!isObject(schema)) return [`${at}: nothing is allowed here`];
  return Object.entries(schema).flatMap(([keyword, expected]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`JSON Schema keyword ${keyword} at ${at} is not known`);
    return [...check(expected, value, schema, at)];
  });
}

/** @see JSON Schema 2020-12, Validation §6 and Core §10 */
const CHECKS: Readonly<Record<string, Check>> = {
  type: (types, value, _, at) =>
    unless(
      [types].flat().some((type) => hasType(type, value)),
      `${at}: is no ${types}`,
    ),
  const: (wanted, value, _, at) => unless(value === wanted, `${at}: is not ${wanted}`),
  enum: (values, value, _, at) =>
    unless((values as unknown[]).includes(value), `${at}: is none of ${values}`),
  minimum: (least, value, _, at) => unless(!isLess(value, least), `${at}: is below ${least}`),
  maximum: (most, value, _, at) => unless(!isLess(most, value), `${at}: is above ${most}`),
  pattern: (pattern, value, _, at) =>
    unless(
      typeof value !== 'string' || new RegExp(String(pattern), 'u').test(value),
      `${at}: breaks ${pattern}`,
    ),
  anyOf: (schemas, value, _, at) =>
    unless(
      (schemas as Schema[]).some((schema) => schemaProblems(schema, value, at).length === 0),
      `${at}: fits no alternative`,
    ),
  items: (schema, value, _, at) =>
    Array.isArray(value) ? value.flatMap((item, i) => schemaProblems(schema, item, `${at}[${i}]`)) : [],
  required: (names, value, _, at) =>
    isObject(value)
      ? (names as string[]).filter((name) => !(name in value)).map((name) => `${at}.${name}: is missing`)
      : [],
  properties: (schemas, value, _, at) =>
    entriesOf(value).flatMap(([name, item]) => {
      const schema = (schemas as Schema)[name];
      return schema === undefined ? [] : schemaProblems(schema, item, `${at}.${name}`);
    }),
  additionalProperties: (schema, value, { properties }, at) =>
    entriesOf(value).flatMap(([name, item]) =>
      isObject(properties) && name in properties ? [] : schemaProblems(schema, item, `${at}.${name}`),
    ),
  propertyNames: (schema, value, _, at) =>
    entriesOf(value).flatMap(([name]) => schemaProblems(schema, name, `${at}.${name} (name)`)),
};

function hasType(type: unknown, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function isLess(a: unknown, b: unknown): boolean {
  return typeof a === 'number' && typeof b === 'number' && a < b;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesOf(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value) : [];
}

function unless(holds: boolean, problem: string): string[] {
  return holds ? [] : [problem];
}
