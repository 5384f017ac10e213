/** Gives an existing TUN or TAP interface its addresses, MTU, routes; takes back all of it, and only that. */
import { z } from 'zod';
import { formatPrefix, parsePrefix } from '../../dataplane/route/prefix.ts';
import { IpError, ip, ipBatch, ipBatchForced, ipBatchSync, ipJson } from './ip.ts';
import { policyTable, ruleLabel } from './policy-routing.ts';
import { strictReversePaths } from './reverse-path.ts';
import { type RoutePlan, routeSteps, type Step } from './route-plan.ts';

/** What the interface is to have; `routes` is empty where none are wanted. */
export interface InterfacePlan extends RoutePlan {
  /** Address of an Ethernet interface; null for one that carries IP packets only. */
  readonly mac: string | null;
  /** With prefix length: `10.77.0.1/24`, `fd77::1/64`. */
  readonly addresses: readonly string[];
  readonly mtuBytes: number;
}

const AddressDump = z.array(
  z.object({
    addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() })),
  }),
);
const RouteDump = z.array(z.object({ dst: z.string() }));

export class HostInterface {
  readonly name: string;
  /** What we made and have not taken back, in order, by `keyOf`. */
  readonly #made = new Map<string, Step>();
  /** Optional steps that the host refused, by `keyOf`; tried again whenever a plan is applied. */
  #refused: ReadonlySet<string> = new Set();

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Makes what the plan has and the host lacks, then takes back what an earlier plan had.
   *
   * What somebody else made on the interface stays theirs. After an error everything this call
   * had made is gone again.
   *
   * @returns Which announced routes the host refused that it did not refuse before, one line each.
   * @throws {IpError}
   */
  async apply(plan: InterfacePlan): Promise<string[]> {
    const fresh: Step[] = [];
    const refused = new Map<string, string>();
    if (plan.mac === null) {
      // No link-local address: its router and multicast chatter has no route in the overlay.
      // Refused where the kernel has no IPv6, and then not needed.
      await ip(['link', 'set', 'dev', this.name, 'addrgenmode', 'none']).catch(() => '');
    }
    try {
      const link = [...linkSteps(this.name, plan), ...(await this.#missingAddresses(plan.addresses))];
      await this.#make(link, fresh, refused);
      const routes = routeSteps(this.name, plan, await this.#connectedRoutes());
      await this.#make(routes, fresh, refused);
      this.#takeBack(new Set([...link, ...routes].map(keyOf)));
    } catch (error) {
      removeSteps(fresh);
      for (const step of fresh) this.#made.delete(keyOf(step));
      throw error;
    }
    const before = this.#refused;
    this.#refused = new Set(refused.keys());
    return [...refused].filter(([key]) => !before.has(key)).map(([, problem]) => problem);
  }

  /**
   * Takes back all that was made, last first, before it returns: fit for exit handlers. May be
   * called any number of times, also after the interface is gone.
   *
   * @returns What could not be removed, one line each.
   */
  removeSync(): string[] {
    const problems = removeSteps([...this.#made.values()]);
    this.#made.clear();
    return problems;
  }

  /** What the operator should change on this host for the applied plan to work, one line each. */
  warnings(): string[] {
    const hasPolicy = [...this.#made.values()].some(
      ({ family, add }) => family === 4 && add.startsWith('rule '),
    );
    return (hasPolicy ? strictReversePaths(this.name) : []).map(
      (device) =>
        `${device} filters strictly by reverse path and will drop packets of peers whose address is routed into ` +
        `${this.name}; sysctl net.ipv4.conf.${device}.rp_filter=2`,
    );
  }

  /** @param fresh Gets what was made. @param refused Gets, by `keyOf`, why what is optional was not. */
  async #make(steps: readonly Step[], fresh: Step[], refused: Map<string, string>): Promise<void> {
    for (const batch of batches(steps.filter((step) => !this.#made.has(keyOf(step))))) {
      const commands = batch.map((step) => step.add);
      const [first] = batch;
      const family = first?.family ?? 4;
      if (first?.isOptional) {
        const came = await ipBatchForced(commands, family);
        for (const [index, step] of batch.entries()) {
          const why = came[index] ?? null;
          if (why === null) this.#note(step, fresh);
          else refused.set(keyOf(step), `ip ${step.add}: ${why}`);
        }
        continue;
      }
      const applied = await ipBatch(commands, family).then(
        () => null,
        (error: unknown) => error,
      );
      const done = applied instanceof IpError ? batch.slice(0, applied.applied) : batch;
      for (const step of done) this.#note(step, fresh);
      if (applied !== null) throw applied;
    }
  }

  #note(step: Step, fresh: Step[]): void {
    this.#made.set(keyOf(step), step);
    fresh.push(step);
  }

  #takeBack(wanted: ReadonlySet<string>): void {
    const stale = [...this.#made.values()].filter((step) => !wanted.has(keyOf(step)));
    removeSteps(stale);
    for (const step of stale) this.#made.delete(keyOf(step));
  }

  /** Steps for all addresses but those that somebody else gave the interface. */
  async #missingAddresses(addresses: readonly string[]): Promise<Step[]> {
    const dump = AddressDump.parse(await ipJson(['address', 'show', 'dev', this.name]));
    const present = new Set(
      dump
        .flatMap((link) => link.addr_info)
        .map(({ local, prefixlen }) =>
          local === undefined ? '' : canonicalAddress(`${local}/${prefixlen}`),
        ),
    );
    return addresses
      .map((address) => addressStep(this.name, canonicalAddress(address)))
      .filter((step) => this.#made.has(keyOf(step)) || !present.has(step.add.split(' ')[2] ?? ''));
  }

  /** Destinations that the interface reaches without us: its subnets, and what others routed there. */
  async #connectedRoutes(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (const family of ['-4', '-6']) {
      const args = [family, 'route', 'show', 'table', 'main', 'dev', this.name];
      const dump = RouteDump.parse(await ipJson(args).catch(() => []));
      for (const { dst } of dump) {
        if (dst === 'default') found.add(family === '-4' ? '0.0.0.0/0' : '::/0');
        else found.add(formatPrefix(parsePrefix(dst)));
      }
    }
    for (const step of this.#made.values()) {
      const [object, , dst] = step.add.split(' ');
      if (object === 'route' && dst !== undefined) found.delete(dst);
    }
    return found;
  }
}

/**
 * Removes the rules and the table that a killed predecessor with this interface name left.
 *
 * @returns How many rules there were.
 * @throws {IpError}
 */
export async function removeStaleRules(name: string): Promise<number> {
  let count = 0;
  for (const family of [4, 6] as const) {
    const Rules = z.array(z.object({ fwmark: z.string().optional() }));
    const rules = Rules.parse(await ipJson([`-${family}`, 'rule', 'show']).catch(() => []));
    const mark = `0x${policyTable(name).toString(16)}`;
    const stale = rules.filter((rule) => rule.fwmark === mark);
    await ipBatch(
      stale.map(() => `rule del ${ruleLabel(name)}`),
      family,
    );
    count += stale.length;
    // Fails where the table never existed.
    if (stale.length > 0)
      await ip([`-${family}`, 'route', 'flush', 'table', `${policyTable(name)}`]).catch(() => '');
  }
  return count;
}

/** The same rule text makes one rule per family. */
function keyOf(step: Step): string {
  return `-${step.family} ${step.add}`;
}

/**
 * Packets that wait for the agent; beyond, the kernel drops them. A TUN's 500 are used up in 0.1 s
 * at 40 Mbit/s, and a busy host lets a thread wait longer than that; Ethernet links have 1,000 too.
 */
const QUEUE_PACKETS = 1_000;

function linkSteps(name: string, plan: InterfacePlan): Step[] {
  const mac = plan.mac === null ? '' : ` address ${plan.mac}`;
  const add = `link set dev ${name}${mac} mtu ${plan.mtuBytes} txqueuelen ${QUEUE_PACKETS} up`;
  return [{ family: 4, isOptional: false, add, remove: null }];
}

/** `nodad`: nobody else has the address, and without it the first second of IPv6 would be lost. */
function addressStep(name: string, address: string): Step {
  const family = address.includes(':') ? 6 : 4;
  return {
    family,
    isOptional: false,
    add: `address add ${address} dev ${name}${family === 6 ? ' nodad' : ''}`,
    remove: `address del ${address} dev ${name}`,
  };
}

function canonicalAddress(address: string): string {
  const [host = '', length = ''] = address.split('/');
  const [text = ''] = formatPrefix(parsePrefix(host)).split('/');
  return length === '' ? `${text}/${text.includes(':') ? 128 : 32}` : `${text}/${length}`;
}

/** Runs of one family, and of what must be or may be: a batch of iproute2 has one of each, and order matters. */
function batches(steps: readonly Step[]): Step[][] {
  const found: Step[][] = [];
  for (const step of steps) {
    const last = found.at(-1);
    const [first] = last ?? [];
    if (first?.family === step.family && first.isOptional === step.isOptional) last?.push(step);
    else found.push([step]);
  }
  return found;
}

function removeSteps(steps: readonly Step[]): string[] {
  return batches(steps.filter((step) => step.remove !== null).reverse()).flatMap((batch) =>
    ipBatchSync(
      batch.map((step) => step.remove ?? ''),
      batch[0]?.family ?? 4,
    ),
  );
}
