/** The VXLAN sockets of the host, each shared by the ports that listen on the same address and port. */
import { closeFd } from '../io/eventfd.ts';
import { SystemCallError } from '../io/libc.ts';
import { joinGroup, leaveGroup, openVxlanSocket, type VxlanSocket } from '../port/vxlan-socket.ts';

export interface VxlanSocketUse {
  readonly listen: string;
  readonly listenPort: number;
  readonly device: string | null;
  readonly group: string | null;
  /** Routers that frames to the group may pass. */
  readonly ttl: number;
}

/** A use of a socket. */
export interface VxlanLease {
  readonly socket: VxlanSocket;
  /** Ends it; with the last one the socket closes. */
  close(): void;
}

interface Shared {
  readonly socket: VxlanSocket;
  /** The groups of its users, once for each. */
  readonly groups: (string | null)[];
}

/** Owned by the main thread. */
export class VxlanSockets {
  readonly #shared = new Map<string, Shared>();

  /** @throws {SystemCallError | VxlanError} with nothing left open. */
  open(use: VxlanSocketUse): VxlanLease {
    const key = `${use.listen} ${use.listenPort} ${use.device ?? ''}`;
    const known = this.#shared.get(key);
    const shared = known ?? { socket: openSocket(use), groups: [] };
    try {
      const { group } = use;
      if (group !== null && !shared.groups.includes(group)) joinGroup(shared.socket, group);
    } catch (error) {
      if (known === undefined) closeFd(shared.socket.fd);
      throw error;
    }
    shared.groups.push(use.group);
    this.#shared.set(key, shared);
    return { socket: shared.socket, close: () => this.#close(key, shared, use.group) };
  }

  #close(key: string, shared: Shared, group: string | null): void {
    shared.groups.splice(shared.groups.indexOf(group), 1);
    if (shared.groups.length === 0) {
      this.#shared.delete(key);
      closeFd(shared.socket.fd);
    } else if (group !== null && !shared.groups.includes(group)) leave(shared.socket, group);
  }
}

function leave(socket: VxlanSocket, group: string): void {
  try {
    leaveGroup(socket, group);
  } catch (error) {
    // Where the interface is gone, the membership went with it.
    if (!(error instanceof SystemCallError)) throw error;
  }
}

function openSocket({ listen, listenPort: port, device, ttl: groupTtl }: VxlanSocketUse): VxlanSocket {
  return openVxlanSocket({ listen, port, device, groupTtl });
}
