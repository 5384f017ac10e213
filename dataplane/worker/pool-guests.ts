/** The guests of a network of IP packets as the main thread holds them. */
import type { NeighbourEntry } from '../l2/neighbour-table.ts';
import type { GuestsReading } from './messages.ts';
import { PoolPorts } from './pool-ports.ts';
import { unlessGone } from './queue-thread.ts';

export class PoolGuests extends PoolPorts {
  /** @returns null while the thread of its queue is gone. */
  read(): Promise<GuestsReading | null> {
    return this.host.ask({ kind: 'readGuests', vni: this.vni }).catch(unlessGone);
  }

  neighbours(): Promise<readonly NeighbourEntry[]> {
    return this.host.ask({ kind: 'listGuestNeighbours', vni: this.vni });
  }
}
