/** The guests of a network of IP packets as the main thread holds them. */
import type { NeighbourEntry } from '../l2/neighbour-table.ts';
import type { GuestsReading } from './messages.ts';
import { PoolPorts } from './pool-ports.ts';

export class PoolGuests extends PoolPorts {
  read(): Promise<GuestsReading> {
    return this.host.ask({ kind: 'readGuests', vni: this.vni });
  }

  neighbours(): Promise<readonly NeighbourEntry[]> {
    return this.host.ask({ kind: 'listGuestNeighbours', vni: this.vni });
  }
}
