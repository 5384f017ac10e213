/** The UDP sockets of all queues: opened, changed and closed as a whole. */
import { closeFd } from '../io/eventfd.ts';
import {
  boundPort,
  openUdpSocket,
  setFragmentation,
  sharePort,
  steerBySpi,
  type UdpSocket,
} from '../port/udp-socket.ts';

export interface SocketOptions {
  readonly listen: string;
  readonly listenPort: number;
  readonly queues: number;
  /** Whether outer packets larger than the path may be fragmented. */
  readonly fragment: boolean;
}

export class QueueSockets {
  /** Receive on the agent's port, one a queue. */
  readonly receivers: readonly UdpSocket[];
  /** Send, one a queue. The first is the first receiver; every other lane has a source port of its own. */
  readonly senders: readonly UdpSocket[];
  /** Ports that frames leave from, one a queue. */
  readonly sourcePorts: readonly number[];
  readonly #opened: UdpSocket[] = [];

  /** @throws {SystemCallError} with nothing left open. */
  constructor(options: SocketOptions) {
    try {
      this.receivers = this.#openReceivers(options);
      this.senders = this.#openSenders(options);
      this.sourcePorts = this.senders.map(({ fd }) => boundPort(fd));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whether received datagrams come merged. */
  get gro(): boolean {
    return this.receivers.every((socket) => socket.gro);
  }

  /** Lets outer packets larger than the path be fragmented, or refuses them. */
  setFragmentation(fragment: boolean): void {
    for (const { fd, family } of this.#opened) setFragmentation(fd, family, fragment);
  }

  close(): void {
    for (const { fd } of this.#opened.splice(0)) closeFd(fd);
  }

  #openReceivers({ listen, listenPort: port, queues, fragment }: SocketOptions): UdpSocket[] {
    const group: UdpSocket[] = [];
    for (let queue = 0; queue < queues; queue++) {
      const socket = this.#open(listen, port, queue > 0, fragment);
      if (queue === 0 && queues > 1) sharePort(socket.fd);
      group.push(socket);
    }
    if (queues > 1 && group[0] !== undefined) steerBySpi(group[0].fd, queues);
    return group;
  }

  /** The first lane uses the agent's port, so that NATs map it. */
  #openSenders({ listen, fragment }: SocketOptions): UdpSocket[] {
    return this.receivers.map((socket, queue) =>
      queue === 0 ? socket : this.#open(listen, 0, false, fragment),
    );
  }

  #open(listen: string, port: number, joinPort: boolean, fragment: boolean): UdpSocket {
    const socket = openUdpSocket({ listen, port, joinPort, fragment });
    this.#opened.push(socket);
    return socket;
  }
}
