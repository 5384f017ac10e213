/** A network as the main thread holds it: its interface on the host, its switch, and what its queues are to know. */
import { closeFd } from '../io/eventfd.ts';
import { SystemCallError } from '../io/libc.ts';
import { openTap, openTun, type TunDevice } from '../port/tun.ts';
import { steerByFlow } from '../port/tun-steering.ts';
import * as ethernet from '../wire/ethernet.ts';
import type { NetworkSpec, WorkerCommand } from './messages.ts';
import { PoolGuests } from './pool-guests.ts';
import type { PoolPorts, PortHost } from './pool-ports.ts';
import { PoolRelay } from './pool-relay.ts';
import { PoolSwitch } from './pool-switch.ts';

export interface NetworkOptions extends NetworkSpec {
  /** Name of the interface that it gets, TUN or, with a switch, TAP; null for none. */
  readonly interfaceName: string | null;
  /**
   * Whether a network of IP packets is to have guests or a relay: one queue serves it then. It can when it
   * has no interface, too.
   */
  readonly guests?: boolean;
}

/** What packets of an Ethernet network have in front; with a VLAN's tag, so that tagged ones fit a path as well. */
export const FRAME_HEADER_LEN = ethernet.HEADER_LEN + ethernet.TAG_LEN;

/** One queue serves a network with ports, so that it has one table. */
export const PORT_QUEUE = 0;

/** Owns the interface's descriptors, which outlive a queue's thread. */
export class PoolNetwork {
  readonly spec: NetworkSpec;
  readonly device: TunDevice | null;
  /** null in a network of IP packets. */
  readonly switch: PoolSwitch | null;
  /** null in a network of Ethernet frames, and in one that all of several queues serve. */
  readonly guests: PoolGuests | null;
  /** null where several queues serve the network; else there may be one. */
  readonly relay: PoolRelay | null;
  /** The only queue that serves the network, null where all do. */
  readonly queue: number | null;
  /** Why flows may change queues, null when none does. That costs order, not packets. */
  readonly steeringFault: string | null;
  /** Whether somebody removed the interface. */
  isLost = false;

  /** @throws {SystemCallError} with nothing left open. */
  constructor({ interfaceName, guests = false, ...spec }: NetworkOptions, queues: number, host: PortHost) {
    this.spec = spec;
    const { vni } = spec;
    if (spec.switch !== null) {
      this.device = interfaceName === null ? null : openTap(interfaceName, 1);
      this.switch = makeSwitch(vni, host, this.device);
      this.guests = null;
      this.relay = new PoolRelay(vni, host, true);
      this.queue = PORT_QUEUE;
      this.steeringFault = null;
      return;
    }
    this.switch = null;
    this.queue = guests || interfaceName === null ? PORT_QUEUE : null;
    const own = this.queue === null ? queues : 1;
    this.guests = own === 1 ? new PoolGuests(vni, host) : null;
    this.relay = own === 1 ? new PoolRelay(vni, host, false) : null;
    this.device = interfaceName === null ? null : openTun(interfaceName, own);
    this.steeringFault = own === 1 || this.device === null ? null : steer(this.device);
  }

  get vni(): number {
    return this.spec.vni;
  }

  /** What it joins here; null where it takes no ports. */
  get ports(): PoolPorts | null {
    return this.switch ?? this.guests;
  }

  isServedBy(queue: number): boolean {
    return this.queue === null || this.queue === queue;
  }

  /** What makes the network on a queue. */
  commands(queue: number): WorkerCommand[] {
    if (!this.isServedBy(queue)) return [];
    const add: WorkerCommand = { kind: 'addNetwork', network: this.spec };
    const fd = this.switch === null ? this.device?.fds[queue] : undefined;
    const tun: WorkerCommand[] =
      fd === undefined ? [] : [{ kind: 'addPort', vni: this.vni, port: { kind: 'tun', id: 0, fd } }];
    return [add, ...(this.relay?.commands() ?? []), ...tun, ...(this.ports?.portCommands() ?? [])];
  }

  /** Removes the interface and closes all ports. No queue may use them any more. */
  close(): void {
    this.ports?.close();
    this.relay?.close();
    for (const fd of this.device?.fds ?? []) closeFd(fd);
  }
}

/** @throws {RangeError} when the interface can have no number; it is closed then. */
function makeSwitch(vni: number, host: PortHost, tap: TunDevice | null): PoolSwitch {
  try {
    return new PoolSwitch(vni, host, tap);
  } catch (error) {
    for (const fd of tap?.fds ?? []) closeFd(fd);
    throw error;
  }
}

function steer(device: TunDevice): string | null {
  const [fd = -1] = device.fds;
  try {
    steerByFlow(fd);
    return null;
  } catch (error) {
    if (error instanceof SystemCallError) return error.message;
    for (const open of device.fds) closeFd(open);
    throw error;
  }
}
