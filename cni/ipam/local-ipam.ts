/** Addresses from ranges of this host, as the plugin host-local gives them. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CniCode, CniError, ioError } from '../cni-error.ts';
import { type Container, containerKey, type Variables } from '../environment.ts';
import { Fields, type JsonObject, readList } from '../fields.ts';
import type { NetworkConfig, ValidAttachment } from '../network-config.ts';
import { type CniIp, type CniResult, readRoute } from '../result.ts';
import {
  type AddressRange,
  checkRangeSets,
  formatAddress,
  isAssignable,
  parseAddress,
  RANGE_KEYS,
  type RangeSet,
  readRange,
  walk,
} from './address-range.ts';
import type { Ipam, IpamContext } from './ipam.ts';
import { type Lease, LeaseStore } from './lease-store.ts';
import { requestedIps } from './requested-ips.ts';
import { readResolvConf } from './resolv-conf.ts';

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'type',
  'ranges',
  'routes',
  'dataDir',
  'resolvConf',
  ...RANGE_KEYS,
]);
const DATA_DIR = '/var/lib/icx/cni';
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** @throws {CniError} 2 or 7 */
export function localIpam(context: IpamContext, ipam: JsonObject): Ipam {
  const fields = new Fields(ipam, 'ipam');
  fields.refuseOthers(KNOWN_KEYS);
  return new LocalIpam(context, fields, readFileSync(BOOT_ID, 'utf8').trim());
}

/** Exported for tests, which have boots of their own. */
export class LocalIpam implements Ipam {
  readonly #fields: Fields;
  readonly #config: NetworkConfig;
  readonly #variables: Variables;
  readonly #attached: IpamContext['attached'];
  readonly #store: LeaseStore;
  readonly #dir: string;
  readonly #bootId: string;

  constructor(context: IpamContext, fields: Fields, bootId: string) {
    this.#fields = fields;
    this.#config = context.config;
    this.#variables = context.variables;
    this.#attached = context.attached;
    this.#dir = join(fields.string('dataDir') ?? DATA_DIR, context.config.name);
    this.#bootId = bootId;
    this.#store = new LeaseStore(this.#dir, bootId);
  }

  async add(container: Container): Promise<CniResult> {
    const sets = this.#rangeSets();
    const routes = this.#fields.objects('routes', readRoute);
    const resolvConf = this.#fields.string('resolvConf');
    const dns = resolvConf === undefined ? {} : readResolvConf(resolvConf);
    const wanted = this.#wanted(sets);
    this.#store.sweep();
    const leases = await this.#reconciled();
    refuseSecond(leases, container);
    const taken = new Set(leases.map(({ address }) => address));
    const ips: CniIp[] = [];
    try {
      for (const [index, set] of sets.entries()) {
        ips.push(this.#addOf(set, index, wanted[index] ?? null, taken, container));
      }
    } catch (error) {
      await this.del(container);
      throw error;
    }
    return { interfaces: [], ips, routes, dns };
  }

  async del(container: Container): Promise<void> {
    const key = containerKey(container);
    for (const lease of this.#store.list()) {
      if (containerKey(lease) === key) this.#store.release(lease);
    }
  }

  async check(container: Container, addresses: readonly string[]): Promise<void> {
    const key = containerKey(container);
    const own = this.#store.list().filter((lease) => containerKey(lease) === key);
    const sets = this.#rangeSets();
    const ours = addresses.filter((address) => sets.some((set) => holding(set, address) !== null));
    const missing = ours.find((address) => !own.some((lease) => lease.address === canonical(address)));
    if (missing === undefined && own.length > 0) return;
    const what = missing === undefined ? 'no address' : `${missing} not`;
    throw new CniError(CniCode.differs, `${what} reserved for ${nameOf(container)}`);
  }

  async gc(valid: readonly ValidAttachment[]): Promise<void> {
    const keys = new Set(valid.map(containerKey));
    this.#store.sweep();
    for (const lease of this.#store.list()) {
      if (!keys.has(containerKey(lease))) this.#store.release(lease);
    }
  }

  async status(): Promise<void> {
    this.#rangeSets();
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      accessSync(this.#dir, constants.W_OK);
    } catch (error) {
      const { message } = ioError(`cannot keep leases in ${this.#dir}`, error);
      throw new CniError(CniCode.unavailable, message);
    }
  }

  /** Of DEL and GC they are not asked: a container must be able to go whatever became of them. */
  #rangeSets(): RangeSet[] {
    const sets = this.#fields.array('ranges', (set, path) => readList(set, path, readMember));
    if (this.#fields.has('subnet')) sets.unshift([readRange(this.#fields)]);
    this.#fields.required('ranges', sets.length === 0 ? undefined : sets);
    checkRangeSets(sets);
    return sets;
  }

  /** The requested address of each set; every request must be of one, and no set has two. */
  #wanted(sets: readonly RangeSet[]): (string | null)[] {
    const wanted = sets.map((): string | null => null);
    for (const text of requestedIps(this.#config, this.#variables)) {
      const address = canonical(text);
      const index = sets.findIndex((set) => holding(set, address) !== null);
      const problem =
        index < 0 ? 'no range of ipam has it' : wanted[index] !== null ? `so is ${wanted[index]}` : null;
      if (problem !== null) {
        throw new CniError(CniCode.invalidConfig, `${address} is requested, but ${problem}`);
      }
      wanted[index] = address;
    }
    return wanted;
  }

  #addOf(
    set: RangeSet,
    index: number,
    wanted: string | null,
    taken: ReadonlySet<string>,
    container: Container,
  ): CniIp {
    const candidates = wanted === null ? this.#free(set, index, taken) : [wanted];
    const lease = this.#store.reserve(candidates, container);
    if (lease === null) throw wanted === null ? exhausted(set) : this.#takenBy(wanted);
    if (wanted === null) this.#store.setLast(index, lease.address);
    const range = holding(set, lease.address);
    if (range === null) throw new TypeError(`${lease.address} is of no range`);
    return {
      address: `${lease.address}/${range.length}`,
      gateway: formatAddress(range.family, range.gateway),
    };
  }

