/** Turns TOML text into plain values that remember their lines. */
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import type { ConfigProblem } from './config-error.ts';

/** Keys and array indexes from the root to a value. */
export type TomlPath = readonly (string | number)[];

export interface TomlDocument {
  readonly root: Readonly<Record<string, unknown>>;
  /** 1-based line of the value, or of the nearest enclosing one that has a line; 1 at worst. */
  lineOf(path: TomlPath): number;
}

const NO_VALUE = 'Unspecified values are invalid';

/** Reasons of the parser that an operator can't act on as they stand. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^Unspecified values/, 'write a value behind the ='],
  [/multiple times/, 'remove one of the two'],
  [/^Must be a newline/, 'put text such as addresses and durations in double quotes'],
  [/^Unterminated string/, 'close the double quote'],
  [/^Unterminated array/, 'close the bracket'],
  [/^Unexpected/, 'put text in double quotes'],
];

/**
 * @returns the document, or the one problem that ended parsing (TOML has no way to go on).
 */
export function parseToml(text: string): TomlDocument | ConfigProblem {
  try {
    const program = parseTOML(text, { tomlVersion: '1.0' });
    const lines = new Map<string, number>();
    collectLines(program.body[0].body, [], lines);
    const root = getStaticTOMLValue(program) as Record<string, unknown>;
    return { root, lineOf: (path) => nearestLine(lines, path) };
  } catch (error) {
    if (error instanceof ParseError) return syntaxProblem(text, error);
    if (error instanceof RangeError) return { line: 0, message: 'is nested too deeply', hint: '' };
    throw error;
  }
}

function syntaxProblem(text: string, error: ParseError): ConfigProblem {
  // The parser points behind what is missing, which may be lines further down.
  const before = text.slice(0, error.index).trimEnd();
  const behind = /^[^\r\n]*/.exec(text.slice(before.length))?.[0].trim() ?? '';
  const unquoted = before.endsWith('=') && behind !== '' && !behind.startsWith('#');
  if (unquoted) return unquotedProblem(before);
  const noValue = before.endsWith('=');
  const missing = noValue || /^Unterminated array/.test(error.message);
  const line = missing ? before.split('\n').length : error.lineNumber;
  const column = missing ? before.length - before.lastIndexOf('\n') : error.column + 1;
  const message = noValue ? NO_VALUE : error.message;
  const hint = HINTS.find(([reason]) => reason.test(message))?.[1] ?? '';
  const reason = message.charAt(0).toLowerCase() + message.slice(1);
  return { line, message: `is not valid TOML at column ${column}: ${reason}`, hint };
}

/** `key = text`, as the configs of other tunnels have it. The text may be a key and is not shown. */
function unquotedProblem(before: string): ConfigProblem {
  return {
    line: before.split('\n').length,
    message: 'is not valid TOML: this value is no number, true or false',
    hint: 'put text in double quotes, and lists of it in [ ]',
  };
}

function collectLines(
  nodes: readonly (AST.TOMLKeyValue | AST.TOMLTable)[],
  base: TomlPath,
  lines: Map<string, number>,
): void {
  for (const node of nodes) {
    if (node.type === 'TOMLTable') {
      remember(lines, node.resolvedKey, node.loc.start.line);
      collectLines(node.body, node.resolvedKey, lines);
    } else {
      const path = [...base, ...node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))];
      remember(lines, path, node.loc.start.line);
      collectValueLines(node.value, path, lines);
    }
  }
}

function collectValueLines(node: AST.TOMLContentNode, path: TomlPath, lines: Map<string, number>): void {
  if (node.type === 'TOMLInlineTable') collectLines(node.body, path, lines);
  if (node.type !== 'TOMLArray') return;
  for (const [index, element] of node.elements.entries()) {
    remember(lines, [...path, index], element.loc.start.line);
    collectValueLines(element, [...path, index], lines);
  }
}

/** The first mention of a path counts: `a.b = 1` gives `a` its line too. */
function remember(lines: Map<string, number>, path: TomlPath, line: number): void {
  for (let length = path.length; length > 0; length--) {
    const key = JSON.stringify(path.slice(0, length));
    if (!lines.has(key)) lines.set(key, line);
  }
}

function nearestLine(lines: ReadonlyMap<string, number>, path: TomlPath): number {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(JSON.stringify(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return 1;
}
