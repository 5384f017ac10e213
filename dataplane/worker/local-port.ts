/** A local port of a network. */
import type { FramePort } from '../port/frame-port.ts';
import { StandingQueue } from './standing-queue.ts';

/** Owned by the worker of its network. */
export class LocalPort {
  /** The network's number for it. */
  readonly id: number;
  readonly port: FramePort;
  /** Whether it is the network's own interface, and so what comes is of this host's kernel. */
  readonly isHost: boolean;
  readonly standing = new StandingQueue();

  constructor(id: number, port: FramePort, isHost = false) {
    this.id = id;
    this.port = port;
    this.isHost = isHost;
  }
}
