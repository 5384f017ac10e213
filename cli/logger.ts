/** The log: JSON lines for machines, readable lines on a terminal. No key ever gets into it. */
import { createRequire } from 'node:module';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type * as PinoPretty from 'pino-pretty';
import type { LogLevel } from './config/types.ts';
import { printable } from './format.ts';

export type { Logger } from 'pino';

/** Names that never carry a value into the log, whatever somebody hands to it. */
const SECRET_NAMES = [
  'seed',
  'key',
  'psk',
  'dhSecret',
  'privateKey',
  'private_key',
  'presharedKey',
  'preshared_key',
  'mk0',
  'mk1',
  'root',
  'rxKey',
  'txKey',
  'initiatorKey',
  'responderKey',
];
/** pino has no wildcard for any depth. */
const DEPTHS = ['', '*.', '*.*.'];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Name of the interface, in every line. */
  readonly interfaceName: string;
  /** Readable lines instead of JSON. */
  readonly pretty: boolean;
  /** Colours in readable lines; none by default. */
  readonly colors?: boolean;
  /** Where lines go; stderr by default. */
  readonly destination?: DestinationStream;
}

/** Lines are written before the call returns: nothing is lost when the process ends. */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.destination ?? destination({ fd: 2, sync: true });
  return pino(
    {
      level: options.level,
      base: { interface: options.interfaceName },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: DEPTHS.flatMap((depth) => SECRET_NAMES.map((name) => `${depth}${name}`)),
        censor: '(secret)',
      },
    },
    options.pretty ? readable(stream, options.colors === true) : stream,
  );
}

/** A line each; what a peer put into one can't move the terminal's cursor. */
function readable(stream: DestinationStream, colorize: boolean): DestinationStream {
  // Only a terminal needs it.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' });
  return {
    write: (line) => {
      const { level, time, msg, err, interface: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const words = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
      const text = printable([msg, ...words].join(' '));
      // Where an internal error came from follows in lines of its own.
      stream.write(format({ level, time, msg: text, ...(err === undefined ? {} : { err }) }) ?? '');
    },
  };
}

/** Quoted where it would not be read as one word. */
function fieldText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
