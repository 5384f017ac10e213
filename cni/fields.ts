/** Reads JSON that others wrote, by hand: a schema library would cost more than all else that the plugin does. */
import { parseIp } from '../dataplane/wire/ip-text.ts';
import { CniCode, CniError } from './cni-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** One JSON object; `path` names it in messages. Absent and null are the same, as in Go. */
export class Fields {
  readonly json: JsonObject;
  readonly path: string;

  /** @throws {CniError} 7 when it is no object. */
  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw invalid(path, value, 'an object');
    this.json = value;
    this.path = path;
  }

  has(key: string): boolean {
    return this.json[key] !== undefined && this.json[key] !== null;
  }

  string(key: string): string | undefined {
    return this.#read(key, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  boolean(key: string): boolean | undefined {
    return this.#read(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  integer(key: string, min: number, max: number): number | undefined {
    return this.#read(key, `a whole number from ${min} to ${max}`, (value) =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : undefined,
    );
  }

  /** An address without prefix length. */
  ip(key: string): string | undefined {
    return this.#read(key, 'an IP address', (value) =>
      typeof value === 'string' && parseIp(value) !== null ? value : undefined,
    );
  }

  /** An address or network with prefix length; host bits may be set. */
  cidr(key: string): string | undefined {
    return this.#read(key, 'an address with a prefix length, such as 10.1.0.0/16', (value) =>
      typeof value === 'string' && isCidr(value) ? value : undefined,
    );
  }

  /** Empty where absent. */
  strings(key: string): string[] {
    return this.array(key, (value, path) => {
      if (typeof value !== 'string') throw invalid(path, value, 'a text');
      return value;
    });
  }

  object(key: string): Fields | undefined {
    return this.has(key) ? new Fields(this.json[key], this.#name(key)) : undefined;
  }

  /** Empty where absent. */
  objects<T>(key: string, read: (fields: Fields) => T): T[] {
    return this.array(key, (value, path) => read(new Fields(value, path)));
  }

  array<T>(key: string, read: (value: unknown, path: string) => T): T[] {
    return this.has(key) ? readList(this.json[key], this.#name(key), read) : [];
  }

  /** Passes a value on, or says which key is missing. @throws {CniError} 7 */
  required<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw new CniError(CniCode.invalidConfig, `${this.#name(key)} is missing`);
    return value;
  }

  /** @throws {CniError} 2 with key and value, as the specification asks. */
  refuseOthers(known: ReadonlySet<string>): void {
    for (const [key, value] of Object.entries(this.json)) {
      // Keys such as "cni.dev/attachments" are a runtime's own.
      if (known.has(key) || key.includes('/') || value === null) continue;
      const field = `${this.#name(key)} = ${JSON.stringify(value)}`;
      throw new CniError(
        CniCode.unsupportedField,
        `unsupported field ${field}`,
        `known are ${[...known].join(', ')}`,
      );
    }
  }

  #read<T>(key: string, expected: string, read: (value: unknown) => T | undefined): T | undefined {
    if (!this.has(key)) return undefined;
    const value = read(this.json[key]);
    if (value === undefined) throw invalid(this.#name(key), this.json[key], expected);
    return value;
  }

  #name(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

/** @throws {CniError} 7 when `value`, which `path` names, is no list. */
export function readList<T>(value: unknown, path: string, read: (value: unknown, path: string) => T): T[] {
  if (!Array.isArray(value)) throw invalid(path, value, 'a list');
  return value.map((element, index) => read(element, `${path}[${index}]`));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isCidr(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  const ip = parseIp(address);
  const bits = ip?.family === 4 ? 32 : 128;
  return ip !== null && more.length === 0 && /^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= bits;
}

export function invalid(path: string, value: unknown, expected: string): CniError {
  const shown = JSON.stringify(value) ?? 'nothing';
  const name = path === '' ? 'the configuration' : path;
  return new CniError(CniCode.invalidConfig, `${name} is ${shown.slice(0, 200)}: expected ${expected}`);
}