  *#free(set: RangeSet, index: number, taken: ReadonlySet<string>): Generator<string> {
    const last = this.#store.last(index);
    const after = last === null ? null : (parseAddress(last)?.value ?? null);
    for (const { range, address } of walk(set, after)) {
      const text = formatAddress(range.family, address);
      if (!taken.has(text)) yield text;
    }
  }

  #takenBy(address: string): CniError {
    const owner = this.#store.find(address);
    const name = owner === null ? 'another container' : nameOf(owner);
    return new CniError(CniCode.addressTaken, `${address} is reserved for ${name}`);
  }

  /** The leases that count; those of containers that did not survive a reboot of the host are released. */
  async #reconciled(): Promise<Lease[]> {
    const leases = this.#store.list();
    if (leases.every((lease) => lease.bootId === this.#bootId)) return leases;
    const attached = await this.#attached();
    const lives = (lease: Lease) =>
      lease.bootId === this.#bootId ||
      (existsSync(lease.netns) && (attached === null || attached.has(containerKey(lease))));
    for (const lease of leases) if (!lives(lease)) this.#store.release(lease);
    return leases.filter(lives);
  }
}

function readMember(value: unknown, path: string): AddressRange {
  const fields = new Fields(value, path);
  fields.refuseOthers(RANGE_KEYS);
  return readRange(fields);
}

function refuseSecond(leases: readonly Lease[], container: Container): void {
  const key = containerKey(container);
  const lease = leases.find((candidate) => containerKey(candidate) === key);
  if (lease === undefined) return;
  const message = `${lease.address} is reserved for ${nameOf(container)} already`;
  throw new CniError(CniCode.addressTaken, message, 'a DEL must come before another ADD');
}

/** The range that an address may be given from; null when there is none. */
function holding(set: RangeSet, text: string): AddressRange | null {
  const found = parseAddress(text);
  if (found === null) return null;
  const { family, value } = found;
  return set.find((range) => range.family === family && isAssignable(range, value)) ?? null;
}

/** The text that names the file of its lease. */
function canonical(text: string): string {
  const found = parseAddress(text.split('/', 1)[0] ?? '');
  return found === null ? text : formatAddress(found.family, found.value);
}

function exhausted(set: RangeSet): CniError {
  const ranges = set.map(({ subnet }) => subnet).join(', ');
  return new CniError(
    CniCode.noAddress,
    `no address of ${ranges} is free`,
    'icx cni status lists who has them',
  );
}

function nameOf({ containerId, ifname }: { containerId: string; ifname: string }): string {
  return containerId === '' ? 'an unknown container' : `container ${containerId} (${ifname})`;
}
