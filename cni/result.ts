/** The result of ADD: read from any supported version, merged, and written in any. */
import { atLeast, type CniVersion, Since } from './cni-version.ts';
import type { Fields } from './fields.ts';

/** @see CNI specification 1.1, section 5, "ADD Success" */
export interface CniInterface {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** Network namespace; absent or empty for an interface of the host. */
  readonly sandbox?: string | undefined;
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
}

export interface CniIp {
  readonly address: string;
  readonly gateway?: string | undefined;
  /** Index into `interfaces`; absent in the result of an IPAM plugin. */
  readonly interface?: number | undefined;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw?: string | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

export const EMPTY_RESULT: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

const MAX_INDEX = 65_535;
const MAX_WORD = 0xffff_ffff;

/** @throws {CniError} 7; `path` names the result in the message. */
export function readResult(fields: Fields): CniResult {
  const interfaces = fields.objects('interfaces', readInterface);
  return {
    interfaces,
    ips: fields.objects('ips', (ip) => ({
      address: ip.required('address', ip.cidr('address')),
      gateway: emptyAsAbsent(ip.string('gateway')) === undefined ? undefined : ip.ip('gateway'),
      interface: ip.integer('interface', 0, Math.min(MAX_INDEX, interfaces.length - 1)),
    })),
    routes: fields.objects('routes', readRoute),
    dns: readDns(fields.object('dns')),
  };
}

function readInterface(fields: Fields): CniInterface {
  return {
    name: fields.required('name', fields.string('name')),
    mac: emptyAsAbsent(fields.string('mac')),
    mtu: fields.integer('mtu', 0, MAX_WORD),
    sandbox: emptyAsAbsent(fields.string('sandbox')),
    socketPath: emptyAsAbsent(fields.string('socketPath')),
    pciID: emptyAsAbsent(fields.string('pciID')),
  };
}

/** As in results, and as IPAM configurations have them. */
export function readRoute(fields: Fields): CniRoute {
  return {
    dst: fields.required('dst', fields.cidr('dst')),
    gw: emptyAsAbsent(fields.string('gw')) === undefined ? undefined : fields.ip('gw'),
    mtu: fields.integer('mtu', 0, MAX_WORD),
    advmss: fields.integer('advmss', 0, MAX_WORD),
    priority: fields.integer('priority', 0, MAX_WORD),
    table: fields.integer('table', 0, MAX_WORD),
    scope: fields.integer('scope', 0, 255),
  };
}

export function readDns(fields: Fields | undefined): CniDns {
  if (fields === undefined) return {};
  const domain = emptyAsAbsent(fields.string('domain'));
  const list = (key: 'nameservers' | 'search' | 'options') =>
    fields.has(key) ? { [key]: fields.strings(key) } : {};
  return {
    ...list('nameservers'),
    ...(domain === undefined ? {} : { domain }),
    ...list('search'),
    ...list('options'),
  };
}

/** What Go programs write for an absent text. */
function emptyAsAbsent(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The result of a plugin later in a chain: what came before stays, indexes included. */
export function appendResult(before: CniResult, ours: CniResult): CniResult {
  const shift = before.interfaces.length;
  return {
    interfaces: [...before.interfaces, ...ours.interfaces],
    ips: [
      ...before.ips,
      ...ours.ips.map((ip) => (ip.interface === undefined ? ip : { ...ip, interface: ip.interface + shift })),
    ],
    routes: [...before.routes, ...ours.routes],
    dns: Object.keys(ours.dns).length === 0 ? before.dns : ours.dns,
  };
}

/** The JSON of a result as that version has it; absent fields are left out. */
export function writeResult(result: CniResult, version: CniVersion): object {
  const details = atLeast(version, Since.linkDetails);
  const plain = atLeast(version, Since.plainIps);
  return {
    cniVersion: version,
    interfaces: result.interfaces.map(({ mtu, socketPath, pciID, ...old }) =>
      details ? { ...old, mtu, socketPath, pciID } : old,
    ),
    ips: result.ips.map((ip) => (plain ? ip : { version: ip.address.includes(':') ? '6' : '4', ...ip })),
    routes: result.routes.map((route) => (details ? route : { dst: route.dst, gw: route.gw })),
    dns: result.dns,
  };
}
