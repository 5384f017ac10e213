/** Makes a port out of the options of `icx port add`, or says which of them are wrong. */
import { basename, resolve } from 'node:path';
import { CliError, Exit } from './cli-error.ts';
import { parseAddress, parseNetwork, ValueError } from './config/text-values.ts';
import {
  DEVICE_NAME,
  MAX_SOCKET_PATH_BYTES,
  MAX_STATIONS,
  MAX_VNI,
  PORT_MTU,
  PORT_NAME,
  type PortSpec,
  SOCKET_MODE,
} from './port-spec.ts';

/** As commander gives them: texts, flags and lists. */
export interface PortOptions {
  readonly type: PortSpec['type'];
  readonly name?: string;
  readonly maxStations?: string;
  readonly path?: string;
  readonly remote?: readonly string[];
  readonly mode?: string;
  readonly mtu?: string;
  readonly address?: readonly string[];
  readonly device?: string;
  readonly vni?: string;
  readonly listen?: string;
  readonly listenPort?: string;
  readonly group?: string;
  readonly learnRemotes?: boolean;
  readonly ttl?: string;
}

type Option = Exclude<keyof PortOptions, 'type' | 'name' | 'maxStations'>;

/** What goes with a type. */
const TAKES: Readonly<Record<PortSpec['type'], readonly Option[]>> = {
  unix: ['path', 'remote', 'mode', 'mtu', 'address'],
  interface: ['device'],
  vxlan: ['vni', 'listen', 'listenPort', 'remote', 'group', 'device', 'learnRemotes', 'ttl'],
};
const ALL: ReadonlySet<Option> = new Set(Object.values(TAKES).flat());

/** @throws {CliError} */
export function portSpec(options: PortOptions): PortSpec {
  refuseStrangers(options);
  const max_stations = number('maxStations', options.maxStations, 1, MAX_STATIONS);
  if (options.type === 'unix') return { ...unix(options), max_stations };
  return { ...(options.type === 'interface' ? device(options) : vxlan(options)), max_stations };
}

function refuseStrangers(options: PortOptions): void {
  const takes = TAKES[options.type];
  const stranger = [...ALL].find((option) => options[option] !== undefined && !takes.includes(option));
  if (stranger === undefined) return;
  throw usage(
    `${flag(stranger)} is not for --type ${options.type}`,
    `it takes ${takes.map(flag).join(', ')} and --max-stations`,
  );
}

function unix(options: PortOptions): Extract<PortSpec, { type: 'unix' }> {
  const path = socketPath('path', required(options, 'path'));
  const { remote: remotes = [], mode } = options;
  if (remotes.length > 1) throw usage('a unix port has one --remote', 'leave the others out');
  const [guest] = remotes;
  if (mode !== undefined && !SOCKET_MODE.test(mode)) throw refusal('mode', mode, 'octal digits like 0660');
  return {
    type: 'unix',
    name: portName(options.name ?? basename(path, '.sock')),
    path,
    remote: guest === undefined ? undefined : socketPath('remote', guest),
    mode,
    mtu: number('mtu', options.mtu, PORT_MTU.min, PORT_MTU.max),
    address: options.address?.map(prefix),
  };
}

function device(options: PortOptions): Extract<PortSpec, { type: 'interface' }> {
  const taken = deviceName(required(options, 'device'));
  return { type: 'interface', name: portName(options.name ?? taken), device: taken };
}

function vxlan(options: PortOptions): Extract<PortSpec, { type: 'vxlan' }> {
  const { remote: remotes, group, learnRemotes } = options;
  if (remotes === undefined && group === undefined && learnRemotes === undefined) {
    throw usage('a vxlan port leads nowhere so far', 'give it --remote, --group or --learn-remotes');
  }
  const vni = number('vni', options.vni, 1, MAX_VNI);
  return {
    type: 'vxlan',
    name: portName(options.name ?? `vxlan${vni ?? ''}`),
    vni,
    listen: address('listen', options.listen),
    listen_port: number('listenPort', options.listenPort, 1, 65_535),
    remotes: remotes?.map((text) => address('remote', text) ?? text),
    group: address('group', group),
    device: options.device === undefined ? undefined : deviceName(options.device),
    learn_remotes: learnRemotes,
    ttl: number('ttl', options.ttl, 1, 255),
  };
}

function required(options: PortOptions, option: 'path' | 'device'): string {
  const value = options[option];
  if (value !== undefined && value !== '') return value;
  throw usage(`--type ${options.type} needs ${flag(option)}`, 'icx port add --help explains it');
}

/** With its length, as the config has it. */
function prefix(text: string): string {
  try {
    return parseNetwork(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw refusal('address', text, 'an address or a prefix such as 10.77.0.9 or fd77:9::/64');
  }
}

/** Relative paths are relative to this command: the agent runs elsewhere. */
function socketPath(option: Option, text: string): string {
  const path = resolve(text);
  if (text !== '' && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  throw refusal(option, text, `a path of at most ${MAX_SOCKET_PATH_BYTES} bytes`);
}

function portName(text: string): string {
  if (PORT_NAME.test(text)) return text;
  throw usage(`${JSON.stringify(text)} can't name a port`, 'give --name 1 to 63 characters without spaces');
}

function deviceName(text: string): string {
  if (DEVICE_NAME.test(text)) return text;
  throw refusal('device', text, 'the name of a device');
}

function address(option: Option, text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : parseAddress(text);
  } catch (error) {
    if (!(error instanceof ValueError) || text === undefined) throw error;
    throw refusal(option, text, 'an IPv4 or IPv6 address');
  }
}

function number(
  option: Option | 'maxStations',
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw refusal(option, text, `a whole number from ${min} to ${max}`);
}

function flag(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function refusal(option: string, text: string, expected: string): CliError {
  return usage(`cannot use ${flag(option)} ${JSON.stringify(text)}`, `expected ${expected}`);
}

function usage(message: string, hint: string): CliError {
  return new CliError(message, hint, Exit.usage);
}
