/** A network as the main thread holds it: its interface on the host, and what its queues are to know. */
import { closeFd } from '../io/eventfd.ts';
import { SystemCallError } from '../io/libc.ts';
import { openTun, type TunDevice } from '../port/tun.ts';
import { steerByFlow } from '../port/tun-steering.ts';
import type { NetworkSpec, WorkerCommand } from './messages.ts';

export interface NetworkOptions extends NetworkSpec {
  /** Name of the TUN interface that it gets. */
  readonly interfaceName: string;
}

/** Owns the interface's descriptors, which outlive a queue's thread. */
export class PoolNetwork {
  readonly spec: NetworkSpec;
  readonly device: TunDevice;
  /** Why flows may change queues, null when none does. That costs order, not packets. */
  readonly steeringFault: string | null;
  isLost = false;

  /** @throws {SystemCallError} with nothing left open. */
  constructor({ interfaceName, ...spec }: NetworkOptions, queues: number) {
    this.spec = spec;
    this.device = openTun(interfaceName, queues);
    this.steeringFault = queues === 1 ? null : steer(this.device);
  }

  get vni(): number {
    return this.spec.vni;
  }

  /** What makes the network on a queue. */
  commands(queue: number): WorkerCommand[] {
    const fd = this.device.fds[queue] ?? -1;
    return [
      { kind: 'addNetwork', network: this.spec },
      { kind: 'addPort', vni: this.vni, port: { kind: 'tun', fd } },
    ];
  }

  /** Removes the interface. No queue may use it any more. */
  close(): void {
    for (const fd of this.device.fds) closeFd(fd);
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
