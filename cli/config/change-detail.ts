/** What one value was and becomes, as an operator reads it; of a secret only that it changed. */
import { formatDuration, formatEndpoint } from './text-values.ts';

/** `key: before → after`, with the key as the config writes it. */
export function changeDetail(key: string, before: unknown, after: unknown): string {
  if (key === 'seed') return 'private key';
  const name = key.replace(/Ms$|Pps$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (key === 'presharedKey') return 'preshared_key';
  return `${name}: ${describe(key, before)} → ${describe(key, after)}`;
}

function describe(key: string, value: unknown): string {
  if (value === null) return 'none';
  if (value instanceof Uint8Array) return '(key)';
  if (key.endsWith('Ms')) return value === 0 ? 'off' : formatDuration(Number(value));
  if (isEndpoint(value)) return formatEndpoint(value);
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

function isEndpoint(value: unknown): value is { host: string; port: number } {
  return typeof value === 'object' && value !== null && 'host' in value;
}
