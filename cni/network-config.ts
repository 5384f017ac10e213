/** The network configuration that a runtime writes to standard input. */
import { CniCode, CniError } from './cni-error.ts';
import { type CniVersion, parseVersion } from './cni-version.ts';
import { Fields, invalid, isObject, type JsonObject } from './fields.ts';
import { type CniDns, type CniResult, readDns, readResult } from './result.ts';
import { NO_CAPABILITIES, type RuntimeConfig, readRuntimeConfig } from './runtime-config.ts';

export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  /** Name of the agent; null means the only one that runs. */
  readonly agent: string | null;
  /** The agent's network by name or VNI; null means its only one. */
  readonly network: string | null;
  readonly mtu: number | undefined;
  /** Whether what leaves the overlay gets an address of the host. */
  readonly ipMasq: boolean;
  /** As it was written; null where addresses are not managed. */
  readonly ipam: JsonObject | null;
  /** Addresses asked for by `args.cni.ips`. */
  readonly argIps: readonly string[];
  readonly dns: CniDns;
  readonly runtimeConfig: RuntimeConfig;
  readonly prevResult: CniResult | null;
  /** Null where a runtime gave no list, which is not the same as an empty one. */
  readonly validAttachments: readonly ValidAttachment[] | null;
  /** The text itself, for delegated plugins. */
  readonly text: string;
}

/** An attachment as GC lists it. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'cniVersion',
  'cniVersions',
  'name',
  'type',
  'agent',
  'network',
  'mtu',
  'ipMasq',
  'ipam',
  'args',
  'dns',
  'capabilities',
  'runtimeConfig',
  'prevResult',
  'disableCheck',
  'disableGC',
  'keepCapabilities',
  'loadOnlyInlinedPlugins',
]);
const VALID_ATTACHMENTS = 'cni.dev/valid-attachments';
const MTU = { min: 576, max: 65_535 } as const;

/** @throws {CniError} 6 when it is no JSON object. */
export function decodeConfig(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    throw new CniError(CniCode.decode, 'the network configuration is no JSON', details);
  }
  if (isObject(value)) return value;
  throw new CniError(CniCode.decode, 'the network configuration is no JSON object');
}

/** @throws {CniError} 1, 2, 6 or 7 */
export function readConfig(json: JsonObject, text: string): NetworkConfig {
  const cniVersion = parseVersion(json.cniVersion);
  const fields = new Fields(json, '');
  fields.refuseOthers(KNOWN_KEYS);
  return {
    cniVersion,
    name: readName(fields),
    agent: readAgent(fields),
    network: fields.string('network') ?? null,
    mtu: fields.integer('mtu', MTU.min, MTU.max),
    ipMasq: fields.boolean('ipMasq') ?? false,
    ipam: readIpam(fields),
    argIps: fields.object('args')?.object('cni')?.strings('ips') ?? [],
    dns: readDns(fields.object('dns')),
    runtimeConfig: readCapabilities(fields),
    prevResult: readPrevResult(fields),
    validAttachments: readValidAttachments(fields),
    text,
  };
}

/** It becomes the name of a directory. */
function readName(fields: Fields): string {
  const name = fields.required('name', fields.string('name'));
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(name)) return name;
  throw invalid('name', name, 'a letter or digit, then letters, digits, dots, hyphens and underscores');
}

/** It becomes part of the path of a socket. */
function readAgent(fields: Fields): string | null {
  const agent = fields.string('agent');
  if (agent === undefined) return null;
  if (/^(?!\.{1,2}$)[^\s/:]{1,15}$/.test(agent)) return agent;
  throw invalid('agent', agent, 'the name of an agent, as in icx up NAME');
}

/** An empty object is what runtimes write for none. */
function readIpam(fields: Fields): JsonObject | null {
  const ipam = fields.object('ipam');
  return ipam === undefined || Object.keys(ipam.json).length === 0 ? null : ipam.json;
}

function readCapabilities(fields: Fields): RuntimeConfig {
  const runtime = fields.object('runtimeConfig');
  return runtime === undefined ? NO_CAPABILITIES : readRuntimeConfig(runtime);
}

function readPrevResult(fields: Fields): CniResult | null {
  const prevResult = fields.object('prevResult');
  return prevResult === undefined ? null : readResult(prevResult);
}

function readValidAttachments(fields: Fields): ValidAttachment[] | null {
  if (!fields.has(VALID_ATTACHMENTS)) return null;
  return fields.objects(VALID_ATTACHMENTS, (attachment) => ({
    containerId: attachment.required('containerID', attachment.string('containerID')),
    ifname: attachment.required('ifname', attachment.string('ifname')),
  }));
}
